"""Help given in the hall, on a phone: two taps, with or without a network; and somebody who is unwell."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from careline.care.contacts.models import ContactSummary, UnwellAlert
from tests.journeys.acting import eventually, picture

PHONE = {"width": 390, "height": 844}


def test_help_is_logged_in_two_taps_and_kept_without_a_network(town, people):
    hall = people.staff("taras", "/hall/", **PHONE, locale="uk-UA")
    expect(hall.locator("#count")).to_have_text("0")
    picture(hall, "hall-topics")
    hall.locator(".tile").filter(has_text="Prescription").click()
    picture(hall, "hall-outcome")
    hall.locator(".end").filter(has_text="Helped on the spot").click()
    expect(hall.locator("#toast-what")).to_have_text("Logged")
    expect(hall.locator("#count")).to_have_text("1")
    walk_ins = ContactSummary.objects.filter(organisation_id=town.organisation.pk, channel="walk_in")
    eventually(hall, lambda: walk_ins.count() == 1)

    hall.context.set_offline(True)
    for topic, outcome in (("Booking", "Showed how"), ("Test results", "Walked them there")):
        hall.locator(".tile").filter(has_text=topic).click()
        hall.locator(".end").filter(has_text=outcome).click()
        expect(hall.locator("#toast-more")).to_contain_text("Kept on this phone")
    expect(hall.locator("#waiting-n")).to_have_text("2")
    expect(hall.locator("#count")).to_have_text("3")
    picture(hall, "hall-offline")
    assert walk_ins.count() == 1
    hall.reload()  # without a network the page opens all the same, and has forgotten nothing
    expect(hall.locator("#waiting-n")).to_have_text("2")

    hall.context.set_offline(False)
    expect(hall.locator("#waiting")).to_be_hidden()
    eventually(hall, lambda: walk_ins.count() == 3)
    hall.reload()
    hall.click("#open-day")
    expect(hall.locator("#day .log li")).to_have_count(3)
    picture(hall, "hall-day")
    outcomes = sorted(walk_ins.values_list("topic__code", "outcome"))
    assert outcomes == [("booking", "shown"), ("results", "walked"), ("rx", "helped")]


def test_entry_the_server_refuses_is_said_not_counted_and_does_not_stop_the_next(town, people):
    hall = people.staff("taras", "/hall/", **PHONE)
    expect(hall.locator("#count")).to_have_text("0")
    walk_ins = ContactSummary.objects.filter(organisation_id=town.organisation.pk, channel="walk_in")
    hall.context.set_offline(True)
    for topic, outcome in (("Test results", "Helped on the spot"), ("Booking", "Showed how")):
        hall.locator(".tile").filter(has_text=topic).click()
        hall.locator(".end").filter(has_text=outcome).click()
    expect(hall.locator("#waiting-n")).to_have_text("2")
    town.topics["results"].delete()  # while the phone was away somebody took the topic out of use

    hall.context.set_offline(False)
    expect(hall.locator("#waiting")).to_be_hidden()
    expect(hall.locator("#trouble")).to_contain_text("This topic is not used here.")
    expect(hall.locator("#count")).to_have_text("1")
    eventually(hall, lambda: walk_ins.count() == 1)
    picture(hall, "hall-refused")
    assert walk_ins.get().topic == town.topics["booking"]
    expect(hall.locator("#undo")).to_be_visible()  # of the entry that was taken
    hall.locator("#undo").click()
    expect(hall.locator("#toast-what")).to_have_text("Taken back")
    expect(hall.locator("#count")).to_have_text("0")


def test_refused_entry_offers_nothing_to_take_back(town, people):
    hall = people.staff("taras", "/hall/", **PHONE)
    expect(hall.locator("#count")).to_have_text("0")
    hall.context.set_offline(True)
    hall.locator(".tile").filter(has_text="Test results").click()
    hall.locator(".end").filter(has_text="Helped on the spot").click()
    expect(hall.locator("#undo")).to_be_visible()
    town.topics["results"].delete()
    hall.context.set_offline(False)
    expect(hall.locator("#trouble")).to_be_visible()
    expect(hall.locator("#toast")).to_be_hidden()
    expect(hall.locator("#count")).to_have_text("0")


def test_undo_pressed_while_the_entry_is_being_sent_takes_it_back(town, people):
    hall = people.staff("taras", "/hall/", **PHONE, service_workers="block")
    expect(hall.locator("#count")).to_have_text("0")
    held: list[Route] = []
    asked: list[str] = []
    hall.on("request", lambda request: asked.append(request.url) if request.url.endswith("/undo/") else None)
    hall.route("**/hall/log/", lambda route: held.append(route))
    hall.locator(".tile").filter(has_text="Prescription").click()
    hall.locator(".end").filter(has_text="Helped on the spot").click()
    eventually(hall, lambda: len(held) == 1)
    hall.locator("#undo").click()
    hall.locator("#undo").click()  # pressed twice
    hall.wait_for_timeout(300)
    assert asked == []  # the server has not answered yet: there is no contact to take back

    held[0].continue_()
    expect(hall.locator("#toast-what")).to_have_text("Taken back")
    expect(hall.locator("#count")).to_have_text("0")
    expect(hall.locator("#waiting")).to_be_hidden()
    assert len(asked) == 1
    logged = ContactSummary.objects.get(organisation_id=town.organisation.pk, channel="walk_in")
    assert logged.undone


def test_doctor_answers_the_alert_and_the_clock_runs_until_someone_has_come(town, people):
    hall = people.staff("taras", "/hall/", **PHONE)
    doctor = people.staff("andrii", "/hall/alerts/", **PHONE)
    desk = people.operator("marichka")
    shift = people.staff("vira", "/supervise/")
    expect(doctor.get_by_text("Nobody is waiting for a doctor.")).to_be_visible()
    hall.get_by_role("button", name="Person unwell: call a doctor").click()
    expect(hall.get_by_role("heading", name="Calling a doctor")).to_be_visible()
    expect(hall.locator("#sos-time")).not_to_have_text("0:00")
    picture(hall, "hall-unwell")

    coming = doctor.get_by_role("button", name="I am coming")
    expect(coming).to_be_visible()
    expect(desk.locator("#strip-unwell")).to_be_visible()
    expect(shift.locator("#p-alerts")).to_contain_text("Someone is unwell")
    picture(doctor, "hall-alerts")
    coming.click()
    expect(hall.get_by_role("heading", name="A doctor is coming")).to_be_visible()
    expect(hall.locator("#sos-who")).to_contain_text("Шевчук")
    clock = doctor.locator("[data-alert] time")
    before = clock.inner_text()
    expect(clock).not_to_have_text(before)

    doctor.get_by_role("button", name="I am with them").click()
    expect(hall.get_by_role("heading", name="Help has come")).to_be_visible()
    expect(desk.locator("#strip-unwell")).to_be_hidden()
    expect(doctor.get_by_text("Nobody is waiting for a doctor.")).to_be_visible()
    [alert] = UnwellAlert.objects.filter(organisation=town.organisation)
    assert alert.seen_by == town.people["andrii"]
    assert alert.raised_at <= alert.seen_at <= alert.come_at
