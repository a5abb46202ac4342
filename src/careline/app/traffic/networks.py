"""One network's living day: colleagues at their desks, a stream of callers, and somebody for every visitor."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from typing import Any

import structlog

from careline.app.traffic.callers import SimulatedCaller
from careline.app.traffic.cast import Cast, Sight, Visitor
from careline.app.traffic.colleagues import Colleague
from careline.app.traffic.habits import CAP, arrivals, backoff, plan_call
from careline.app.traffic.stage import Stage

log = structlog.get_logger(__name__)

AT_ONCE = 3  # callers of the first seconds, so that the centre lives when it is first looked at
FIRST_CALLS_S = 12.0
VISITOR_WAITS_S = (3.0, 8.0)  # how long a ready visitor has peace before a call is meant for them
SOON_S = 3600.0


class Network:
    def __init__(self, stage: Stage, cast: Cast) -> None:
        self.stage, self.cast = stage, cast
        self.rng: random.Random = stage.rng
        self.living = 0  # calls that are on the way
        self.sight = Sight((), frozenset())
        self._tasks: set[asyncio.Task[None]] = set()
        self._due: dict[str, float] = {}  # visitor -> when a call is meant for them
        self._meant: set[str] = set()  # visitors who have one
        self._refused = 0  # calls refused in a row
        self.colleagues = [
            Colleague(stage, member, cast.language, "m" if number % 4 == 2 else "f")
            for number, member in enumerate(cast.members)
        ]
        for each in self.colleagues:
            each.colleagues = self.colleagues

    async def live(self) -> None:
        """Until cancelled."""
        for number, colleague in enumerate(self.colleagues):
            self._begin(self._after(0.4 * number, colleague.live()))
        for number in range(AT_ONCE):
            self._begin(self._after(3.0 + number * FIRST_CALLS_S / AT_ONCE, self._caller()))
        try:
            await self._stream()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _stream(self) -> None:
        while True:
            now = time.time()
            at = next(arrivals(self.rng, now, now + SOON_S, self.cast.rate_now), now + SOON_S)
            await asyncio.sleep(at - now + (backoff(self._refused) if self._refused > 2 else 0.0))
            if self.living < CAP:
                self._begin(self._caller())

    async def _caller(self) -> None:
        plan = plan_call(self.rng, self.cast.topics())
        destination = self.cast.destination(self.rng, plan.topic)
        person = self.rng.choice(self.cast.people)
        caller = SimulatedCaller(self.stage, plan, destination, person, self.cast.language_of(self.rng, destination))
        ended = await self._counted(caller)
        if ended == "gave_up" and plan.again_s is not None:
            await asyncio.sleep(plan.again_s)
            await self._counted(caller)

    async def _counted(self, caller: SimulatedCaller) -> str:
        self.living += 1
        try:
            ended = await caller.live()
        finally:
            self.living -= 1
        self._refused = self._refused + 1 if ended == "refused" else 0
        return ended

    # --- visitors

    def attend(self, sight: Sight, now: float) -> None:
        """Whoever visits as an operator and is ready shall hear somebody soon, unless a real caller waits for them."""
        self.sight = sight
        mine = {each.agent: each for each in sight.visitors if self.cast.topics(each.queues)}
        self._due = {agent: due for agent, due in self._due.items() if agent in mine}
        for agent, visitor in mine.items():
            due = self._due.setdefault(agent, now + self.rng.uniform(*VISITOR_WAITS_S))
            if now >= due and agent not in self._meant and not sight.asked & visitor.queues:
                self._meant.add(agent)
                self._begin(self._call_for(visitor))

    async def _call_for(self, visitor: Visitor) -> None:
        try:
            plan = plan_call(self.rng, self.cast.topics(visitor.queues))
            destination = self.cast.destination(self.rng, plan.topic, visitor.queues)
            person = self.rng.choice(self.cast.people)
            await self._counted(
                SimulatedCaller(
                    self.stage,
                    plan,
                    destination,
                    person,
                    self.cast.language,
                    visitor.agent,
                    lambda: bool(self.sight.asked & visitor.queues),
                )
            )
        finally:
            self._meant.discard(visitor.agent)
            self._due.pop(visitor.agent, None)

    # --- errands

    async def _after(self, seconds: float, errand: Coroutine[Any, Any, None]) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            errand.close()
            raise
        await errand

    def _begin(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(errand)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("simulated_errand_failed", exc_info=error)
