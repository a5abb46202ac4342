"""The main job, end to end and on real voice: a patient calls, an operator answers, the contact is on the ledger."""

from __future__ import annotations

import csv
import io
import time
from datetime import datetime
from zoneinfo import ZoneInfo

from playwright.sync_api import Page, expect

from careline.care.contacts.models import ContactPatient, ContactSummary, LedgerRow
from tests.journeys.acting import (
    answer,
    both_hear,
    call,
    end,
    eventually,
    hear,
    more_is_heard,
    picture,
    pictures,
    record,
    shown,
    state,
)

BACK_WITHIN_S = 3.0  # a reload of the desk in mid-call
PHONE = (390, 844)
DESKTOP = (1440, 900)


def test_patient_calls_waits_and_talks_and_all_screens_count_the_same(town, people, product):
    desk = people.staff("marichka")
    state(desk, "offline")
    picture(desk, "desk-off")
    patient = people.patient()
    pictures(patient, "call-topic", phone=PHONE, desktop=DESKTOP)
    call(patient, "Рецепт")
    shown(patient, "queue")
    expect(patient.locator("#place-n")).to_have_text("1")
    expect(patient.locator("#place-w")).not_to_be_empty()
    gives_up = somebody_gives_up(people)

    desk.keyboard.press("F2")
    state(desk, "ring")
    expect(desk.locator("#offer")).to_be_visible()
    picture(desk, "desk-offer")
    answer(desk)
    at_the_desk, at_the_page = both_hear(desk, patient)
    print(f"heard at the desk {at_the_desk}, at the patient's page {at_the_page}")
    pictures(patient, "call-talk", phone=PHONE, desktop=DESKTOP)
    gives_up.click('[data-act="hang_up"]:visible')
    shown(gives_up, "after")

    held_and_found(desk, patient)
    end(desk)
    desk.get_by_role("radio", name="Prescription").check(force=True)
    desk.locator("#note").fill("Метформін на місяць, донька забере.")
    picture(desk, "desk-wrap-up")
    shown(patient, "after")
    patient.check('[name="rating"][value="5"]', force=True)
    expect(patient.locator("#rated")).to_be_visible()
    pictures(patient, "call-after", phone=PHONE, desktop=DESKTOP)
    record(desk, "Prescription", "Request raised")
    state(desk, "ready")
    expect(desk.get_by_role("heading", name="You are ready")).to_be_visible()
    expect(desk.locator("#today dd").first).to_have_text("1")
    picture(desk, "desk-ready")

    answered = town.contacts()[0]
    outcome = LedgerRow.objects.get(kind="OutcomeRecorded", subject=answered.pk)
    assert outcome.data["outcome"] == "request"
    assert ContactPatient.objects.get(contact=answered).patient == town.oksana
    eventually(desk, lambda: ContactSummary.objects.get(pk=answered.pk).rating == 5)
    every_screen_counts_the_same(town, people, product)


def somebody_gives_up(people) -> Page:
    """The second in the queue, who will not wait."""
    patient = people.patient("en")
    patient.locator(".top").filter(has_text="Booking").click()
    expect(patient.locator("#mic-said")).to_be_visible()
    pictures(patient, "call-microphone", phone=PHONE, desktop=DESKTOP)
    patient.click("#call-now")
    shown(patient, "queue")
    expect(patient.locator("#place-n")).to_have_text("2")
    expect(patient.locator("#place-h")).not_to_be_empty()
    pictures(patient, "call-queue", phone=PHONE, desktop=DESKTOP)
    return patient


def held_and_found(desk: Page, patient: Page) -> None:
    """On hold and back; the patient's card found and chosen from the keyboard, in another alphabet."""
    desk.keyboard.press("F4")
    state(desk, "hold")
    picture(desk, "desk-hold")
    desk.keyboard.press("F4")
    state(desk, "talk")
    more_is_heard(desk, patient)
    desk.keyboard.press("/")
    desk.keyboard.type("honcharenko oks")
    desk.locator("#hits [data-patient]").first.click()
    expect(desk.locator("#who").get_by_text("Алергія: пеніцилін")).to_be_visible()
    desk.get_by_role("radio", name="the patient", exact=True).check(force=True)
    picture(desk, "desk-call")
    pictures(desk, "desk-call", phone=PHONE)
    desk.evaluate("() => document.documentElement.dataset.theme = 'dark'")
    picture(desk, "desk-call-dark")
    desk.evaluate("() => delete document.documentElement.dataset.theme")


