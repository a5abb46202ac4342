"""Random events with faults against every promise of the router.

Small worlds (6 queues, up to 12 agents, a few dozen callers) live a few thousand events each: duplicates, late and
lost events, clocks that jump, agents and callers who vanish, crashes with a restore from the folded changes, batches
rolled back. Cheap promises are checked after every event, the brute-force audit after every few.

    python -m benchmarks.acd_random [--quick] [--events N] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from typing import Any

from careline.core.acd.invariants import Witness, audit, snapshot
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

SKILLS = ("lang:uk", "lang:pl", "topic:booking", "topic:labs")
QUEUES = tuple(f"q{n}" for n in range(6))
AGENTS = tuple(f"a{n}" for n in range(12))
LIFE = 4000  # events of one world


class World:
    """One small centre under random events; `broken` tells what went wrong."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = 1_000_000.0
        self.router = Router()
        self.witness = Witness()
        self.seen: Counter[str] = Counter()
        self.stores: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = ({}, {}, {})
        self.events = 0
        self.callers = 0
        self.past: list[Event] = []
        for queue in QUEUES:
            self.feed(QueueSet(self.rules(queue)))

    @property
    def broken(self) -> list[str]:
        return self.witness.broken

    # --- one step -------------------------------------------------------------------------------------------

    def step(self) -> None:
        rng = self.rng
        if rng.random() < 0.4:
            self.now += rng.expovariate(1 / 4.0)
        elif rng.random() < 0.02:
            self.now += rng.choice((-30.0, -1.0, 400.0, 5000.0))  # a clock that jumps
        if rng.random() < 0.6:
            self.feed(TimePassed())
        self.feed(rng.choice(self.past) if self.past and rng.random() < 0.06 else self.any_event())
        roll = rng.random()
        if roll < 0.15:
            self.broken.extend(f"audit: {what}" for what in audit(self.router, self.router._now))
            self.witness.ask_places(self.router, self.now)
            self.witness.agree(self.router)
        elif roll < 0.155:
            self.crash()
        elif roll < 0.16:
            self.roll_back()

    def feed(self, event: Event) -> None:
        self.events += 1
        probe = self.rng.random() < 0.02
        before = snapshot(self.router) if probe else None
        try:
            commands = self.router.handle(event, self.now)
        except IllegalEvent:
            self.seen["illegal"] += 1
            if before is not None and snapshot(self.router) != before:
                self.broken.append(f"illegal {event} changed something")
            return
        self.seen[type(event).__name__] += 1
        self.witness.saw(self.router, event, commands, self.now)
        self.past = [*self.past[-20:], event]
        self.keep()

    def keep(self) -> None:
        """Fold what changed into the stores, as the switchboard does with each commit."""
        changes = self.router.changes()
        for store, changed in zip(self.stores, (changes.contacts, changes.agents, changes.queues), strict=True):
            for id, state in changed.items():
                if state is None:
                    store.pop(id, None)
                else:
                    store[id] = state
        self.router.mark()

    def crash(self) -> None:
        """Lose the process; make the router again from the stores alone, through JSON."""
        self.seen["crash"] += 1
        contacts, agents, queues = (json.loads(json.dumps(list(store.values()))) for store in self.stores)
        before = snapshot(self.router)
        self.router = Router.restore(contacts, agents, queues, self.router._now)
        self.differ("restore", before, snapshot(self.router))

    def roll_back(self) -> None:
        """A commit fails: everything since the mark never happened."""
        self.seen["rollback"] += 1
        before = snapshot(self.router)
        now = self.now
        for _ in range(self.rng.randrange(1, 8)):
            self.now += self.rng.expovariate(1 / 4.0)
            try:
                self.router.handle(TimePassed() if self.rng.random() < 0.3 else self.any_event(), self.now)
            except IllegalEvent:
                continue
        self.router.rollback()
        self.now = now
        self.differ("rollback", before, snapshot(self.router))

    def differ(self, what: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        for part in before:
            if before[part] != after[part]:
                diff = {
                    k: (before[part].get(k), after[part].get(k))
                    for k in {**before[part], **after[part]}
                    if before[part].get(k) != after[part].get(k)
                }
                self.broken.append(f"{what} differs in {part}: {diff}")

    def end(self) -> None:
        """Arrivals stop, everybody works: every caller some agent may serve is served, and nothing is left over."""
        for queue in QUEUES:
            self.feed(QueueSet(QueueRules(queue, wrap_up_s=5.0, relax=(Relax(10.0, 9),), declined_s=5.0)))
        for agent in AGENTS:
            self.feed(
                AgentSignedIn(
                    AgentProfile(agent, frozenset(QUEUES), dict.fromkeys(SKILLS, 5), dict.fromkeys(Channel, 2))
                )
            )
        for _ in range(3000):
            if not self.router._contacts:
                break
            for agent in AGENTS:
                self.feed(AgentReady(agent))
            for c in list(self.router._contacts.values()):
                self.feed_if_fits(c.id)
            self.now += 5.0
            self.feed(TimePassed())
        if self.router._contacts:
            self.broken.append(f"starved: {[c.fold() for c in self.router._contacts.values()][:3]}")
        self.now += 100_000.0
        self.feed(TimePassed())
        for a in self.router._agents.values():
            if a.work:
                self.broken.append(f"agent {a.id} never came free: {list(a.work)}")

    def feed_if_fits(self, id: str) -> None:
        c = self.router.contact(id)
        if c is None:
            return
        if c.phase is Phase.OFFERED:
            self.feed(OfferAccepted(id, c.agent, c.offer))
        elif c.phase is Phase.DIALLING:
            self.feed(PatientAnswered(id))
        elif c.phase in (Phase.TALKING, Phase.HELD):
            self.feed(TalkEnded(id, c.agent))
        elif c.phase is Phase.WRAP_UP:
            self.feed(WrapUpDone(id, c.agent))
        elif c.lost_since is not None:
            self.feed(CallerBack(id))

    # --- what may happen --------------------------------------------------------------------------------------

    def rules(self, queue: str) -> QueueRules:
        rng = self.rng
        overflow: tuple[Overflow, ...] = ()
        if rng.random() < 0.5:
            to = rng.choice([q for q in QUEUES if q != queue])
            overflow = (Overflow(to, after_s=rng.choice((None, 10.0, 60.0)), ratio=rng.choice((None, 0.5, 2.0))),)
        return QueueRules(
            queue,
            open=rng.random() < 0.95,
            selection=rng.choice(list(Selection)),
            offer_s=rng.choice((5.0, 20.0)),
            wrap_up_s=rng.choice((0.0, 10.0, 60.0)),
            lost_s=rng.choice((30.0, 600.0)),
            limit=rng.choice((None, None, 6)),
            head_start_s=rng.choice((0.0, 0.0, 60.0, 600.0)),
            preferred_s=rng.choice((0.0, 15.0)),
            declined_s=rng.choice((0.0, 30.0)),
            relax=rng.choice(((), (Relax(15.0, 1), Relax(40.0, 2)), (Relax(30.0, 5),))),
            overflow=overflow,
        )

    def profile(self, agent: str) -> AgentProfile:
        rng = self.rng
        capacity = rng.choice(
            (
                {Channel.VOICE: 1},
                {Channel.VOICE: 1, Channel.VIDEO: 1, Channel.TEXT: 3},
                {Channel.TEXT: 2, Channel.REQUEST: 1},
                {Channel.VOICE: 1, Channel.TEXT: 2, Channel.REQUEST: 2},
            )
        )
        skills = {skill: rng.randrange(1, 6) for skill in SKILLS if rng.random() < 0.6}
        return AgentProfile(agent, frozenset(rng.sample(QUEUES, rng.randrange(1, 4))), skills, capacity)

    def any_event(self) -> Event:
        rng = self.rng
        contacts = list(self.router._contacts.values())
        roll = rng.random()
        if not contacts or (roll < 0.22 and len(contacts) < 40):
            return self.arrival()
        if roll < 0.42:
            return self.agent_event()
        if roll < 0.425:
            return QueueSet(self.rules(rng.choice(QUEUES)), "test")
        if roll < 0.85:
            served = [c for c in contacts if c.agent]
            return self.next_of(rng.choice(served or contacts))
        c = rng.choice(contacts)
        return self.anything_of(c)

    def arrival(self) -> Event:
        rng = self.rng
        self.callers += 1
        needs = tuple(Need(skill, rng.randrange(1, 5)) for skill in rng.sample(SKILLS, rng.choice((0, 0, 1, 2))))
        hard = frozenset(n.skill for n in needs if rng.random() < 0.1)
        return ContactQueued(
            f"c{self.callers}",
            rng.choice(QUEUES),
            rng.choices(list(Channel), (6, 1, 3, 1))[0],
            needs,
            hard,
            head_start_s=rng.choice((0.0, 0.0, 0.0, 120.0)),
            emergency=rng.random() < 0.04,
            preferred=tuple(rng.sample(AGENTS, rng.choice((0, 0, 0, 1, 2)))),
        )

    def agent_event(self) -> Event:
        rng = self.rng
        agent = rng.choice(AGENTS)
        known = self.router.agent(agent)
        if known is None:
            return AgentSignedIn(self.profile(agent))
        roll = rng.random()
        if roll < 0.7:
            return AgentReady(agent)
        if roll < 0.85:
            return AgentPaused(agent, rng.choice(("lunch", "training")))
        return AgentSignedIn(self.profile(agent)) if roll < 0.92 else AgentSignedOut(agent, "test")

    def next_of(self, c: Any) -> Event:
        """What mostly comes next."""
        rng = self.rng
        if c.phase is Phase.OFFERED:
            if rng.random() < 0.75:
                return OfferAccepted(c.id, c.agent, c.offer)
            return OfferDeclined(c.id, c.agent, c.offer)
        if c.phase is Phase.DIALLING:
            if rng.random() < 0.6:
                return PatientAnswered(c.id)
            return PatientUnreached(c.id, rng.choice((None, self.now + 30.0)))
        if c.phase is Phase.TALKING:
            roll = rng.random()
            if roll < 0.6:
                return TalkEnded(c.id, c.agent)
            if roll < 0.75:
                return TalkHeld(c.id, c.agent)
            if roll < 0.9:
                to = rng.choice(("", rng.choice(AGENTS)))
                return TalkTransferred(c.id, c.agent, rng.choice(QUEUES), to, rng.choice((None, ())))
            return CallerHungUp(c.id)
        if c.phase is Phase.HELD:
            return TalkResumed(c.id, c.agent) if rng.random() < 0.8 else TalkEnded(c.id, c.agent)
        if c.phase is Phase.WRAP_UP:
            return WrapUpDone(c.id, c.agent)
        if c.lost_since is not None and rng.random() < 0.5:
            return CallerBack(c.id)
        return TimePassed()

    def anything_of(self, c: Any) -> Event:
        """What may come at any time, fitting or not."""
        rng = self.rng
        agent = rng.choice((c.agent, rng.choice(AGENTS)))
        return rng.choice(
            (
                CallerHungUp(c.id),
                CallerLost(c.id),
                CallerLost(c.id),
                CallerBack(c.id),
                CallbackAsked(c.id, rng.choice((None, self.now + 60.0))),
                CallbackAsked(c.id),
                ContactReordered(c.id, rng.choice((0.0, 300.0)), "boss", "test", rng.choice((None, None, True, False))),
                ContactCancelled(c.id, "boss", "test"),
                OfferAccepted(c.id, agent, f"{c.id}:{rng.randrange(1, 4)}"),
                TalkEnded(c.id, agent),
                TalkHeld(c.id, agent),
                WrapUpDone(c.id, agent),
                PatientAnswered(c.id),
                PatientUnreached(c.id, None),
                ContactQueued(c.id, rng.choice(QUEUES), Channel.VOICE),
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200,000 events instead of 10 million")
    parser.add_argument("--events", type=int, default=0)
    parser.add_argument("--seed", type=int, default=2024)
    options = parser.parse_args()
    wanted = options.events or (200_000 if options.quick else 10_000_000)
    started = time.perf_counter()
    seen: Counter[str] = Counter()
    broken: list[str] = []
    events = 0
    world_seed = options.seed
    while events < wanted:
        world = World(world_seed)
        while world.events < LIFE and not world.broken:
            world.step()
        if not world.broken:
            world.end()
        broken += [f"seed {world_seed}, event {world.events}: {what}" for what in world.broken]
        seen += world.seen
        events += world.events
        world_seed += 1
        if len(broken) > 20:
            break
    spent = time.perf_counter() - started
    for name, count in seen.most_common():
        print(f"{name:24}{count:>12,}")
    for what in broken[:10]:
        print("BROKEN", what[:2000])
    print(f"{events:,} events in {world_seed - options.seed} worlds, {spent:.0f} s, {len(broken)} violations")
    print(json.dumps({"events": events, "violations": len(broken), "seconds": round(spent, 1)}))


if __name__ == "__main__":
    main()
