"""The centre's twin: this very router under a virtual clock.

A run takes the rules, the agents and the calls that come, and returns how each call fared. Nothing is modelled twice:
who is offered to whom, in which order, and what a caller is told is decided by `Router`; the twin only plays the
people. It is pure: calls come from a ledger or from `poisson_calls`, and the same input gives the same outcome.
"""

from __future__ import annotations

import math
import random
from bisect import insort
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Final

from careline.core.acd.model import (
    AgentProfile,
    AgentReady,
    AgentSignedIn,
    CallerHungUp,
    Channel,
    Command,
    ContactQueued,
    EndContact,
    Need,
    OfferAccepted,
    OfferContact,
    QueueRules,
    QueueSet,
    RefuseContact,
    TalkEnded,
    TimePassed,
    WithdrawOffer,
    WrapUpDone,
)
from careline.core.acd.router import Router

# What may happen, in the order in which it does where it comes at the same moment.
_GIVES_UP: Final = 1
_ACCEPTS: Final = 2
_ENDS: Final = 3
_SAVED: Final = 4

_TIME_PASSED: Final = TimePassed()
_NEVER: Final = float("inf")
_NO_SKILLS: Final[frozenset[str]] = frozenset()


class Call:
    """A call to come: when (s), where, how long talk and writing-up will take (s), how long the caller would wait
    (s).
    """

    __slots__ = ("at", "channel", "head_start_s", "needs", "patience_s", "queue", "talk_s", "wrap_up_s")

    def __init__(
        self,
        at: float,
        queue: str,
        talk_s: float,
        patience_s: float,
        wrap_up_s: float = 0.0,
        channel: Channel = Channel.VOICE,
        needs: tuple[Need, ...] = (),
        head_start_s: float = 0.0,
    ) -> None:
        self.at = at
        self.queue = queue
        self.talk_s = talk_s
        self.patience_s = patience_s
        self.wrap_up_s = wrap_up_s
        self.channel = channel
        self.needs = needs
        self.head_start_s = head_start_s


class Fate:
    """How one call fared. Waits in seconds; `told_low_s`..`told_high_s` is what the caller was told on entering."""

    __slots__ = ("abandoned", "answered", "call", "refused", "told_high_s", "told_low_s", "wait_s")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.answered = False
        self.abandoned = False
        self.refused = False
        self.wait_s = 0.0
        self.told_low_s = -1.0  # -1: nothing was told
        self.told_high_s = -1.0