def every_screen_counts_the_same(town, people, product) -> None:
    """One answered, one given up: on the wall, before the supervisor, in the list, in the file and in the report."""
    wall = people.staff("vira", "/board/", 1920, 1080)
    shift = people.staff("vira", "/supervise/")
    for page in (wall, shift):
        heroes = page.locator(".heroes .hero")
        expect(heroes.nth(3).locator(".hero__n")).to_have_text("1")
        expect(heroes.nth(3)).to_contain_text("of 2 offered")
        expect(heroes.nth(4).locator(".hero__n")).to_have_text("50.0%")
        expect(heroes.nth(4)).to_contain_text("1, reached again 0")
        expect(heroes.nth(1).locator(".hero__n")).to_have_text("0")
    level = wall.locator(".hero--sl .hero__n").inner_text().rstrip("%")
    assert shift.locator(".hero--sl .hero__n").inner_text().rstrip("%") == level

    listed = people.staff("vira", "/contacts/")
    expect(listed.locator("[data-opens]")).to_have_count(2)
    with listed.expect_download() as file:
        listed.get_by_role("button", name="Export as CSV").click()
    rows = list(csv.DictReader(io.StringIO(file.value.path().read_text(encoding="utf-8-sig"))))
    assert sorted((row["cause"], row["outcome"]) for row in rows) == [("abandoned", ""), ("completed", "request")]
    listed.locator("[data-opens]").last.click()
    expect(listed.locator("#card")).to_contain_text("Request raised")
    picture(listed, "contacts")

    today = datetime.now(ZoneInfo(town.organisation.timezone)).date().isoformat()
    report = product.careline("report", "day", "--organisation", town.organisation.code, "--from", today, "--csv")
    told = {row["code"]: row["value"] for row in csv.DictReader(io.StringIO(report))}
    wanted = {"volume_offered": "2", "volume_answered": "1", "volume_abandoned": "1", "abandonment": "0.5"}
    assert {code: told[code] for code in wanted} == wanted
    assert f"{100 * float(told['service_level']):.0f}" == level


def test_reload_of_the_desk_in_mid_call_brings_the_talk_back_within_three_seconds(people):
    desk, patient = people.operator("marichka"), people.patient()
    call(patient, "Запис")
    answer(desk)
    both_hear(desk, patient)
    desk.locator("#note").fill("Просить після обіду")
    expect(desk.locator("#drafted")).to_contain_text("Draft")

    began = time.monotonic()
    desk.reload(wait_until="commit")
    desk.wait_for_selector('body[data-media="connected"]')
    back_s = time.monotonic() - began
    print(f"talk back after the desk's reload: {back_s:.2f} s")
    assert back_s <= BACK_WITHIN_S
    both_hear(desk)
    more_is_heard(desk, patient)
    expect(desk.locator("#note")).to_have_value("Просить після обіду")
    end(desk)


def test_callback_keeps_the_place_and_rings_the_open_page(town, people):
    first, later = people.patient(), people.patient("en")
    call(first, "Рецепт")
    shown(first, "queue")
    call(later, "Booking", name="", number="")
    shown(later, "queue")
    first.click("#ask-callback")
    pictures(first, "call-back", phone=PHONE, desktop=DESKTOP)
    first.click("#confirm-callback")
    shown(first, "promised")
    pictures(first, "call-promised", phone=PHONE, desktop=DESKTOP)
    expect(later.locator("#place-n")).to_have_text("2")

    desk = people.operator("marichka")
    state(desk, "ring")
    expect(desk.locator("#offer")).to_contain_text("asked to be called back")
    picture(desk, "desk-call-back")
    desk.keyboard.press("F2")
    shown(first, "ringing")
    pictures(first, "call-rings", phone=PHONE, desktop=DESKTOP)
    first.click('[data-act="callback_answer"]')
    state(desk, "talk")
    both_hear(desk, first)
    expect(later.locator("#place-n")).to_have_text("1")
    end(desk)
    record(desk, "Prescription", "Question answered")
    answer(desk)
    both_hear(desk, later)
    end(desk)
    kept, second = (ContactSummary.objects.get(pk=contact.pk) for contact in town.contacts())
    assert kept.callback_asked_at is not None
    assert (kept.outcome, kept.answered_at < second.answered_at) == ("answered", True)


