"""Many people as programs, beside the few in browsers: operators and callers by aiortc, in a loop of their own thread."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from careline.connectors.webrtc.line import Line
from careline.connectors.webrtc.peers import Caller, Operator
from careline.connectors.webrtc.sound import tone
from tests.support.centre import CSRF, cookies

SPARSE = 50  # one packet a second of each voice: a hundred peers on two cores
T = TypeVar("T")


class Crowd:
    """Every method that does something waits until it is done; meanwhile the browsers work on."""

    def __init__(self, url: str, line: str, language: str) -> None:
        """`url`: of the live process itself."""
        logging.getLogger("aioice").setLevel(logging.WARNING)
        self.operators: list[Operator] = []
        self.callers: list[Caller] = []
        self.waiting: list[Caller] = []
        self.late: list[Caller] = []
        self._calling: list[asyncio.Task[str]] = []
        self._url, self._line, self._language = url, line, language
        self._clip = tone(seconds=1.0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="crowd", daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, T], seconds: float = 120.0) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    # --- what they do

    def talk(self, sessions: Iterable[str]) -> None:
        """One talk for each operator's session, with voices both ways."""
        self.do(self._talk_all(list(sessions)))

    def wait(self, number: int) -> None:
        """So many people call and wait; `waiting` has them in their turn."""
        self.do(self._wait(number))

    def call_late(self, number: int) -> None:
        """So many begin to call; returns as soon as the first has come through."""
        self.do(self._call_late(number))

    def late_came_through(self) -> None:
        self.do(self._late_came_through())

    def back(self) -> None:
        """Until everyone's line stands again."""
        self.do(self._back())

    def serve_next(self, number: int) -> None:
        """The first operators end their talks; each gets the caller whose turn it is."""
        self.do(self._serve_next(number))

    def until(self, peer: Caller | Operator, true: Any) -> None:
        self.do(peer.until(true))

    def close(self) -> None:
        self.do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # --- what is seen of them

    def talks(self) -> list[Any]:
        return [caller.talk for caller in self.callers] + [t for o in self.operators for t in o.talks.values()]

    def frames(self) -> list[int]:
        """How many frames of sound each has heard."""
        return [talk.ear.frames for talk in self.talks()]

    # --- in the loop

    def _browser(self, **signed_in: Any) -> Line:
        return Line(self._url, **signed_in)

    async def _talk_all(self, sessions: list[str]) -> None:
        await _in_eights(self._talk(session) for session in sessions)
        async with asyncio.timeout(90):
            for talk in self.talks():
                await talk.connected.wait()

    async def _talk(self, session: str) -> None:
        operator = Operator(self._browser(cookies=cookies(session), csrf=CSRF), self._clip, every=SPARSE)
        caller = Caller(self._browser(), self._clip, every=SPARSE)
        self.operators.append(operator)
        self.callers.append(caller)
        await operator.start()
        await caller.call(self._line, self._language)
        await caller.until(lambda: caller.phase == "talking", timeout_s=60)

    async def _wait(self, number: int) -> None:
        self.waiting = [Caller(self._browser(), self._clip) for _ in range(number)]
        await _in_eights(caller.call(self._line, self._language) for caller in self.waiting)
        for caller in self.waiting:
            await caller.until(lambda caller=caller: caller.phase == "queued")
        self.waiting.sort(key=lambda caller: caller.state["position"])

    async def _call_late(self, number: int) -> None:
        self.late = [Caller(self._browser(), self._clip) for _ in range(number)]
        calls = (each.call(self._line, self._language, patience_s=300) for each in self.late)
        self._calling = [asyncio.create_task(each) for each in calls]
        done, _ = await asyncio.wait(self._calling, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) < number

    async def _late_came_through(self) -> None:
        await asyncio.gather(*self._calling)

    async def _back(self) -> None:
        async with asyncio.timeout(30):
            for peer in (*self.operators, *self.callers, *self.waiting):
                await peer.line.open.wait()

    async def _serve_next(self, number: int) -> None:
        for operator, caller in zip(self.operators[:number], self.waiting[:number], strict=True):
            await operator.end(operator.work("talking")[0]["contact"])
            await operator.until(lambda o=operator, c=caller: [w["contact"] for w in o.work("talking")] == [c.contact])

    async def _close(self) -> None:
        """Everybody drops out at once. No goodbyes: their town is this test's alone."""
        for task in self._calling:
            task.cancel()
        await asyncio.gather(*self._calling, return_exceptions=True)
        peers = (*self.waiting, *self.late, *self.callers, *self.operators)
        await asyncio.gather(*(peer.close() for peer in peers))


async def _in_eights(work: Iterable[Coroutine[Any, Any, Any]]) -> None:
    """All of it, eight at a time."""
    free = asyncio.Semaphore(8)

    async def one(each: Coroutine[Any, Any, Any]) -> None:
        async with free:
            await each

    await asyncio.gather(*(one(each) for each in work))
