"""The boards in a real browser, under the strict policy: drawn, live, from the keyboard, on a wall and on a phone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect, sync_playwright

from careline.base.accounts.models import Role
from careline.care.directory.models import PhoneLine, Queue
from careline.faces import shared
from tests.support.centre import cookies, sign_in
from tests.support.chromium import LEAN, disabled

ROOT = Path(__file__).parents[3]
AXE = ROOT / "tests/support/axe.min.js"
PICTURES = ROOT / "docs/pictures"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def browser(chromium) -> Iterator:
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in this thread, beside Django's reads
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*LEAN, disabled()])
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def shift(transactional_db, clinic):
    """A busy quarter of an hour, and the same hours a week ago."""
    now, at = timezone.now(), timezone.now().replace(minute=0, second=0, microsecond=0)
    Queue.objects.filter(pk=clinic.queue.pk).update(name="Riverside clinic")
    clinic.queue.refresh_from_db()
    for code, name in (("children", "Children's clinic"), ("home", "Doctor's home visit"), ("emergency", "Emergency")):
        queue = Queue.objects.create(organisation=clinic.organisation, code=code, name=name)
        PhoneLine.objects.create(
            organisation=clinic.organisation, queue=queue, code=code, name=name, languages=["uk"], closed=code == "home"
        )
    orlova = clinic.at_work("Orlova", "talking", now - timedelta(minutes=12))
    for n, (name, state) in enumerate(
        (("Belova", "talking"), ("Hromov", "talking"), ("Zhukova", "hold"), ("Zimin", "ringing"), ("Larina", "wrap_up"),
         ("Rodina", "ready"), ("Savina", "ready"), ("Tykhonov", "paused"))
    ):  # fmt: skip
        clinic.at_work(name, state, now - timedelta(seconds=35 + 60 * n), "lunch" if state == "paused" else "")
    for week, start, busy in ((0, at - timedelta(hours=3), 9), (7, at - timedelta(days=7, hours=3), 7)):
        for n in range(12):
            begun = start + timedelta(minutes=15 * n)
            for k in range(1 + (busy * (n + 1)) % 5):
                clinic.answered(begun + timedelta(seconds=50 * k), wait_s=6 + 7 * k, agent=orlova)
            if n % 4 == 1 and not week:
                clinic.abandoned(begun, wait_s=50 + n, number=f"+3800055501{n:02}")
    clinic.answered(now - timedelta(minutes=3), agent=orlova, outcome="", name="Oksana Honcharenko")
    for n in range(4):
        clinic.waiting(now - timedelta(seconds=95 - 20 * n), number=f"+38000555017{n}")
    clinic.waiting(now - timedelta(seconds=300), phase="callback", number="+380005550190")
    return clinic


@pytest.fixture
def page(browser, live_server, settings, shift) -> Iterator[Page]:
    """A supervisor's page. The live process is not here: what the page asks of it is noted and answered by `said`."""
    settings.SECOND_FACTOR = "off"
    settings.ALLOWED_HOSTS = ["*"]
    context = browser.new_context(base_url=live_server.url.replace("127.0.0.1", "localhost"), locale="en-GB")
    key = sign_in(shift.staff("Sedova", Role.SUPERVISOR, first_name="Vira"))
    context.add_cookies([{"name": n, "value": v, "url": live_server.url.replace("127.0.0.1", "localhost")}
                         for n, v in cookies(key).items()])  # fmt: skip
    context.set_default_timeout(90_000)  # the first look loads ibis
    page = context.new_page()
    page.ordered = []
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    tick = 'id: 1\nevent: tick\ndata: {"what": ["queues"]}\n\n'
    page.route(
        "**/live/desk/events", lambda route: route.fulfill(status=200, content_type="text/event-stream", body=tick)
    )

    def act(route) -> None:
        page.ordered.append(json.loads(route.request.post_data))
        late = page.ordered[-1].get("reason") == "late"
        route.fulfill(status=409 if late else 200, content_type="application/json",
                      body=json.dumps({"error": "too_late", "message": "Too late."} if late else {}))  # fmt: skip

    page.route("**/live/desk/actions", act)
    yield page
    context.close()
    assert [text for text in complaints if "409" not in text] == []


def axe(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]} {v['nodes'][0]['failureSummary']}" for v in found["violations"]]


def shoot(page: Page, name: str, width: int, height: int, full: bool = False) -> None:
    page.set_viewport_size({"width": width, "height": height})
    if os.environ.get("CARELINE_PICTURES"):
        page.screenshot(path=PICTURES / f"{name}.png", full_page=full)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, f"{name}: {wide} px wide on {width}"


def test_wall_and_shift(page, shift):
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto("/board/")
    expect(page.get_by_role("heading", name="Operators")).to_be_visible()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollHeight") <= 1080
    shoot(page, "wallboard", 1920, 1080)
    shoot(page, "wallboard-phone", 390, 844)

    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/supervise/")
    assert axe(page) == []
    shoot(page, "shift", 1440, 900, full=True)
    shoot(page, "shift-phone", 390, 844, full=True)
    page.set_viewport_size({"width": 1440, "height": 900})

    # A tick fetches the same part again.
    shift.waiting(timezone.now(), number="+380005550199")
    shared.forget()
    expect(page.get_by_text("··· 01-99")).to_be_visible()

    # From the keyboard: close a queue; a refusal is said in the question, the way back is where one came from.
    page.get_by_role("button", name="Close Riverside clinic").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Close Riverside clinic")).to_be_visible()
    assert axe(page) == []
    page.get_by_label("Reason").fill("late")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Too late.")).to_be_visible()
    shoot(page, "shift-question", 1440, 900)
    page.get_by_label("Reason").fill("burst pipe")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    last = page.ordered[-1]
    assert {name: last[name] for name in ("action", "queue", "reason")} == {
        "action": "close_queue", "queue": str(shift.queue.pk), "reason": "burst pipe",
    }  # fmt: skip
    assert page.evaluate("document.activeElement.id") == f"q-{shift.queue.pk}"

    page.get_by_role("button", name="Move 01-70").click()
    page.locator(".chip").filter(has_text="15 minutes").click()  # the whole chip is the button, its text is below
    page.get_by_label("Reason").fill("feels faint")
    page.get_by_role("button", name="Move the contact").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    last = page.ordered[-1]
    assert {name: last[name] for name in ("action", "head_start_s", "emergency", "reason")} == {
        "action": "reorder", "head_start_s": 900, "emergency": False, "reason": "feels faint",
    }  # fmt: skip


def test_list_of_contacts(page, shift):
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/contacts/")
    page.locator("[data-opens]").first.click()
    expect(page.locator("#card").get_by_role("heading", name="Town line")).to_be_focused()
    assert axe(page) == []
    shoot(page, "contacts", 1440, 900)
    page.get_by_label("Caller's name or number").fill("Honcharenko")
    page.get_by_role("button", name="Show contacts").click()
    expect(page.locator("[data-opens]")).to_have_count(1)
    with page.expect_download() as file:
        page.get_by_role("button", name="Export as CSV").click()
    assert len(Path(file.value.path()).read_text().splitlines()) == 2
    shoot(page, "contacts-phone", 390, 844, full=True)
