"""Every state of the desk in a real browser under the strict policy: axe finds nothing, the keyboard drives it.

The switchboard is a fake line here: it says what a test gives it. Whole stories with the real one: tests/journeys.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect, sync_playwright

from careline.base.accounts.models import Posting, Role
from careline.care.contacts.models import CallerDetails, ContactText
from careline.care.patients.models import Patient
from tests.faces.desk.conftest import PASSWORD, in_hand, phone, stream
from tests.support.chromium import LEAN, disabled

AXE = Path(__file__).parents[2] / "support" / "axe.min.js"
FLAGS = [*LEAN, disabled(), "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
EXPECTED = ("Failed to load resource", "Response Status Error Code")  # a test refused something on purpose
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


class Line:
    """The live process as the desk meets it: a stream that says the phone's state, and a post box."""

    def __init__(self, page: Page) -> None:
        context: BrowserContext = page.context
        self._page = page
        self.phone: dict[str, Any] | None = None
        self.events = ""
        self.posted: list[dict[str, Any]] = []
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.away = False
        context.route("**/live/desk/events", self._stream)
        context.route("**/live/desk/actions", self._post)

    def _stream(self, route: Route) -> None:
        if self.away:
            route.abort()
        elif self.refusal and self.refusal[0] == 401:
            route.fulfill(status=401, json=self.refusal[1])
        else:
            body = stream(self.phone) if self.phone else ""
            route.fulfill(status=200, content_type="text/event-stream", body=body + self.events)

    def _post(self, route: Route) -> None:
        said = route.request.post_data_json
        if said["action"] != "signal":
            self.posted.append(said)
        if self.refusal:
            route.fulfill(status=self.refusal[0], json=self.refusal[1])
        else:
            route.fulfill(status=200, json={})

    def says(self, phone: dict[str, Any]) -> None:
        """From now on this is the phone's state; the desk asks at once."""
        self.phone = phone
        self._page.evaluate("() => dispatchEvent(new Event('online'))")

    def heard(self, **expected: Any) -> bool:
        return any(expected.items() <= said.items() for said in self.posted)


@pytest.fixture(scope="module")
def browser(chromium) -> Iterator:
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in this thread, beside Django's reads
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser, live_server, settings, clinic) -> Iterator[Page]:
    """The operator's desk, signed in. A complaint of the browser fails the test."""
    settings.SECOND_FACTOR = "off"
    settings.ALLOWED_HOSTS = ["*"]
    context = browser.new_context(
        base_url=live_server.url.replace("127.0.0.1", "localhost"),
        locale="en-GB",
        viewport={"width": 1440, "height": 900},
        permissions=["microphone", "camera"],
        reduced_motion="reduce",
    )
    context.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.line = Line(page)  # type: ignore[attr-defined]
    page.goto("/accounts/login/")
    page.get_by_label("Sign-in name").fill("marichka")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/login/" not in url)
    yield page
    context.close()
    assert [text for text in complaints if not text.startswith(EXPECTED)] == []


@pytest.fixture
def show(page, clinic):
    """show("ready") -> the desk with this phone, once it stands there."""

    def make(presence: str = "ready", *work: dict[str, Any], reason: str = "", wait_for: str = "") -> Line:
        page.line.phone = phone(clinic, presence, reason, *work)
        page.goto("/desk/")
        page.wait_for_selector(wait_for or ".idle")
        return page.line

    return make


