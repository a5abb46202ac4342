"""What people do in the journeys, and what a test asks of their pages."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.journeys.towns import FAMILY_NUMBER

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
AXE = Path(__file__).parents[1] / "support" / "axe.min.js"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
HEARD = """async () => {
  const sum = { sent: 0, received: 0, energy: 0, frames: 0 };
  for (const peer of window.peers.filter((each) => each.connectionState === "connected"))
    for (const row of (await peer.getStats()).values()) {
      if (row.type === "outbound-rtp" && row.kind === "audio") sum.sent += row.packetsSent;
      if (row.type === "inbound-rtp" && row.kind === "video") sum.frames += row.framesDecoded ?? 0;
      if (row.type === "inbound-rtp" && row.kind === "audio") {
        sum.received += row.packetsReceived;
        sum.energy += row.totalAudioEnergy;
      }
    }
  return sum;
}"""

# What reaches beyond the right edge, when the page as a whole does.
TOO_WIDE = """() => {
  const edge = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= edge) return [];
  const over = [...document.body.querySelectorAll("*")].filter((each) => each.getBoundingClientRect().right > edge + 1);
  return ["too wide", ...over.slice(0, 5).map((each) => each.outerHTML.slice(0, 120))];
}"""

Heard = dict[str, float]


# --- at the desk


def state(desk: Page, wanted: str) -> None:
    desk.wait_for_selector(f'body[data-state="{wanted}"]')


def answer(desk: Page) -> None:
    """It rings; the operator takes it."""
    state(desk, "ring")
    expect(desk.locator("#offer")).to_be_visible()
    desk.keyboard.press("F2")
    state(desk, "talk")
    expect(desk.locator("#dock")).to_be_visible()


def end(desk: Page) -> None:
    desk.keyboard.press("Shift+F2")
    state(desk, "wrap")


def record(desk: Page, topic: str, outcome: str) -> None:
    """From the keyboard's last two strokes on: what it was about, how it ended, save and take the next."""
    desk.get_by_role("radio", name=topic).check(force=True)
    desk.get_by_role("radio", name=outcome).check(force=True)
    desk.keyboard.press("F2")


# --- at the patient's page


def shown(patient: Page, name: str) -> None:
    patient.wait_for_selector(f'[data-state="{name}"]:not([hidden])')


def call(patient: Page, topic: str, channel: str = "voice", name: str = "Оксана", number: str = FAMILY_NUMBER) -> None:
    """Topic, way to talk, who is calling, call."""
    patient.locator(".top").filter(has_text=topic).click()
    if channel != "voice":
        patient.check(f'[name="channel"][value="{channel}"]', force=True)
    if name:
        patient.locator("details.who summary").click()
        patient.fill("#who-name", name)
        patient.fill("#who-number", number)
    patient.click("#call-now")


# --- what flows


def hear(page: Page) -> Heard:
    return page.evaluate(HEARD)


def both_hear(*pages: Page, seconds: float = 20.0) -> list[Heard]:
    """Until at each page packets have gone and come, and what came is a sound."""
    until = time.monotonic() + seconds
    while True:
        heard = [hear(page) for page in pages]
        if all(each["sent"] > 20 and each["received"] > 20 and each["energy"] > 0 for each in heard):
            return heard
        assert time.monotonic() < until, heard
        pages[0].wait_for_timeout(100)


def more_is_heard(*pages: Page, seconds: float = 10.0) -> None:
    """From now on, again: packets go and come, and the energy grows."""
    before = [hear(page) for page in pages]
    eventually(
        pages[0],
        lambda: all(
            now["sent"] > old["sent"] + 20 and now["received"] > old["received"] + 20 and now["energy"] > old["energy"]
            for now, old in zip((hear(page) for page in pages), before, strict=True)
        ),
        seconds,
    )


def eventually(page: Page, true: Callable[[], bool], seconds: float = 15.0) -> float:
    """Lets the browsers work until it is true. Returns the seconds it took; fails when that is too long."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, "did not become true in time"
        page.wait_for_timeout(50)
    return time.monotonic() - began


# --- how it looks


def axe(page: Page) -> list[str]:
    """What axe-core finds, put in by the debugger so that the page's own policy stays as it is."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]]


def picture(page: Page, name: str, *, full: bool = False, checked: bool = True) -> None:
    """The screen fits its width and axe finds nothing; kept for the docs where CARELINE_PICTURES is set."""
    too_wide = page.evaluate(TOO_WIDE)
    assert too_wide == [], f"{name}: {too_wide}"
    if checked:
        assert axe(page) == [], name
    if os.environ.get("CARELINE_PICTURES"):
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(200)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=full)


def pictures(page: Page, name: str, **sizes: tuple[int, int]) -> None:
    """The same screen at several sizes: pictures(page, "desk", phone=(390, 844))."""
    before = page.viewport_size
    for kind, (width, height) in sizes.items():
        page.set_viewport_size({"width": width, "height": height})
        picture(page, f"{name}-{kind}", checked=False)
    assert before is not None
    page.set_viewport_size(before)
