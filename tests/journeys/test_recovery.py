"""Who gave up is called back, and every screen says so: the shift, the desk and the figures."""

from __future__ import annotations

from playwright.sync_api import expect

from careline.care.contacts.models import ContactSummary, LedgerRow
from tests.journeys.acting import call, eventually, picture, shown

PHONE = {"width": 390, "height": 844}


def give_up(people, number: str) -> None:
    patient = people.patient()
    call(patient, "Рецепт", name="Галина", number=number)
    shown(patient, "queue")
    patient.click('[data-act="hang_up"]:visible')


def test_call_back_is_noted_from_the_keyboard_and_taken_back(town, people):
    shift, desk = people.staff("vira", "/supervise/"), people.staff("olena", "/desk/")
    for number in ("+380505550170", "+380505550171"):
        give_up(people, number)
    lost = ContactSummary.objects.filter(organisation_id=town.organisation.pk, cause="abandoned")
    eventually(shift, lambda: lost.count() == 2, 60)
    rows = shift.locator("#p-recovery tbody tr")
    expect(rows).to_have_count(2, timeout=30_000)

    shift.get_by_role("button", name="No answer 01-70").focus()
    shift.keyboard.press("Enter")
    expect(rows.filter(has_text="01-70").locator(".tries")).to_contain_text("1 try")
    expect(desk.locator("#tasks")).to_contain_text("called back once in vain")
    shift.get_by_role("button", name="Reached 01-70").focus()
    shift.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    expect(desk.locator("[id^=reached-]")).to_have_count(1)
    expect(desk.locator("#today")).to_contain_text("1")
    picture(shift, "shift-called-back")
    shift.set_viewport_size(PHONE)
    picture(shift, "shift-called-back-phone")

    shift.locator(".noted button").first.focus()
    shift.keyboard.press("Enter")
    expect(rows).to_have_count(2)

    desk.locator("[id^=reached-]").first.dblclick()  # a double click is one attempt
    expect(desk.locator(".noted li")).to_have_count(1)
    picture(desk, "desk-called-back")
    expect(desk.locator("[id^=reached-]")).to_have_count(1)
    assert lost.filter(recovered_at__isnull=False).count() == 1
    tries = LedgerRow.objects.filter(kind="RecoveryTried", subject__in=lost.values("pk"))
    assert tries.count() == 3
