"""The way in, the administration, and the screens in other languages."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from careline.base.accounts.models import User
from tests.faces.door.test_sign_in import code_of
from tests.journeys.acting import answer, call, picture, pictures, shown, state
from tests.journeys.towns import PASSWORD

PHONE = (390, 844)
WALL = (1920, 1080)


def test_second_step_is_set_up_and_asked_at_the_next_sign_in(town, people):
    page = people.staff("vira", "/accounts/2fa/totp/activate/")
    page.wait_for_url("**/reauthenticate/**")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/totp/activate/")
    pictures(page, "second-step-set-up", desktop=(1440, 900), phone=PHONE)
    secret = page.locator("#authenticator_secret").inner_text()
    page.get_by_label("Code the app shows now").fill(code_of(secret))
    page.get_by_role("button", name="Set up", exact=True).click()
    page.wait_for_url("**/recovery-codes/**")
    expect(page.locator(".door__codes li")).to_have_count(10)

    later = people.somebody()
    later.goto("/accounts/login/")
    pictures(later, "sign-in", desktop=(1440, 900), phone=PHONE)
    later.get_by_label("Sign-in name").fill(town.people["vira"].username)
    later.get_by_label("Password").fill(PASSWORD)
    later.get_by_role("button", name="Sign in", exact=True).click()
    later.wait_for_url("**/2fa/authenticate/")
    pictures(later, "second-step", desktop=(1440, 900), phone=PHONE)
    later.goto("/supervise/")
    later.wait_for_url("**/accounts/**")  # a password alone opens nothing
    expect(later.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def test_administrator_changes_the_directory(people):
    page = people.staff("inna", "/admin/")
    expect(page.get_by_role("link", name="Phone lines")).to_be_visible()
    picture(page, "admin")
    page.get_by_role("link", name="Phone lines").click()
    page.get_by_role("link", name="Амбулаторія Тихий Став").first.click()
    page.locator("[name=name]").fill("Тихий Став, реєстратура")
    picture(page, "admin-line", checked=False)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#result_list")).to_contain_text("Тихий Став, реєстратура")


@pytest.mark.parametrize("language", ["uk", "zh-hans"])
def test_screens_stand_in_other_languages_on_every_width(town, people, language):
    User.objects.filter(pk__in=town.staff_ids()).update(language=language)
    desk, patient = people.operator("marichka"), people.patient(language)
    state(desk, "ready")
    assert desk.locator("html").get_attribute("lang") == language
    pictures(desk, f"desk-ready-{language}", desktop=(1440, 900), phone=PHONE)
    call(patient, town.topics["rx"].names[language])
    answer(desk)
    pictures(desk, f"desk-call-{language}", desktop=(1440, 900), phone=PHONE)
    shown(patient, "talk")
    pictures(patient, f"call-talk-{language}", phone=PHONE)
    waiting = people.patient(language)
    assert str(waiting.locator("html").get_attribute("lang")).startswith(language[:2])
    pictures(waiting, f"call-topic-{language}", phone=PHONE)
    call(waiting, town.topics["booking"].names[language])
    shown(waiting, "queue")
    expect(waiting.locator("#place-n")).to_have_text("1")
    pictures(waiting, f"call-queue-{language}", phone=PHONE)
    wall = people.staff("vira", "/board/", *WALL)
    assert wall.locator("html").get_attribute("lang") == language
    pictures(wall, f"wallboard-{language}", wall=WALL, phone=PHONE)
    shift = people.staff("vira", "/supervise/")
    pictures(shift, f"shift-{language}", desktop=(1440, 900), phone=PHONE)
