"""How quickly the router decides in a very large centre: 5,000 agents, 2,000 queues, 10,000 callers waiting.

One decision is one event with all that follows from it: `handle`, the folded `changes` the switchboard commits, and
`mark`. Agents work in 400 teams over neighbouring queues, with languages and topics at five proficiencies; callers ask
for up to two skills; needs relax and queues overflow. The centre is kept at 10,000 waiting throughout. The figures are of the
interpreted router, which the product runs; with `--compiled` the same files compiled with mypyc are measured, too. The
collector of garbage is set as `careline live` sets it: the standing centre is frozen, the young are looked through
after 100,000 more were made than freed.

    python -m benchmarks.acd [--quick] [--seed N] [--compiled]
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import time
from collections import defaultdict

from benchmarks.compiled import compiled_home, run
from careline.core.acd.model import (
    AgentProfile,
    AgentReady,
    AgentSignedIn,
    CallerHungUp,
    Channel,
    Command,
    ContactQueued,
    DialPatient,
    EndContact,
    Event,
    Need,
    OfferAccepted,
    OfferContact,
    OfferDeclined,
    Overflow,
    QueueRules,
    QueueSet,
    Relax,
    StartTalk,
    StartWrapUp,
    StopTalk,
    TalkEnded,
    TimePassed,
    WithdrawOffer,
    WrapUpDone,
)
from careline.core.acd.router import Router

COLLECT_AFTER = (100_000, 20, 20)  # as app/live.py sets it
AGENTS, QUEUES, WAITING, TEAMS = 5_000, 2_000, 10_000, 400
LANGUAGES = ("lang:uk", "lang:ru", "lang:pl", "lang:en")
TOPICS = ("topic:booking", "topic:labs", "topic:house_call")


class Centre:
    """The large centre, its people played at random."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.now = 1_700_000_000.0
        self.router = Router()
        self.offers: dict[str, OfferContact] = {}
        self.talks: dict[str, str] = {}
        self.writing: dict[str, str] = {}
        self.alive: dict[str, None] = {}
        self.callers = 0
        self.spent: dict[str, list[float]] = defaultdict(list)
        self.processor_s: list[float] = []
        self._fill()

    def _fill(self) -> None:
        rng = self.rng
        for n in range(QUEUES):
            overflow = (Overflow(f"q{(n + 7) % QUEUES}", after_s=120.0, ratio=5.0 if n % 3 == 0 else None),)
            relax = (Relax(60.0, 1), Relax(180.0, 2))
            self.decide(
                QueueSet(
                    QueueRules(f"q{n}", head_start_s=rng.choice((0.0, 0.0, 120.0)), relax=relax, overflow=overflow)
                )
            )
        profiles = []
        for n in range(AGENTS):
            first = (n % TEAMS) * (QUEUES // TEAMS)
            queues = frozenset(f"q{(first + step) % QUEUES}" for step in range(rng.choice((5, 5, 8, 12))))
            skills = {skill: rng.randrange(1, 6) for skill in (*rng.sample(LANGUAGES, 2), *rng.sample(TOPICS, 2))}
            capacity = {Channel.VOICE: 1, Channel.TEXT: 3} if n % 5 == 0 else {Channel.VOICE: 1}
            profiles.append(AgentProfile(f"a{n}", queues, skills, capacity))
            self.decide(AgentSignedIn(profiles[-1]))
            self.decide(AgentReady(profiles[-1].id))
        while len(self.alive) - len(self.talks) < WAITING:
            self.now += 0.001
            self.decide(self.arrival())
            for offer in list(self.offers.values()):
                self.decide(OfferAccepted(offer.contact, offer.agent, offer.offer))

    def arrival(self) -> Event:
        rng = self.rng
        self.callers += 1
        needs = tuple(
            Need(skill, rng.randrange(1, 4)) for skill in rng.sample((*LANGUAGES, *TOPICS), rng.choice((0, 1, 2)))
        )
        channel = Channel.TEXT if rng.random() < 0.1 else Channel.VOICE
        return ContactQueued(
            f"c{self.callers}", f"q{rng.randrange(QUEUES)}", channel, needs, emergency=rng.random() < 0.002
        )

    def decide(self, event: Event) -> None:
        router = self.router
        cpu = time.thread_time()
        started = time.perf_counter()
        commands = router.handle(event, self.now)
        router.changes()
        router.mark()
        self.spent[type(event).__name__].append(time.perf_counter() - started)
        self.processor_s.append(time.thread_time() - cpu)
        for command in commands:
            self._follow(command)
        if isinstance(event, ContactQueued):
            self.alive[event.contact] = None

    def _follow(self, command: Command) -> None:
        if isinstance(command, OfferContact):
            self.offers[command.contact] = command
        elif isinstance(command, WithdrawOffer | DialPatient):
            self.offers.pop(command.contact, None)
        elif isinstance(command, StartTalk):
            self.offers.pop(command.contact, None)
            self.talks[command.contact] = command.agent
        elif isinstance(command, StopTalk):
            self.talks.pop(command.contact, None)
        elif isinstance(command, StartWrapUp):
            self.writing[command.contact] = command.agent
        elif isinstance(command, EndContact):
            self.writing.pop(command.contact, None)
            self.alive.pop(command.contact, None)

    def step(self) -> None:
        rng = self.rng
        self.now += 0.002
        due = self.router.next_due()
        if due is not None and due <= self.now:
            self.decide(TimePassed())
        if len(self.alive) - len(self.talks) - len(self.writing) < WAITING:
            self.decide(self.arrival())
        elif self.offers:
            offer = next(iter(self.offers.values()))
            kind = OfferDeclined if rng.random() < 0.03 else OfferAccepted
            self.decide(kind(offer.contact, offer.agent, offer.offer))
        elif self.writing and rng.random() < 0.5:
            contact = next(iter(self.writing))
            self.decide(WrapUpDone(contact, self.writing[contact]))
        elif rng.random() < 0.03:
            contact = rng.choice(list(self.router.waiting(f"q{rng.randrange(QUEUES)}")) or [next(iter(self.alive))])
            self.decide(CallerHungUp(contact))
        else:
            contact = next(iter(self.talks))
            self.decide(TalkEnded(contact, self.talks[contact]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 decisions instead of a million")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--compiled", action="store_true", help="measure the router compiled with mypyc, too")
    options = parser.parse_args()
    centre = Centre(options.seed)
    gc.collect()
    gc.freeze()  # as the live process does after its rebuild: the standing centre is not looked through again
    gc.set_threshold(*COLLECT_AFTER)
    centre.spent.clear()
    centre.processor_s.clear()
    for _ in range(100_000 if options.quick else 1_000_000):
        centre.step()
    everything = sorted(us for times in centre.spent.values() for us in times)
    waiting = sum(view.waiting for view in centre.router.queues())
    print(f"{AGENTS:,} agents, {QUEUES:,} queues, {waiting:,} waiting")
    print(f"{'event':16}{'count':>10}{'p50 us':>10}{'p99 us':>10}{'max us':>10}")
    for name, times in sorted(centre.spent.items(), key=lambda item: -len(item[1])):
        times.sort()
        p50, p99 = times[len(times) // 2] * 1e6, times[len(times) * 99 // 100] * 1e6
        print(f"{name:16}{len(times):>10,}{p50:>10.1f}{p99:>10.1f}{times[-1] * 1e6:>10.0f}")
    figures = {
        "decision_p99_us": round(everything[len(everything) * 99 // 100] * 1e6, 1),
        "decision_p50_us": round(everything[len(everything) // 2] * 1e6, 1),
        "decisions_per_s": round(len(everything) / sum(everything)),
        "decisions": len(everything),
        "processor_p99_us": round(sorted(centre.processor_s)[len(everything) * 99 // 100] * 1e6, 1),
        "decisions_per_processor_s": round(len(everything) / sum(centre.processor_s)),
    }
    if options.compiled and (home := compiled_home()) is not None:
        again = ["--seed", str(options.seed), *(["--quick"] if options.quick else [])]
        compiled = json.loads(run(home, "acd", *again).splitlines()[-1])
        for name in ("decision_p99_us", "decisions_per_s"):
            figures[f"compiled_{name}"] = compiled[name]
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
