"""The real process on the real database: a talk that is heard, a polite stop, a standby that takes over."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from careline.connectors.webrtc.line import Line
from careline.connectors.webrtc.peers import Caller, Operator
from careline.connectors.webrtc.sound import tone
from tests.support.centre import CSRF, LiveProcess, cookies, employ, live_process, open_centre

TONE = tone(seconds=0.5)


@pytest.fixture
def centre(transactional_db):
    return open_centre()


def operator(url: str, session: str) -> Operator:
    return Operator(Line(url, cookies=cookies(session), csrf=CSRF), TONE)


@pytest.fixture
def session(centre) -> str:
    """Somebody signed in."""
    return next(iter(employ(centre, 1).values()))


async def test_both_sides_hear_each_other(centre, session, tmp_path):
    with live_process(tmp_path / "live.log") as live:
        desk, caller = operator(live.url, session), Caller(Line(live.url), TONE)
        await desk.start()
        await caller.call(centre.line.code, "uk")
        await caller.until(lambda: caller.phase == "talking")
        async with asyncio.timeout(15):
            await caller.talk.ear.something.wait()
            [talk] = desk.talks.values()
            await talk.ear.something.wait()
        await desk.end(caller.contact)
        await caller.until(lambda: caller.phase == "ended")
        await desk.until(lambda: not desk.phone["work"])
        await caller.close()
        await desk.close()
        assert live.stop() == 0
        assert "Traceback" not in (tmp_path / "live.log").read_text()


def test_a_standby_waits_and_takes_over(centre, tmp_path):
    with live_process(tmp_path / "one.log") as active:
        standby = LiveProcess(tmp_path / "two.log")
        standby.start()
        try:
            answer = _patiently(f"{standby.url}/live/healthz")
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            refused = httpx.get(f"{standby.url}/live/call/events", trust_env=False)
            assert (refused.status_code, refused.json()["error"]) == (503, "starting")
            active.kill()
            standby.wait(10)
        finally:
            assert standby.stop() == 0


def _patiently(url: str) -> httpx.Response:
    """The first answer of a process that is only just starting."""
    transport = httpx.HTTPTransport(retries=8)
    with httpx.Client(transport=transport, trust_env=False) as client:
        return client.get(url)