class Twin:
    """One centre under a virtual clock. `answer_s`: how long an agent lets an offer ring; `tell` asks each waiting
    caller's place on entering, as the live page does.
    """

    def __init__(
        self, queues: Iterable[QueueRules], agents: Iterable[AgentProfile], answer_s: float = 0.0, tell: bool = True
    ) -> None:
        self._answer_s = answer_s
        self._tell = tell
        self._router = Router(journal=False)
        # What will happen, by its moment; the heap is of bare numbers, which compare twice as fast as tuples.
        self._moments: list[float] = []
        self._plans: dict[float, list[tuple[int, str]]] = {}
        self._waiting: dict[str, Fate] = {}
        self._rung: dict[str, OfferContact] = {}
        self._talks: dict[str, str] = {}  # call -> agent
        for rules in queues:
            self._router.handle(QueueSet(rules), 0.0)
        for profile in agents:
            self._router.handle(AgentSignedIn(profile), 0.0)
            self._router.handle(AgentReady(profile.id), 0.0)

    @property
    def router(self) -> Router:
        return self._router

    def run(self, calls: Iterable[Call]) -> Iterator[Fate]:
        """Play the calls, which come in order of time; a fate is yielded when the wait of its call is over."""
        over: list[Fate] = []
        for number, call in enumerate(calls):
            self._play(call.at, over)
            self._arrive(str(number), call, over)
            if over:
                for fate in over:  # noqa: UP028 - `yield from` costs a second generator's worth when compiled
                    yield fate
                over = []
        self._play(_NEVER, over)
        yield from over

    def _play(self, end: float, over: list[Fate]) -> None:
        """Let everything happen that happens before `end`."""
        moments = self._moments
        router = self._router
        while True:
            due = router.next_due()
            at = moments[0] if moments else _NEVER
            if due is not None and due < end and due <= at:
                self._carry_out(router.handle(_TIME_PASSED, due), due, over)
            elif at < end:
                plans = self._plans[at]
                kind, id = plans[0]
                if len(plans) == 1:
                    heappop(moments)
                    del self._plans[at]
                else:
                    del plans[0]
                self._happens(at, kind, id, over)
            else:
                return

    def _plan(self, at: float, kind: int, id: str) -> None:
        plans = self._plans.get(at)
        if plans is None:
            self._plans[at] = [(kind, id)]
            heappush(self._moments, at)
        else:
            insort(plans, (kind, id))

    def _arrive(self, id: str, call: Call, over: list[Fate]) -> None:
        at = call.at
        fate = Fate(call)
        self._waiting[id] = fate
        event = ContactQueued(id, call.queue, call.channel, call.needs, _NO_SKILLS, call.head_start_s)
        self._carry_out(self._router.handle(event, at), at, over)
        if id not in self._waiting:
            return
        self._plan(at + call.patience_s, _GIVES_UP, id)
        if self._tell:
            place = self._router.place(id, at)
            if place.wait_low_s is not None and place.wait_high_s is not None:
                fate.told_low_s = place.wait_low_s
                fate.told_high_s = place.wait_high_s

    def _happens(self, at: float, kind: int, id: str, over: list[Fate]) -> None:
        router = self._router
        if kind == _GIVES_UP:
            fate = self._waiting.pop(id, None)
            if fate is None:
                return  # answered long ago
            fate.abandoned = True
            fate.wait_s = at - fate.call.at
            over.append(fate)
            self._carry_out(router.handle(CallerHungUp(id), at), at, over)
        elif kind == _ENDS:
            self._carry_out(router.handle(TalkEnded(id, self._talks[id]), at), at, over)
        elif kind == _SAVED:
            self._carry_out(router.handle(WrapUpDone(id, self._talks.pop(id)), at), at, over)
        elif id in self._rung:
            offer = self._rung[id]
            if at >= offer.until - self._offer_s(id) + self._answer_s - 1e-6:  # not an earlier offer of this call
                self._answer(offer, id, at, over)

    def _offer_s(self, id: str) -> float:
        view = self._router.queue(self._waiting[id].call.queue)
        assert view is not None
        return view.rules.offer_s

    def _answer(self, offer: OfferContact, id: str, at: float, over: list[Fate]) -> None:
        """The agent takes the offer: the wait is over, talk and writing-up follow."""
        self._rung.pop(id, None)
        fate = self._waiting.pop(id)
        call = fate.call
        self._router.handle(OfferAccepted(offer.contact, offer.agent, offer.offer), at)
        fate.answered = True
        fate.wait_s = at - call.at
        over.append(fate)
        self._talks[id] = offer.agent
        self._plan(at + call.talk_s, _ENDS, id)
        if call.wrap_up_s > 0.0:
            self._plan(at + call.talk_s + call.wrap_up_s, _SAVED, id)

    def _carry_out(self, commands: list[Command], at: float, over: list[Fate]) -> None:
        for command in commands:
            if isinstance(command, OfferContact):
                id = command.contact
                if self._answer_s <= 0.0:
                    self._answer(command, id, at, over)
                else:
                    self._rung[id] = command
                    self._plan(at + self._answer_s, _ACCEPTS, id)
            elif isinstance(command, EndContact):
                self._talks.pop(command.contact, None)
            elif isinstance(command, WithdrawOffer):
                self._rung.pop(command.contact, None)
            elif isinstance(command, RefuseContact):
                fate = self._waiting.pop(command.contact)
                fate.refused = True
                over.append(fate)


def poisson_calls(queue: str, per_s: float, talk_s: float, patience_s: float, count: int, seed: int) -> Iterator[Call]:
    """`count` calls of a Poisson stream with exponential talks and patiences (means in seconds): the M/M/s+M of
    the books.
    """
    chance = random.Random(seed).random
    talks_per_s, patiences_per_s = 1.0 / talk_s, 1.0 / patience_s
    at = 0.0
    for _ in range(count):  # the very steps of `expovariate`, without a call for each
        at -= math.log(1.0 - chance()) / per_s
        talk = -math.log(1.0 - chance()) / talks_per_s
        yield Call(at, queue, talk, -math.log(1.0 - chance()) / patiences_per_s)
