"""One simulated caller: calls, waits as long as they have patience, speaks when answered, may call again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import structlog

from careline.app.traffic.cast import Destination, Person
from careline.app.traffic.habits import CallPlan
from careline.app.traffic.stage import Stage, Wants, story
from careline.connectors.webrtc.line import Refused
from careline.connectors.webrtc.peers import Caller

log = structlog.get_logger(__name__)

LONGEST_TALK_S = 400.0
LONGEST_PROMISE_S = 1200.0  # how long a page stays open for its call-back
CONNECTS_S = 20.0
RATES = 0.25  # of callers rate the talk


@dataclass
class SimulatedCaller:
    """`prefers`: the real operator it is meant for. `yields` says, while it waits for them, that a real caller came."""

    stage: Stage
    plan: CallPlan
    destination: Destination
    person: Person
    language: str
    prefers: str = ""
    yields: Callable[[], bool] = lambda: False

    async def live(self) -> str:
        """From the first ring to the end. Returns how it ended: "refused", "gave_up", "talked" or "unreached"."""
        caller = self._page()
        try:
            return await self._call(caller)
        except Refused as refusal:
            log.info("simulated_call_refused", code=refusal.code)
            return "refused"
        except (httpx.HTTPError, TimeoutError) as error:
            log.info("simulated_call_broken", error=type(error).__name__)
            return "refused"
        finally:
            self.stage.callers.pop(caller.contact, None)
            await caller.close()

    def _page(self) -> Caller:
        clip = story(self.language, self.plan.opening, self.plan.sex)
        caller = Caller(self.stage.line(), clip)
        caller.talk.new_voice = lambda: self.stage.voice(caller.contact, clip)
        return caller

    async def _call(self, caller: Caller) -> str:
        wish: dict[str, Any] = {"simulated": True, "name": self.person.name, "number": self.person.number}
        if self.prefers:
            wish["prefers"] = self.prefers
        topic = str(self.destination.topic)
        await caller.call(self.destination.line_code, self.language, topic=topic, **wish)
        self.stage.callers[caller.contact] = Wants(self.plan.talk_s, self.person.patient)
        try:
            if not await self._wait(caller):
                return "gave_up"
            if caller.phase == "callback" and not await self._be_called_back(caller):
                return "unreached"
            await self._talk(caller)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await asyncio.shield(asyncio.wait_for(caller.hang_up(), 1.0))
            raise
        return "talked"

    async def _wait(self, caller: Caller) -> bool:
        """Until answered, or promised a call-back. False: gave up."""
        left = self.plan.patience_s
        if self.plan.asks_callback_s is not None and self.plan.asks_callback_s < left and not self.prefers:
            if await self._moves_on(caller, self.plan.asks_callback_s):
                return caller.phase != "ended"
            with contextlib.suppress(Refused):  # answered in this moment
                await caller.act("callback")
            return await self._moves_on(caller, CONNECTS_S) and caller.phase != "ended"
        if await self._moves_on(caller, left):
            return caller.phase != "ended"
        await caller.hang_up()
        return False

    async def _moves_on(self, caller: Caller, seconds: float) -> bool:
        """True as soon as they no longer wait; False when the time is over, or a real caller is to be let through."""
        until = asyncio.get_running_loop().time() + seconds
        while (left := until - asyncio.get_running_loop().time()) > 0:
            with contextlib.suppress(TimeoutError):
                await caller.until(lambda: caller.phase not in ("", "queued", "offered"), min(left, 1.0))
                return True
            if self.prefers and self.yields():
                return False
        return False

    async def _be_called_back(self, caller: Caller) -> bool:
        try:
            await caller.until(lambda: caller.phase in ("dialling", "talking", "ended"), LONGEST_PROMISE_S)
        except TimeoutError:
            await caller.hang_up()
            return False
        if caller.phase == "dialling":
            await asyncio.sleep(self.stage.rng.uniform(2, 6))
            with contextlib.suppress(Refused):
                await caller.act("callback_answer")
        return caller.phase != "ended"

    async def _talk(self, caller: Caller) -> None:
        """A colleague ends the talk when it is time; for a real operator the caller has a story, thanks, and goes."""
        longest = LONGEST_TALK_S
        await self._connect(caller)
        if caller.contact not in self.stage.with_colleague and caller.talk.voice is not None:
            longest = caller.talk.voice.clip.seconds
        while not self._over(caller):
            with contextlib.suppress(TimeoutError):
                await caller.until(lambda: self._over(caller), longest)
                break
            if caller.phase == "held":
                longest = 8.0  # nobody hangs up the moment they are kept waiting
                continue
            await caller.hang_up()
            break
        if self.stage.rng.random() < RATES:
            with contextlib.suppress(Refused):
                await caller.act("rate", rating=self.stage.rng.choice((3, 4, 5, 5, 5)))

    async def _connect(self, caller: Caller) -> None:
        for _ in range(round(CONNECTS_S)):
            if self._over(caller) or caller.talk.connected.is_set():
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(caller.talk.connected.wait(), 1.0)

    def _over(self, caller: Caller) -> bool:
        return caller.phase == "ended"
