"""Promises of the router as invariants over random event sequences with faults, each under its name."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from careline.core.acd import invariants
from careline.core.acd.invariants import Witness
from careline.core.acd.model import (
    AgentPaused,
    AgentProfile,
    AgentReady,
    AgentSignedIn,
    AgentSignedOut,
    CallbackAsked,
    CallerBack,
    CallerHungUp,
    CallerLost,
    Channel,
    ContactCancelled,
    ContactQueued,
    ContactReordered,
    Event,
    IllegalEvent,
    Need,
    OfferAccepted,
    OfferDeclined,
    Overflow,
    PatientAnswered,
    PatientUnreached,
    Phase,
    QueueRules,
    QueueSet,
    Relax,
    Selection,
    TalkEnded,
    TalkHeld,
    TalkResumed,
    TalkTransferred,
    TimePassed,
    WrapUpDone,
)
from careline.core.acd.router import Router

QUEUES = ("north", "south")
AGENTS = ("olena", "iryna", "doctor")
SKILLS = ("lang:uk", "topic:labs")

rules_of_queue = st.builds(
    QueueRules,
    id=st.sampled_from(QUEUES),
    selection=st.sampled_from(Selection),
    offer_s=st.sampled_from((5.0, 20.0)),
    wrap_up_s=st.sampled_from((0.0, 30.0)),
    lost_s=st.sampled_from((10.0, 600.0)),
    limit=st.sampled_from((None, 4)),
    head_start_s=st.sampled_from((0.0, 120.0)),
    preferred_s=st.sampled_from((0.0, 20.0)),
    declined_s=st.sampled_from((0.0, 30.0)),
    relax=st.sampled_from(((), (Relax(15.0, 1), Relax(40.0, 4)))),
    overflow=st.sampled_from(
        ((), (Overflow("south", after_s=20.0),), (Overflow("south", ratio=0.5),), (Overflow("north", ratio=1.0),))
    ),
)
profiles = st.builds(
    AgentProfile,
    id=st.sampled_from(AGENTS),
    queues=st.frozensets(st.sampled_from(QUEUES), min_size=1),
    skills=st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 5)),
    capacity=st.sampled_from(
        ({Channel.VOICE: 1}, {Channel.VOICE: 1, Channel.TEXT: 2}, {Channel.TEXT: 2, Channel.REQUEST: 1})
    ),
)
needs = st.lists(st.builds(Need, st.sampled_from(SKILLS), st.integers(1, 4)), max_size=2, unique_by=lambda n: n.skill)


class Centre(RuleBasedStateMachine):
    """A small centre. Subclasses state one promise each."""

    @initialize(first=rules_of_queue)
    def open(self, first: QueueRules) -> None:
        self.router = Router()
        self.witness = Witness()
        self.now = 1000.0
        self.callers = 0
        self.last: Event = TimePassed()
        self.stores: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = ({}, {}, {})
        for queue in QUEUES:
            self.hear(QueueSet(QueueRules(queue)))
        self.hear(QueueSet(first))
        for agent in AGENTS:
            self.hear(
                AgentSignedIn(
                    AgentProfile(agent, frozenset(QUEUES), {"lang:uk": 3}, {Channel.VOICE: 1, Channel.TEXT: 2})
                )
            )
            self.hear(AgentReady(agent))

    def hear(self, event: Event) -> None:
        try:
            commands = self.router.handle(event, self.now)
        except IllegalEvent:
            self.refused(event)
            return
        self.last = event
        self.witness.saw(self.router, event, commands, self.now)
        changes = self.router.changes()
        for store, changed in zip(self.stores, (changes.contacts, changes.agents, changes.queues), strict=True):
            for id, state in changed.items():
                store[id] = state
                if state is None:
                    del store[id]
        self.router.mark()

    def refused(self, event: Event) -> None:
        """For the promise that looks at it."""

    def contact(self, data: st.DataObject) -> Any:
        return data.draw(st.sampled_from(self.router.contacts()))

    @rule(seconds=st.sampled_from((0.0, 1.0, 7.0, 30.0, 700.0)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.hear(TimePassed())

    @rule(seconds=st.sampled_from((-3600.0, 3.0)))
    def clock_jumps(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        queue=st.sampled_from(QUEUES),
        channel=st.sampled_from(Channel),
        needs=needs,
        hard=st.booleans(),
        head_start_s=st.sampled_from((0.0, 60.0)),
        emergency=st.sampled_from((False, False, False, True)),
        preferred=st.lists(st.sampled_from(AGENTS), max_size=2, unique=True),
    )
    def caller_comes(
        self,
        queue: str,
        channel: Channel,
        needs: list[Need],
        hard: bool,
        head_start_s: float,
        emergency: bool,
        preferred: list[str],
    ) -> None:
        self.callers += 1
        kept = frozenset(n.skill for n in needs) if hard else frozenset()
        self.hear(
            ContactQueued(
                f"c{self.callers}", queue, channel, tuple(needs), kept, head_start_s, emergency, tuple(preferred)
            )
        )

    @rule(agent=st.sampled_from(AGENTS), what=st.sampled_from((AgentReady, AgentReady, AgentSignedOut)))
    def agent_moves(self, agent: str, what: type) -> None:
        self.hear(what(agent))

    @rule(agent=st.sampled_from(AGENTS))
    def agent_pauses(self, agent: str) -> None:
        self.hear(AgentPaused(agent, "lunch"))

    @rule(profile=profiles)
    def agent_signs_in(self, profile: AgentProfile) -> None:
        self.hear(AgentSignedIn(profile))

    @rule(rules=rules_of_queue)
    def rules_change(self, rules: QueueRules) -> None:
        self.hear(QueueSet(rules))

    @precondition(lambda self: self.router.contacts())
    @rule(data=st.data())
    def the_next_thing_happens(self, data: st.DataObject) -> None:
        c = self.contact(data)
        usual: dict[Phase, tuple[Event, ...]] = {
            Phase.QUEUED: (CallbackAsked(c.id), CallbackAsked(c.id, self.now + 30.0), CallerHungUp(c.id)),
            Phase.OFFERED: (OfferAccepted(c.id, c.agent, c.offer), OfferDeclined(c.id, c.agent, c.offer)),
            Phase.CALLBACK: (CallerHungUp(c.id), CallerLost(c.id)),
            Phase.DIALLING: (PatientAnswered(c.id), PatientUnreached(c.id), PatientUnreached(c.id, self.now + 30.0)),
            Phase.TALKING: (
                TalkEnded(c.id, c.agent),
                TalkHeld(c.id, c.agent),
                TalkTransferred(c.id, c.agent, "south"),
                TalkTransferred(c.id, c.agent, "north", "doctor"),
            ),
            Phase.HELD: (TalkResumed(c.id, c.agent), TalkEnded(c.id, c.agent)),
            Phase.WRAP_UP: (WrapUpDone(c.id, c.agent),),
        }
        self.hear(data.draw(st.sampled_from(usual[c.phase])))

    @precondition(lambda self: self.router.contacts())
    @rule(data=st.data(), agent=st.sampled_from(AGENTS))
    def anything_happens(self, data: st.DataObject, agent: str) -> None:
        c = self.contact(data)
        self.hear(
            data.draw(
                st.sampled_from(
                    (
                        CallerHungUp(c.id),
                        CallerLost(c.id),
                        CallerBack(c.id),
                        OfferAccepted(c.id, agent, f"{c.id}:1"),
                        TalkEnded(c.id, agent),
                        WrapUpDone(c.id, agent),
                        ContactReordered(c.id, 300.0, "boss", "why"),
                        ContactReordered(c.id, 0.0, "boss", "why", emergency=True),
                        ContactCancelled(c.id, "boss", "why"),
                    )
                )
            )
        )

    @rule()
    def the_last_event_comes_twice(self) -> None:
        self.hear(self.last)


def _stateful(machine: type[Centre]) -> Any:
    case = machine.TestCase
    case.settings = settings(
        max_examples=max(settings.default.max_examples // 4, 10),
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],  # rules draw from the centre's state, which takes its time
    )
    return case


class _NothingBroken(Centre):
    """Commands as a desk sees them: nobody offered to two agents, leases end, order and overtaking, places kept."""

    @invariant()
    def no_promise_is_broken(self) -> None:
        if hasattr(self, "witness"):
            self.witness.agree(self.router)
            assert self.witness.broken == []


class _Audited(Centre):
    """No agent over capacity or leaked, every lease timed, lines in order, no match left lying."""

    @invariant()
    def the_audit_finds_nothing(self) -> None:
        if hasattr(self, "router"):
            assert list(invariants.audit(self.router, self.router._now)) == []


class _Positions(Centre):
    """A position once told never grows; a wait is a sensible interval."""

    @invariant()
    def told_positions_never_grow(self) -> None:
        if hasattr(self, "witness"):
            self.witness.ask_places(self.router, self.now)
            assert self.witness.broken == []


class _Illegal(Centre):
    """An illegal event changes nothing."""

    def refused(self, event: Event) -> None:
        after = invariants.snapshot(self.router)
        changes = self.router.changes()
        assert (changes.contacts, changes.agents, changes.queues) == ({}, {}, {})
        self.router.rollback()
        assert invariants.snapshot(self.router) == after


class _Restored(Centre):
    """The folded changes alone make an equal router, through JSON."""

    @invariant()
    def a_crash_restores_the_same_router(self) -> None:
        if hasattr(self, "router"):
            folded = json.loads(json.dumps([list(store.values()) for store in self.stores]))
            again = Router.restore(*folded, now=self.router._now)
            assert invariants.snapshot(again) == invariants.snapshot(self.router)


class _RolledBack(Centre):
    """A batch that failed to commit never happened."""

    @rule(seconds=st.sampled_from((0.0, 30.0, 700.0)), agent=st.sampled_from(AGENTS))
    def a_batch_is_rolled_back(self, seconds: float, agent: str) -> None:
        before = invariants.snapshot(self.router)
        batch: list[Event] = [TimePassed(), ContactQueued("lost", "north", Channel.TEXT), AgentSignedOut(agent)]
        batch += [QueueSet(QueueRules("south", selection=Selection.LEAST_OCCUPIED))]
        for c in self.router.contacts():
            batch += [OfferAccepted(c.id, c.agent, c.offer), CallerLost(c.id), CallerHungUp(c.id)]
        for event in batch:
            try:
                self.router.handle(event, self.now + seconds)
            except IllegalEvent:
                continue
        self.router.rollback()
        assert invariants.snapshot(self.router) == before


class _NobodyStarves(Centre):
    """When arrivals stop and agents work, everybody is served and every agent comes free."""

    def teardown(self) -> None:
        for queue in QUEUES:
            self.hear(QueueSet(QueueRules(queue, relax=(Relax(5.0, 9),), declined_s=5.0)))
        everything = dict.fromkeys(Channel, 1)
        for agent in AGENTS:
            self.hear(AgentSignedIn(AgentProfile(agent, frozenset(QUEUES), dict.fromkeys(SKILLS, 5), everything)))
        for _ in range(400):
            if not self.router.contacts():
                break
            for agent in AGENTS:
                self.hear(AgentReady(agent))
            for c in self.router.contacts():
                if c.phase is Phase.OFFERED:
                    self.hear(OfferAccepted(c.id, c.agent, c.offer))
                elif c.phase is Phase.DIALLING:
                    self.hear(PatientAnswered(c.id))
                elif c.phase in (Phase.TALKING, Phase.HELD):
                    self.hear(TalkEnded(c.id, c.agent))
                elif c.lost_since is not None:
                    self.hear(CallerBack(c.id))
            self.now = max(self.now, self.router._now) + 10.0
            self.hear(TimePassed())
        assert self.router.contacts() == []
        self.now += 1000.0
        self.hear(TimePassed())
        assert [a.work for a in self.router.agents()] == [()] * len(self.router.agents())


TestNobodyIsOfferedTwiceOrOutOfTurnAndPlacesAreKept = _stateful(_NothingBroken)
TestNoAgentIsLeakedOrOverCapacityAndNoMatchIsLeftLying = _stateful(_Audited)
TestAPositionOnceToldNeverGrows = _stateful(_Positions)
TestAnIllegalEventChangesNothing = _stateful(_Illegal)
TestAnEqualRouterIsRestoredFromFoldedChanges = _stateful(_Restored)
TestARolledBackBatchNeverHappened = _stateful(_RolledBack)
TestNobodyStarvesWhileAgentsWork = _stateful(_NobodyStarves)