def test_call_is_handed_to_a_colleague_with_its_draft(town, people):
    first, patient = people.operator("marichka"), people.patient()
    call(patient, "Запис")
    answer(first)
    both_hear(first, patient)
    first.locator("#note").fill("Питає про кардіолога")
    expect(first.locator("#drafted")).to_contain_text("Draft")

    second = people.operator("olena")
    state(second, "ready")
    give = first.locator("#transfer").get_by_role("button", name="Transfer Олена Кравчук")
    expect(give).to_be_enabled()
    picture(first, "desk-transfer")
    first.keyboard.press("Shift+F8")
    expect(give).to_be_focused()
    first.keyboard.press("Enter")

    answer(second)
    expect(second.locator("#note")).to_have_value("Питає про кардіолога")
    both_hear(second)
    more_is_heard(second, patient)
    state(first, "wrap")
    end(second)
    record(second, "Booking a visit", "Visit booked")
    state(second, "ready")
    [contact] = town.contacts()
    assert LedgerRow.objects.filter(kind="TalkTransferred", subject=contact.pk).count() == 1
    eventually(second, lambda: (town.summary().transfers, town.summary().outcome) == (1, "booked"))


def test_who_cannot_speak_writes(town, people):
    desk, patient = people.operator("marichka"), people.patient()
    call(patient, "Рецепт", "text")
    answer(desk)
    shown(patient, "talk")
    patient.fill("#write-text", "Втратила голос, пишу")
    patient.press("#write-text", "Enter")
    expect(desk.locator("#chat-lines").get_by_text("Втратила голос, пишу")).to_be_visible()
    desk.locator("#chat-greet").click()
    expect(desk.locator("#chat-text")).to_be_focused()
    desk.keyboard.press("Enter")
    expect(patient.locator("#lines")).to_contain_text("Доброго дня! Амбулаторія Тихий Став, мене звати Марічка")
    expect(desk.locator("#chat-text")).to_have_value("")
    picture(desk, "desk-text")
    pictures(patient, "call-text", phone=PHONE, desktop=DESKTOP)
    patient.click('[data-act="hang_up"]:visible')
    state(desk, "wrap")
    record(desk, "Prescription", "Question answered")
    state(desk, "ready")
    eventually(desk, lambda: (town.summary().channel, town.summary().outcome) == ("text", "answered"))


def test_video_shows_both_to_each_other(people):
    desk, patient = people.operator("marichka"), people.patient()
    call(patient, "Результати", "video")
    answer(desk)
    both_hear(desk, patient)
    eventually(desk, lambda: min(hear(desk)["frames"], hear(patient)["frames"]) > 5)
    expect(desk.locator("#film-none")).to_be_hidden()
    expect(patient.locator("#far-video")).to_be_visible()
    picture(desk, "desk-video")
    pictures(patient, "call-video", phone=PHONE, desktop=DESKTOP)
    end(desk)


def test_danger_to_life_reaches_the_supervisor(town, people):
    desk, patient = people.operator("marichka"), people.patient()
    call(patient, "Запис", name="", number="")
    state(desk, "ring")
    picture(desk, "desk-unknown-caller")
    answer(desk)
    shift = people.staff("vira", "/supervise/")
    desk.keyboard.press("F9")
    expect(desk.get_by_role("button", name="Pressed by mistake")).to_be_visible()
    expect(desk.locator("#call-facts").get_by_text("Danger to life")).to_be_visible()
    picture(desk, "desk-danger")
    eventually(desk, lambda: town.summary().emergency)
    expect(shift.locator("#p-alerts")).to_contain_text("Danger to life")
    picture(shift, "shift-danger")
    end(desk)
