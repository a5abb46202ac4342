"""`kill -9` of the live process during 50 talks and with 200 people waiting: the talks go on, nobody loses their place,
desks come back to what they had, nothing is written twice or lost."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from careline.care.contacts.models import Contact, LedgerRow
from careline.connectors.webrtc.line import Line
from careline.connectors.webrtc.peers import Caller, Operator
from careline.connectors.webrtc.sound import tone
from tests.support.centre import CSRF, Centre, LiveProcess, cookies, employ, free_port, live_process, open_centre

HERE = Path(__file__).parent
JS = HERE.parent.parent / "src" / "careline" / "faces" / "js"
IN_CHROMIUM = 3
BY_PROGRAM = 47
WAITING = 200
AT_THE_KILL = 20  # calls being started in the very moment
SPARSE = 50  # one packet a second of each voice: 94 peers on two cores

pytestmark = pytest.mark.timeout(420)

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
	handle_path /js/* {{
		root * {js}
		file_server
	}}
	handle {{
		root * {pages}
		file_server
	}}
}}
"""


@dataclass
class Town:
    """The centre, its operators' sessions, and the process with a front before it."""

    centre: Centre
    sessions: list[str]
    live: LiveProcess
    front: str


@pytest.fixture
def town(transactional_db, tmp_path):
    centre = open_centre()
    sessions = list(employ(centre, IN_CHROMIUM + BY_PROGRAM).values())
    with live_process(tmp_path / "live.log") as live:
        port = free_port()
        caddyfile = tmp_path / "Caddyfile"
        caddyfile.write_text(FRONT.format(port=port, live=live.port, js=JS, pages=HERE))
        caddy = shutil.which("caddy", path=str(Path(sys.executable).parent)) or "caddy"
        front = subprocess.Popen(
            [caddy, "run", "--config", str(caddyfile), "--adapter", "caddyfile"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Town(centre, sessions, live, f"http://127.0.0.1:{port}")
        finally:
            front.terminate()
            front.wait(10)


async def test_kill_live(town):
    logging.getLogger("aioice").setLevel(logging.WARNING)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                "--autoplay-policy=no-user-gesture-required",
                "--disable-features=WebRtcHideLocalIpsWithMdns",
            ],
        )
        story = Story(town, browser)
        try:
            for chapter in (
                story.fifty_talk,
                story.two_hundred_wait,
                story.killed_and_started_again,
                story.everything_is_as_it_was,
                story.the_next_are_served_in_order,
            ):
                began = time.monotonic()
                await chapter()
                print(f"{chapter.__name__}: {time.monotonic() - began:.1f} s")
        finally:
            await story.close()
            await browser.close()
    await asyncio.to_thread(the_ledger_is_whole)


