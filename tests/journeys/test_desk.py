"""The main job, end to end: a patient calls from a phone's browser, an operator answers at the desk, talks, finds the
patient, records the outcome from the keyboard. Real web pages, real live process, real voice.

Makes the pictures of the desk in docs/pictures (only when CARELINE_PICTURES is set, so that a test run changes no file).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from careline.care.contacts.models import ContactPatient, ContactSummary, LedgerRow
from careline.care.contacts.projections import catch_up
from tests.faces.desk.conftest import FAMILY_NUMBER, PASSWORD, Clinic, clinic, staff  # noqa: F401 (fixtures)
from tests.support.centre import free_port, live_process

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required", "--disable-features=WebRtcHideLocalIpsWithMdns",
]  # fmt: skip
FRONT = """\
{{
	admin off
	auto_https off
	persist_config off
}}
http://127.0.0.1:{port} {{
	bind 127.0.0.1
	handle /live/* {{
		reverse_proxy 127.0.0.1:{live} {{
			flush_interval -1
		}}
	}}
	handle {{
		reverse_proxy {web}
	}}
}}
"""
BACK_WITHIN_S = 3.0  # a reload of the desk in mid-call

pytestmark = pytest.mark.timeout(600)


@dataclass
class House:
    """The whole of Careline on one address, and people at their browsers."""

    url: str
    browser: Browser
    clinic: Clinic

    def person(self, **options: object) -> BrowserContext:
        context = self.browser.new_context(
            base_url=self.url, locale="en-GB", permissions=["microphone", "camera"], reduced_motion="reduce", **options
        )
        context.set_default_timeout(60_000)
        return context

    def operator(self, name: str) -> Page:
        """Signed in, at the desk, ready."""
        page = self.person(viewport={"width": 1440, "height": 900}).new_page()
        page.goto("/accounts/login/")
        page.get_by_label("Sign-in name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(lambda url: "/login/" not in url)
        page.goto("/desk/")
        expect(page.get_by_role("heading", name="Your phone is off")).to_be_visible()
        page.keyboard.press("F2")
        state(page, "ready")
        return page

    def patient(self, topic: str, name: str = "Оксана", number: str = FAMILY_NUMBER) -> Page:
        """Calls from the phone's browser."""
        page = self.person(viewport={"width": 390, "height": 844}).new_page()
        page.goto(f"/call/{self.clinic.line.code}/uk/")
        page.locator(".top").filter(has_text=topic).click()
        page.locator("details.who summary").click()
        page.fill("#who-name", name)
        page.fill("#who-number", number)
        page.click("#call-now")
        return page


@pytest.fixture
def house(transactional_db, clinic, live_server, settings, tmp_path, chromium) -> Iterator[House]:  # noqa: F811
    settings.SECOND_FACTOR = "off"
    settings.ALLOWED_HOSTS = ["*"]
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in this thread, beside Django's reads
    with live_process(tmp_path / "live.log") as live, sync_playwright() as playwright:
        settings.LIVE_URL = live.url
        port = free_port()
        file = tmp_path / "Caddyfile"
        file.write_text(FRONT.format(port=port, live=live.port, web=live_server.url.removeprefix("http://")))
        caddy = shutil.which("caddy", path=str(Path(sys.executable).parent)) or "caddy"
        front = subprocess.Popen(
            [caddy, "run", "--config", str(file), "--adapter", "caddyfile"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        expect.set_options(timeout=30_000)
        try:
            yield House(f"http://127.0.0.1:{port}", browser, clinic)
        finally:
            browser.close()
            front.terminate()
            front.wait(10)
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def state(page: Page, wanted: str) -> None:
    page.wait_for_selector(f'body[data-state="{wanted}"]')


def voice_flows(page: Page) -> None:
    """Packets go and come, and what comes is not silence."""
    page.wait_for_selector('body[data-media="connected"]')
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        heard = page.evaluate("() => careline.talk()")
        if heard and heard["packetsSent"] > 20 and heard["packetsReceived"] > 20 and heard["energyIn"] > 0:
            return
        page.wait_for_timeout(100)
    raise AssertionError(heard)


def eventually(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """The projections follow the ledger as soon as older transactions have ended: read on until they have."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not become true in time"
        catch_up()
        time.sleep(0.05)


def picture(page: Page, name: str) -> None:
    if os.environ.get("CARELINE_PICTURES"):
        page.wait_for_timeout(150)
        page.screenshot(path=PICTURES / f"{name}.png")


def test_patient_calls_and_operator_answers(house):
    desk = house.operator("marichka")
    picture(desk, "desk-idle")
    patient = house.patient("Рецепт")

    state(desk, "ring")
    expect(desk.locator("#offer")).to_be_visible()
    picture(desk, "desk-offer")
    desk.keyboard.press("F2")
    state(desk, "talk")
    expect(desk.locator("#dock")).to_be_visible()
    voice_flows(desk)

    desk.keyboard.press("F4")
    state(desk, "hold")
    picture(desk, "desk-hold")
    desk.keyboard.press("F4")
    state(desk, "talk")

    desk.keyboard.press("/")
    desk.keyboard.type("honcharenko oks")
    desk.locator("#hits [data-patient]").first.click()
    expect(desk.locator("#who").get_by_text("Алергія: пеніцилін")).to_be_visible()
    desk.get_by_role("radio", name="the patient", exact=True).check(force=True)
    picture(desk, "desk-call")
    desk.evaluate("() => document.documentElement.dataset.theme = 'dark'")
    picture(desk, "desk-call-dark")

    began = time.monotonic()
    desk.reload(wait_until="commit")
    desk.wait_for_selector('body[data-media="connected"]')
    back_s = time.monotonic() - began
    print(f"talk back after reload: {back_s:.2f} s")
    assert back_s <= BACK_WITHIN_S
    voice_flows(desk)
    expect(desk.locator("#who").get_by_text("Алергія: пеніцилін")).to_be_visible()

    desk.set_viewport_size({"width": 390, "height": 844})
    picture(desk, "desk-call-phone")
    desk.set_viewport_size({"width": 1440, "height": 900})
    desk.keyboard.press("Shift+F2")
    state(desk, "wrap")
    desk.get_by_role("radio", name="Prescription").check(force=True)
    desk.get_by_role("radio", name="Request raised").check(force=True)
    desk.locator("#note").fill("Метформін на місяць, донька забере.")
    picture(desk, "desk-wrap-up")
    desk.keyboard.press("F2")
    state(desk, "ready")
    expect(desk.get_by_role("heading", name="You are ready")).to_be_visible()
    expect(patient.locator('[data-state="after"]')).to_be_visible()

    recorded = LedgerRow.objects.get(kind="OutcomeRecorded")
    assert recorded.data["outcome"] == "request"
    assert ContactPatient.objects.get(contact_id=recorded.subject).patient == house.clinic.oksana
    expect(desk.locator("#today dd").first).to_have_text("1")
    summary = ContactSummary.objects.get(pk=recorded.subject)
    assert (summary.outcome, summary.topic, summary.agent) == (
        "request",
        house.clinic.prescription,
        house.clinic.operator,
    )


def test_call_is_handed_to_a_colleague_with_its_draft(house, staff):  # noqa: F811
    staff("olena", house.clinic.organisation, first_name="Олена", last_name="Кравчук")
    first = house.operator("marichka")
    house.patient("Запис")
    state(first, "ring")
    first.keyboard.press("F2")
    state(first, "talk")
    voice_flows(first)
    first.locator("#note").fill("Питає про кардіолога")
    expect(first.locator("#drafted")).to_contain_text("Draft")

    second = house.operator("olena")
    give = first.locator("#transfer").get_by_role("button", name="Transfer Олена Кравчук")
    expect(give).to_be_enabled()
    picture(first, "desk-transfer")
    first.keyboard.press("Shift+F8")
    expect(give).to_be_focused()
    first.keyboard.press("Enter")

    state(second, "ring")
    second.keyboard.press("F2")
    state(second, "talk")
    voice_flows(second)
    expect(second.locator("#note")).to_have_value("Питає про кардіолога")
    state(first, "wrap")
    assert LedgerRow.objects.filter(kind="TalkTransferred").count() == 1


def test_danger_to_life_reaches_the_supervisor(house):
    desk = house.operator("marichka")
    house.patient("Запис", name="", number="")
    state(desk, "ring")
    picture(desk, "desk-unknown-caller")
    desk.keyboard.press("F2")
    state(desk, "talk")
    expect(desk.locator("#dock")).to_be_visible()
    desk.keyboard.press("F9")
    expect(desk.get_by_role("button", name="Pressed by mistake")).to_be_visible()
    expect(desk.locator("#call-facts").get_by_text("Danger to life")).to_be_visible()
    picture(desk, "desk-danger")
    eventually(lambda: ContactSummary.objects.filter(emergency=True).count() == 1)
