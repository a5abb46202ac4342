"""What a supervisor orders is seen where it counts: on the desks, on the patients' pages, on the wall."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from careline.base.audit.models import AuditRow
from careline.care.contacts.models import LedgerRow, ReasonText
from tests.journeys.acting import answer, both_hear, call, end, picture, pictures, shown, state

PHONE = (390, 844)


def asked(shift: Page, button: str, heading: str) -> None:
    shift.get_by_role("button", name=button).first.click()
    expect(shift.get_by_role("heading", name=heading)).to_be_visible()


def done(shift: Page, button: str, reason: str = "") -> None:
    if reason:
        shift.get_by_label("Reason").fill(reason)
    shift.get_by_role("dialog").get_by_role("button", name=button).click()
    expect(shift.get_by_role("dialog")).to_have_count(0)


def test_contact_is_moved_with_a_reason_and_answered_first(town, people):
    shift = people.staff("vira", "/supervise/")
    first, second = people.patient(), people.patient()
    call(first, "Рецепт")
    shown(first, "queue")
    call(second, "Запис", name="Галина", number="+380505550170")
    expect(second.locator("#place-n")).to_have_text("2")
    asked(shift, "Move 01-70", "Move a waiting contact")
    shift.locator(".chip").filter(has_text="15 minutes").click()
    picture(shift, "shift-question")
    done(shift, "Move the contact", "feels faint")
    expect(second.locator("#place-n")).to_have_text("1")
    expect(first.locator('[data-when="wait"]')).to_be_visible()  # overtaken: the wait is announced instead
    expect(first.locator("#place-n")).to_be_empty()
    moved = LedgerRow.objects.get(kind="ContactReordered", subject=town.contacts()[1].pk)
    assert (moved.data["head_start_s"], moved.data["emergency"]) == (900.0, False)
    assert ReasonText.objects.get(subject=moved.subject).text == "feels faint"

    desk = people.operator("marichka")
    answer(desk)
    both_hear(desk, second)
    expect(desk.locator("#caller")).to_contain_text("Галина")
    shown(first, "queue")
    wall = people.staff("olena", "/board/", 1920, 1080)
    expect(wall.locator(".heroes .hero").nth(1).locator(".hero__n")).to_have_text("1")
    picture(wall, "wallboard")
    pictures(shift, "shift", desktop=(1440, 900), phone=PHONE)
    end(desk)


def test_closed_line_is_closed_for_the_next_and_kept_for_who_waits(town, people):
    shift = people.staff("vira", "/supervise/")
    waits = people.patient()
    call(waits, "Рецепт")
    shown(waits, "queue")
    asked(shift, f"Close {town.line.name}", f"Close {town.line.name}")
    done(shift, "Close the line", "burst pipe")
    expect(shift.locator("#p-lines")).to_contain_text("closed by a supervisor")
    turned_away = people.patient()
    shown(turned_away, "closed")
    pictures(turned_away, "call-closed", phone=PHONE, desktop=(1440, 900))
    shown(waits, "queue")
    wall = people.staff("olena", "/board/", 1920, 1080)
    expect(wall.locator(".al")).to_contain_text("Line closed")

    asked(shift, f"Open {town.line.name}", f"Open {town.line.name}")
    done(shift, "Open the line", "mended")
    turned_away.reload()
    shown(turned_away, "topic")
    trail = AuditRow.objects.filter(action__in=("line.closed", "line.opened"), subject_ids=[town.line.pk])
    assert sorted(trail.values_list("action", "reason")) == [("line.closed", "burst pipe"), ("line.opened", "mended")]


def test_announcement_and_message_reach_desks_callers_and_the_wall(people):
    shift, desk = people.staff("vira", "/supervise/"), people.operator("marichka")
    wall = people.staff("olena", "/board/", 1920, 1080)
    state(desk, "ready")
    asked(shift, "Emergency announcement", "Emergency announcement")
    shift.locator("[name=text_uk]").fill("Пожежа в корпусі Б: не приходьте")
    shift.locator("[name=text_en]").fill("Fire in block B: do not come")
    picture(shift, "shift-announcement")
    done(shift, "Announce")
    expect(desk.locator(".news")).to_contain_text("Fire in block B")
    expect(wall.locator(".al")).to_contain_text("Fire in block B")
    patient = people.patient()
    expect(patient.get_by_text("Пожежа в корпусі Б")).to_be_visible()
    pictures(patient, "call-announcement", phone=PHONE)
    asked(shift, "Withdraw", "Withdraw the announcement")
    done(shift, "Withdraw")
    expect(desk.locator(".news")).not_to_contain_text("Fire in block B")

    asked(shift, "Message to all desks", "Message to all desks")
    shift.locator("[name=text]").fill("The laboratory is back at 11")
    done(shift, "Send the message")
    expect(desk.locator("#strip-notice")).to_contain_text("The laboratory is back at 11")
    picture(desk, "desk-message")


def test_forced_state_is_seen_at_the_desk(town, people):
    shift, desk = people.staff("vira", "/supervise/"), people.operator("marichka")
    state(desk, "ready")
    asked(shift, "Set state Довгань", "Set the state of Марічка Довгань")
    shift.locator(".chip").filter(has_text="Break").click()
    done(shift, "Set the state", "eight hours without a pause")
    state(desk, "paused")
    expect(desk.locator("#state-word")).to_have_text("Paused")
    picture(desk, "desk-break")
    wall = people.staff("olena", "/board/", 1920, 1080)
    expect(wall.locator(".grp--away")).to_contain_text("Довгань")
    reason = ReasonText.objects.get(subject=town.people["marichka"].pk)
    assert reason.text == "eight hours without a pause"
    assert LedgerRow.objects.get(data__reason=f"text:{reason.pk}").kind == "AgentPaused"