class Story:
    def __init__(self, town: Town, browser: Browser) -> None:
        self.town = town
        self.browser = browser
        self.desks: list[Page] = []
        self.patients: list[Page] = []
        self.operators: list[Operator] = []
        self.callers: list[Caller] = []
        self.waiting: list[Caller] = []
        self.clip = tone(seconds=1.0)

    # --- before

    async def fifty_talk(self) -> None:
        for session in self.town.sessions[:IN_CHROMIUM]:
            self.desks.append(await self._open("desk()", session))
            self.patients.append(await self._open(f"patient('{self.town.centre.line.code}')"))
            await self.desks[-1].wait_for_function("page.talk && page.talk.state === 'connected'")
        await in_eights(self._talk(session) for session in self.town.sessions[IN_CHROMIUM:])
        async with asyncio.timeout(90):
            for talk in self._talks():
                await talk.connected.wait()
        assert len(self._talks()) == 2 * BY_PROGRAM

    async def _open(self, script: str, session: str = "") -> Page:
        context = await self.browser.new_context(permissions=["microphone"])
        given = cookies(session) if session else {}
        await context.add_cookies([{"name": n, "value": v, "url": self.town.front} for n, v in given.items()])
        page = await context.new_page()
        await page.goto(f"{self.town.front}/talk_page.html")
        await page.wait_for_function("'desk' in window")
        await page.evaluate(script)
        return page

    async def _talk(self, session: str) -> None:
        url = self.town.live.url
        operator = Operator(Line(url, cookies=cookies(session), csrf=CSRF), self.clip, every=SPARSE)
        caller = Caller(Line(url), self.clip, every=SPARSE)
        self.operators.append(operator)
        self.callers.append(caller)
        await operator.start()
        await caller.call(self.town.centre.line.code, "uk")
        await caller.until(lambda: caller.phase == "talking", timeout_s=60)

    def _talks(self) -> list[Any]:
        return [caller.talk for caller in self.callers] + [t for o in self.operators for t in o.talks.values()]

    async def two_hundred_wait(self) -> None:
        self.waiting = [Caller(Line(self.town.live.url), self.clip) for _ in range(WAITING)]
        await in_eights(caller.call(self.town.centre.line.code, "uk") for caller in self.waiting)
        for caller in self.waiting:
            await caller.until(lambda caller=caller: caller.phase == "queued")
        self.waiting.sort(key=lambda caller: caller.state["position"])
        assert [caller.state["position"] for caller in self.waiting] == list(range(1, WAITING + 1))

    # --- the kill

    async def killed_and_started_again(self) -> None:
        self.phones = [operator.phone for operator in self.operators]
        late = [Caller(Line(self.town.live.url), self.clip) for _ in range(AT_THE_KILL)]
        calling = [asyncio.create_task(each.call(self.town.centre.line.code, "uk", patience_s=300)) for each in late]
        done, _ = await asyncio.wait(calling, return_when=asyncio.FIRST_COMPLETED)
        self.town.live.kill()
        assert len(done) < AT_THE_KILL
        frames, packets = self._frames(), await self._packets()
        await asyncio.sleep(3.0)  # nobody is there, and everybody speaks on
        assert all(now > before for now, before in zip(self._frames(), frames, strict=True))
        assert all(now > before + 50 for now, before in zip(await self._packets(), packets, strict=True))
        for page in self.desks + self.patients:
            assert (await page.evaluate("page.live")) != "open"
        self.town.live.start()
        await asyncio.to_thread(self.town.live.wait)
        started = time.monotonic()
        for line in self._lines():
            async with asyncio.timeout(20):
                await line.open.wait()
        for page in self.desks + self.patients:
            await page.wait_for_function("page.live === 'open'")
        print(f"everyone was back {time.monotonic() - started:.1f} s after the process was")
        await asyncio.gather(*calling)
        self.late = late

    def _lines(self) -> list[Line]:
        return [peer.line for peer in (*self.operators, *self.callers, *self.waiting)]

    def _frames(self) -> list[int]:
        return [talk.ear.frames for talk in self._talks()]

    async def _packets(self) -> list[int]:
        return [(await page.evaluate("page.stats()"))["packetsReceived"] for page in self.desks + self.patients]

    # --- after

    async def everything_is_as_it_was(self) -> None:
        for before, operator in zip(self.phones, self.operators, strict=True):
            await operator.until(lambda operator=operator: operator.line.resets == 1)
            assert _what(operator.phone) == _what(before)
        for place, caller in enumerate(self.waiting, 1):
            await caller.until(lambda caller=caller: caller.line.resets == 1)
            assert (caller.phase, caller.state["position"]) == ("queued", place)
        for talk in self._talks():
            assert (talk.sessions, talk.connected.is_set()) == (1, True)
        for page in self.desks:
            assert await page.evaluate("[page.resets, page.talks, page.phone.presence]") == [1, 1, "ready"]
        for page in self.patients:
            assert (await page.evaluate("page.states.at(-1).phase")) == "talking"
        energy = [(await page.evaluate("page.stats()"))["energyIn"] for page in self.desks + self.patients]
        assert min(energy) > 0

    async def the_next_are_served_in_order(self) -> None:
        for operator, caller in zip(self.operators[:5], self.waiting[:5], strict=True):
            await operator.end(operator.work("talking")[0]["contact"])
            await operator.until(lambda o=operator, c=caller: [w["contact"] for w in o.work("talking")] == [c.contact])
        await self.waiting[5].until(lambda: self.waiting[5].state["position"] == 1)

    async def close(self) -> None:
        for peer in (*self.waiting, *getattr(self, "late", []), *self.callers, *self.operators):
            await peer.close()


async def in_eights(work: Iterable[Coroutine[Any, Any, Any]]) -> None:
    """All of it, eight at a time."""
    free = asyncio.Semaphore(8)

    async def one(each: Coroutine[Any, Any, Any]) -> None:
        async with free:
            await each

    await asyncio.gather(*(one(each) for each in work))


def _what(phone: dict[str, Any]) -> Any:
    return phone["presence"], [(each["contact"], each["phase"], each["talk"], each["since"]) for each in phone["work"]]


def the_ledger_is_whole() -> None:
    """Each call once, each stream without a gap, and no trace of anybody having been away."""
    rows = list(LedgerRow.objects.order_by("position").values_list("subject", "stream", "seq", "kind"))
    kinds = Counter(kind for _, _, _, kind in rows)
    everyone = IN_CHROMIUM + BY_PROGRAM + WAITING + AT_THE_KILL
    assert Contact.objects.count() == everyone
    assert kinds["ContactStarted"] == kinds["ContactQueued"] == everyone
    assert kinds["StartTalk"] == IN_CHROMIUM + BY_PROGRAM + 5
    assert kinds["CallerLost"] == kinds["AgentPaused"] == kinds["AgentSignedOut"] == 0, kinds
    streams: dict[tuple[Any, str], list[int]] = {}
    for subject, stream, seq, _ in rows:
        streams.setdefault((subject, stream), []).append(seq)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in streams.values())