def axe(page: Page) -> list[str]:
    """What axe-core finds, put in by the debugger so that the page's own policy stays as it is."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]]


def heard(page: Page, **expected: Any) -> None:
    """The switchboard was told so."""
    if not page.line.heard(**expected):  # type: ignore[attr-defined]
        with page.expect_response("**/live/desk/actions"):
            pass
    assert page.line.heard(**expected)  # type: ignore[attr-defined]


def looks_right(page: Page) -> None:
    """Nothing for axe in both themes; nothing wider than the screen on a desk and on a phone."""
    for theme in ("light", "dark"):
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        assert axe(page) == []
    for width, height in ((1920, 1080), (390, 844), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{wide} px too wide at {width}"


def test_idle_and_its_menus(page, show, clinic):
    clinic.waits(clinic.call())
    clinic.waits(clinic.call(channel="text"), 5, emergency=True)
    line = show("ready")
    expect(page.get_by_role("heading", name="You are ready")).to_be_visible()
    expect(page.locator("#state-word")).to_have_text("Ready")
    looks_right(page)

    page.keyboard.press("F4")
    page.locator("#state .state__now").click()
    expect(page.get_by_role("menuitem", name="Ready")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Break")).to_be_focused()
    assert axe(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#state .state__now")).to_be_focused()

    page.locator("[data-menu=me-menu]").click()
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+Slash")
    expect(page.locator("#keys")).to_be_visible()
    assert axe(page) == []
    page.locator("#single-keys").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+Slash")
    expect(page.locator("#keys")).to_be_hidden()
    assert line.heard(action="pause", reason="break")


def test_pause_says_why_and_how_to_go_on(page, show):
    show("paused", reason="no_answer")
    expect(page.get_by_role("heading", name="Paused: no answer")).to_be_visible()
    looks_right(page)


def test_offer_is_announced_answered_once_and_takes_no_focus(page, show, clinic):
    contact = clinic.call()
    line = show("ready", in_hand(contact, "offered"), wait_for="#offer")
    expect(page.get_by_role("alert").filter(has_text="Web call")).to_be_visible()
    assert page.evaluate("() => document.activeElement === document.body")
    assert page.title().startswith("● Ringing")
    looks_right(page)
    page.keyboard.press("F2")
    page.keyboard.press("F2")
    heard(page, action="answer")
    answers = [said for said in line.posted if said["action"] == "answer"]
    assert {said["contact"] for said in answers} == {str(contact.pk)}
    assert all(said["key"] for said in answers)


def test_talk_with_hold_and_mute_pressed(page, show, clinic):
    contact = clinic.call()
    line = show("ready", in_hand(contact, "talking", talk=1), wait_for="#dock")
    looks_right(page)
    page.keyboard.press("F8")
    expect(page.locator("#ctl-mute")).to_have_attribute("aria-pressed", "true")
    line.says(phone(clinic, "ready", "", in_hand(contact, "held", talk=1)))
    expect(page.locator("#ctl-hold")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#state-word")).to_have_text("On hold")
    looks_right(page)
    page.keyboard.press("Shift+F2")
    heard(page, action="end", contact=str(contact.pk))


def test_patient_is_found_and_chosen_from_the_keyboard(page, show, clinic):
    contact = clinic.call(number="")
    show("ready", in_hand(contact, "talking", talk=1), wait_for="#dock")
    page.keyboard.press("/")
    expect(page.locator("#patient-text")).to_be_focused()
    page.keyboard.type("honcharenko oks")
    expect(page.locator("#hits").get_by_text("Оксана Петрівна Гончаренко").first).to_be_visible()
    looks_right(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#who").get_by_text("Алергія: пеніцилін")).to_be_visible()
    expect(page.locator("#caller")).to_have_text("For Оксана Петрівна Гончаренко")
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("F9")
    expect(page.get_by_role("button", name="Pressed by mistake")).to_be_visible()
    expect(page.locator("#call-facts").get_by_text("Danger to life")).to_be_visible()
    looks_right(page)


def test_a_record_is_erased_after_a_look_at_how_far_it_reaches(page, show, clinic):
    """By a supervisor; everything by keyboard."""
    Posting.objects.filter(user=clinic.operator).update(role=Role.SUPERVISOR)
    both = clinic.call()
    for patient in (clinic.oksana, clinic.danylo):
        both.patients.create(patient=patient)
    show("ready")
    page.keyboard.press("/")
    page.keyboard.type("honcharenko danylo")
    page.get_by_role("button", name="Open Данило Гончаренко").press("Enter")
    page.get_by_role("button", name="Erase this record").press("Enter")
    expect(page.get_by_role("heading", name="Erase Данило Гончаренко?")).to_be_visible()
    expect(page.locator("#lookup-card")).to_contain_text("1 contact concerns other people too")
    looks_right(page)
    page.set_viewport_size({"width": 390, "height": 844})
    cut = page.locator("#lookup .dialog__body").evaluate("body => body.scrollWidth - body.clientWidth")
    assert cut <= 0, f"{cut} px are cut off on a telephone"

    page.get_by_label("Reason, without names and numbers").fill("Request No. 17")
    page.get_by_label("Nothing obliges us to keep this record.").press("Space")
    page.get_by_role("button", name="Erase for good").press("Enter")

    expect(page.get_by_text("The record is erased.")).to_be_visible()
    assert axe(page) == []
    assert not Patient.objects.filter(pk=clinic.danylo.pk).exists()


def test_wrap_up_is_saved_from_the_keyboard(page, show, clinic):
    contact = clinic.call()
    line = show("ready", in_hand(contact, "wrap_up"), wait_for="#dock")
    expect(page.locator("#save")).to_contain_text("Save, next")
    looks_right(page)
    page.keyboard.press("F2")
    expect(page.locator(".dock__refusal")).to_be_visible()
    looks_right(page)
    page.get_by_role("radio", name="Question answered").check(force=True)
    page.locator("#note").fill("Донька приїде разом.")
    expect(page.locator("#drafted")).to_contain_text("Draft")
    page.keyboard.press("F2")
    expect(page.locator("#drafted")).to_contain_text("Saved")
    line.says(phone(clinic))
    expect(page.get_by_role("heading", name="You are ready")).to_be_visible()
    assert CallerDetails.objects.get(contact=contact).note == "Донька приїде разом."


def test_time_to_write_runs_out_and_the_record_stays(page, show, clinic):
    contact = clinic.call()
    line = show("ready", in_hand(contact, "wrap_up"), wait_for="#dock")
    page.locator("#note").fill("Передзвонити")
    line.says(phone(clinic))
    expect(page.locator("#call-word")).to_have_text("Over")
    expect(page.locator("#note")).to_have_value("Передзвонити")
    looks_right(page)
    line.says(phone(clinic, "ready", "", in_hand(clinic.call(), "offered")))
    expect(page.locator("#offer")).to_be_visible()


def test_text_talk(page, show, clinic):
    contact = clinic.call(channel="text")
    ContactText.objects.create(contact=contact, text="Коли приймає лікар?")
    line = show("ready", in_hand(contact, "talking", talk=1), wait_for="#chat-text")
    page.locator("#chat-text").fill("Добрий день")
    page.locator("#chat-text").press("Enter")
    expect(page.locator("#chat-text")).to_have_value("")
    heard(page, action="text", contact=str(contact.pk))
    said = {"contact": str(contact.pk), "id": "t9", "at": 0, "by": "patient", "text": "Дякую!"}
    line.events = f"id: t-9\nevent: text\ndata: {json.dumps(said)}\n\n"
    expect(page.locator("#chat-lines").get_by_text("Дякую!")).to_be_visible()
    page.get_by_role("button", name="Write the greeting").click()
    expect(page.locator("#chat-text")).to_be_focused()
    greeting = page.locator("#chat-greet").get_attribute("data-text")
    assert greeting
    assert "Марічка" in greeting
    expect(page.locator("#chat-text")).to_have_value(greeting)
    page.keyboard.press("Enter")
    expect(page.locator("#chat-text")).to_have_value("")
    heard(page, action="text", text=greeting)
    looks_right(page)


def test_video_talk(page, show, clinic):
    show("ready", in_hand(clinic.call(channel="video"), "talking", talk=1), wait_for="#remote-video")
    expect(page.locator("#film-none")).to_have_text("No picture yet")
    looks_right(page)


def test_second_offer_beside_a_text_talk_is_a_strip(page, show, clinic):
    text, other = clinic.call(channel="text"), clinic.call(channel="text", number="")
    line = show("ready", in_hand(text, "talking", talk=1), wait_for="#chat-text")
    page.locator("#note").fill("пишу")
    line.says(phone(clinic, "ready", "", in_hand(text, "talking", talk=1), in_hand(other, "offered")))
    expect(page.locator("#strip-offer").get_by_text("Unknown caller")).to_be_visible()
    expect(page.locator("#note")).to_be_focused()
    looks_right(page)
    line.says(phone(clinic, "ready", "", in_hand(text, "talking", talk=1), in_hand(other, "talking", talk=1)))
    expect(page.locator("#worklist button")).to_have_count(2)
    looks_right(page)


def test_lost_connection_is_said_in_words_until_it_is_back(page, show, clinic):
    line = show("ready", in_hand(clinic.call(), "talking", talk=1), wait_for="#dock")
    line.away = True
    expect(page.locator("#strip-away")).to_be_visible()
    expect(page.locator("#strip-away")).to_contain_text("Your talk goes on")
    looks_right(page)
    line.away = False
    expect(page.locator("#strip-away")).to_be_hidden()


def test_expired_session_is_said_and_the_screen_stays(page, show, clinic):
    line = show("ready", in_hand(clinic.call(), "talking", talk=1), wait_for="#dock")
    line.refusal = (401, {"error": "not_signed_in", "message": "Please sign in."})
    expect(page.locator("#strip-signed-out")).to_be_visible()
    expect(page.locator("#dock")).to_be_visible()
    looks_right(page)


def test_refusal_of_the_switchboard_is_shown_where_one_looks(page, show, clinic):
    line = show("ready", in_hand(clinic.call(), "talking", talk=1), wait_for="#dock")
    line.refusal = (409, {"error": "too_late", "message": "The caller has just hung up."})
    page.keyboard.press("F4")
    expect(page.get_by_role("alert").filter(has_text="The caller has just hung up.")).to_be_visible()
    looks_right(page)


def test_one_tab_owns_the_phone(page, show, clinic):
    show("ready")
    other = page.context.new_page()
    other.goto("/desk/")
    expect(other.locator("#strip-guest")).to_be_visible()
    expect(other.locator("#state-word")).to_have_text("Ready")
    assert axe(other) == []
    other.get_by_role("button", name="Take the phone here").click()
    expect(other.locator("#strip-guest")).to_be_hidden()
    expect(page.locator("#strip-guest")).to_be_visible()
