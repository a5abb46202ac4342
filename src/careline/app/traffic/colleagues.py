"""One simulated colleague: signs in at the desk, takes what rings, talks, holds, hands on, writes it up, has a break."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import structlog

from careline.app.traffic import cast
from careline.app.traffic.cast import Member
from careline.app.traffic.habits import DeskPlan, backoff, outcome_of, plan_desk
from careline.app.traffic.stage import SPARSE, Stage, greeting
from careline.base.errors import CareError
from careline.care.contacts.actions import record_outcome
from careline.connectors.webrtc.line import Refused
from careline.connectors.webrtc.peers import Operator

log = structlog.get_logger(__name__)

LOOKS_EVERY_S = 5.0
UNKNOWN_TALK_S = 8.0  # with a caller of an earlier process: nobody is there any more
BROKEN = (Refused, httpx.HTTPError, TimeoutError)


@dataclass
class Colleague:
    stage: Stage
    member: Member
    language: str
    sex: str = "f"
    colleagues: list[Colleague] = field(default_factory=list)
    plan: Callable[[], DeskPlan] | None = None
    desk: Operator | None = field(default=None, init=False)

    async def live(self) -> None:
        """Works until cancelled. What breaks (the live process, the session) is begun again, after growing pauses."""
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._shift()
            except BROKEN as error:
                code = getattr(error, "code", type(error).__name__)
                log.info("simulated_desk_again", code=code, failures=failures)
            if asyncio.get_running_loop().time() - began > 60:
                failures = 0
            failures += 1
            await asyncio.sleep(backoff(failures))

    async def _shift(self) -> None:
        cookies = await self.stage.orm(cast.sign_in, self.member)
        desk = self.desk = Operator(
            self.stage.line(cookies), greeting(self.language, self.sex), answers=False, every=SPARSE
        )
        try:
            await desk.start()
            while not desk.over:
                await self._next(desk)
        finally:
            self.desk = None
            with contextlib.suppress(Exception):
                await asyncio.shield(asyncio.wait_for(self._leave(desk, cookies), 1.5))

    async def _leave(self, desk: Operator, cookies: dict[str, str]) -> None:
        """Going home takes a second, whoever no longer answers."""
        with contextlib.suppress(*BROKEN):
            await desk.line.post("/live/desk/actions", patience_s=0.5, action="sign_out")
        await desk.close()
        await self.stage.orm(cast.sign_out, cookies)

    async def _next(self, desk: Operator) -> None:
        """The next piece of work, or back from whatever pause the switchboard or a supervisor has put them in."""
        try:
            await desk.until(lambda: bool(desk.phone["work"]), LOOKS_EVERY_S)
        except TimeoutError:
            if desk.phone.get("presence") != "ready" and not desk.over:
                await asyncio.sleep(self.stage.rng.uniform(5, 20))
                await desk.act("ready")
            return
        contact = desk.phone["work"][0]["contact"]
        self.stage.with_colleague.add(contact)
        try:
            await self._serve(desk, contact, self.plan() if self.plan else plan_desk(self.stage.rng))
        finally:
            self.stage.with_colleague.discard(contact)

    async def _serve(self, desk: Operator, contact: str, plan: DeskPlan) -> None:
        """One contact, from its ring to the end of the writing; the caller may be gone at any moment."""
        with contextlib.suppress(Refused, TimeoutError):
            if not await self._answer(desk, contact, plan):
                return
            wants = self.stage.callers.get(contact)
            if await self._talk(desk, contact, plan, wants.talk_s if wants else UNKNOWN_TALK_S):
                await self._write(desk, contact, plan, wants.patient if wants and plan.finds_patient else None)
                if plan.pause_s is not None:
                    await self._rest(desk, plan.pause_s)
                return
        await self._let_go(desk, contact)

    async def _answer(self, desk: Operator, contact: str, plan: DeskPlan) -> bool:
        offer = self._in_hand(desk, contact)
        if offer and offer["phase"] == "offered":
            if plan.misses:
                await desk.until(lambda: self._phase(desk, contact) != "offered", 90)
                return False
            await asyncio.sleep(plan.pick_up_s)
            await desk.act("answer", contact=contact, offer=offer["offer"])
        await desk.until(lambda: self._phase(desk, contact) not in ("offered", "dialling"), 90)
        return self._phase(desk, contact) != ""

    async def _talk(self, desk: Operator, contact: str, plan: DeskPlan, talk_s: float) -> bool:
        """False when it was handed on: then somebody else records it."""
        if plan.hold_after_s is not None and plan.hold_after_s < talk_s:
            if await self._over_within(desk, contact, plan.hold_after_s):
                return True
            await desk.act("hold", contact=contact)
            if await self._over_within(desk, contact, plan.hold_s):
                return True
            await desk.act("resume", contact=contact)
        if await self._over_within(desk, contact, talk_s):
            return True
        if plan.hands_on and (other := self._somebody_free()):
            await desk.act("transfer", contact=contact, agent=other)
            return False
        await desk.act("end", contact=contact)
        return True

    async def _over_within(self, desk: Operator, contact: str, seconds: float) -> bool:
        try:
            await desk.until(lambda: self._phase(desk, contact) not in ("talking", "held"), seconds)
        except TimeoutError:
            return False
        return True

    def _somebody_free(self) -> str:
        free = [
            each
            for each in self.colleagues
            if each is not self
            and each.desk
            and each.desk.phone.get("presence") == "ready"
            and not each.desk.phone["work"]
        ]
        return str(self.stage.rng.choice(free).member.user) if free else ""

    async def _write(self, desk: Operator, contact: str, plan: DeskPlan, patient: UUID | None) -> None:
        """Topic and outcome, as the desk records them. "Next" ends the writing."""
        await asyncio.sleep(plan.writes_s)
        asked = await self.stage.orm(cast.topic_asked, contact)
        code, topic = asked or ("", None)
        with contextlib.suppress(CareError):  # the posting has ended, the topic is gone: then it stays unrecorded
            await self.stage.orm(
                record_outcome,
                self.member.reader,
                contact,
                key=str(uuid4()),
                topic_id=topic,
                outcome=outcome_of(self.stage.rng, code),
                patient_ids=[patient] if patient else [],
                next=True,
            )
        try:
            await desk.until(lambda: not self._phase(desk, contact), 10)
        except TimeoutError:
            await desk.act("wrap_up_done", contact=contact)

    async def _rest(self, desk: Operator, seconds: float) -> None:
        await desk.act("pause", reason=self.stage.rng.choice(("break", "paperwork", "training")))
        await asyncio.sleep(seconds)
        await desk.act("ready")

    async def _let_go(self, desk: Operator, contact: str) -> None:
        """Nothing may stay in hand, whatever was misunderstood."""
        if self._phase(desk, contact) in ("talking", "held"):
            with contextlib.suppress(Refused):
                await desk.act("end", contact=contact)
        if self._phase(desk, contact):
            await asyncio.sleep(self.stage.rng.uniform(2, 6))
            with contextlib.suppress(Refused):
                await desk.act("wrap_up_done", contact=contact)
            with contextlib.suppress(TimeoutError):
                await desk.until(lambda: not self._phase(desk, contact), 10)

    def _in_hand(self, desk: Operator, contact: str) -> dict[str, Any] | None:
        return next((each for each in desk.phone["work"] if each["contact"] == contact), None)

    def _phase(self, desk: Operator, contact: str) -> str:
        """ "" when it is no longer in hand."""
        work = self._in_hand(desk, contact)
        return str(work["phase"]) if work else ""
