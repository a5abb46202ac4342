"""From an event to its assignment on the disk: `python -m benchmarks.durable [--quick]`.

Calls arrive at random, 50 a second on average, at a switchboard with enough agents; they are answered, talked and
written up, all of it through the switchboard: 200 events a second. Measured is the time from handing the arrival in
until its offer is committed and known. Then 500 arrivals a second for 10 s: counted are those that did not come onto
the ledger, and the time from the last arrival until the last of them is committed.

The server is that of DATABASE_URL with its own settings (fsync is as it is there: see the table), else one of our own.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import sys
import time
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.database import fresh

SEED = 20260302
AGENTS = 150
QUEUES = 5
RATE = 50.0
BURST = 500.0
BURST_S = 10.0


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Centre:
    """Agents who answer within a fraction of a second, talk for a second or two, and write up at once."""

    def __init__(self, switchboard: Any, rng: random.Random) -> None:
        from careline.core.acd import model

        self.switchboard, self.rng, self.model = switchboard, rng, model
        self.queues = [self.id() for _ in range(QUEUES)]
        self.agents = [self.id() for _ in range(AGENTS)]
        self.took: list[float] = []
        self.late = 0
        self.tasks: set[asyncio.Task[None]] = set()

    def id(self) -> str:
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    async def open(self) -> None:
        m = self.model
        for queue in self.queues:
            await self.switchboard.submit(m.QueueSet(m.QueueRules(id=queue)))
        for n, agent in enumerate(self.agents):
            served = frozenset({self.queues[n % QUEUES], self.queues[(n + 1) % QUEUES]})
            await self.switchboard.submit(m.AgentSignedIn(m.AgentProfile(agent, served)))
            await self.switchboard.submit(m.AgentReady(agent))

    def soon(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def arrive(self, measured: bool) -> str:
        """Returns the contact once it is accepted."""
        m = self.model
        contact = self.id()
        event = m.ContactQueued(contact, self.rng.choice(self.queues), m.Channel.VOICE)
        started = time.perf_counter()
        commands = await self.switchboard.submit(event, key=contact)
        spent = time.perf_counter() - started
        offers = [c for c in commands if isinstance(c, m.OfferContact) and c.contact == contact]
        if measured:
            self.took.append(spent) if offers else self._waited()
        return contact

    def _waited(self) -> None:
        self.late += 1

    def committed(self, committed: Any) -> None:
        """Whoever is rung answers: offers of the burst's callers come later, when somebody is free."""
        for command in committed.commands:
            if isinstance(command, self.model.OfferContact):
                self.soon(self.talk(command.contact, command.agent, command.offer))

    async def talk(self, contact: str, agent: str, offer: str) -> None:
        from careline.switchboard.errors import Unavailable

        m = self.model
        try:
            await asyncio.sleep(self.rng.uniform(0.1, 0.5))
            await self.switchboard.submit(m.OfferAccepted(contact, agent, offer))
            await asyncio.sleep(self.rng.uniform(0.5, 1.5))
            await self.switchboard.submit(m.TalkEnded(contact, agent))
            await asyncio.sleep(self.rng.uniform(0.1, 0.3))
            await self.switchboard.submit(m.WrapUpDone(contact, agent))
        except (m.IllegalEvent, Unavailable):
            return  # the caller gave up, or the day is over

    async def arrivals(self, rate: float, seconds: float, measured: bool) -> None:
        """At random (exponential gaps), never waiting for the one before."""
        at = time.perf_counter()
        end = at + seconds
        while at < end:
            at += self.rng.expovariate(rate)
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            self.soon(self.arrive(measured))


async def measure(dsn: str, steady_s: float) -> dict[str, Any]:
    from careline.switchboard.engine import Switchboard

    switchboard = Switchboard(dsn, holder="benchmark")
    await switchboard.start()
    centre = Centre(switchboard, random.Random(SEED))
    switchboard.listen(centre.committed)
    await centre.open()
    await centre.arrivals(RATE, 3.0, measured=False)  # plans are prepared, caches are warm
    gc.collect()
    gc.freeze()
    await centre.arrivals(RATE, steady_s, measured=True)
    steady = list(centre.took)

    started = time.perf_counter()
    burst: list[asyncio.Task[str]] = []
    at, sent = started, 0
    while at < started + BURST_S:
        at += 1.0 / BURST
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        burst.append(asyncio.create_task(centre.arrive(False)))
        sent += 1
    stopped = time.perf_counter()
    accepted = set(await asyncio.gather(*burst))
    drained_s = time.perf_counter() - stopped
    for task in list(centre.tasks):
        task.cancel()
    await asyncio.gather(*centre.tasks, return_exceptions=True)
    await switchboard.stop()

    async with await psycopg.AsyncConnection.connect(dsn) as db:
        found = await db.execute("SELECT subject::text FROM contacts_ledgerrow WHERE kind = 'ContactQueued'")
        written = {row[0] for row in await found.fetchall()}
        rows = (await (await db.execute("SELECT count(*) FROM contacts_ledgerrow")).fetchone() or [0])[0]
        commits = (await (await db.execute("SELECT commits FROM switchboard_fence")).fetchone() or [0])[0]
        fsync = (await (await db.execute("SHOW fsync")).fetchone() or [""])[0]
        version = (await (await db.execute("SHOW server_version")).fetchone() or [""])[0]
    return {
        "assign_p50_ms": round(1000 * percentile(steady, 0.50), 2),
        "assign_p95_ms": round(1000 * percentile(steady, 0.95), 2),
        "assign_p99_ms": round(1000 * percentile(steady, 0.99), 2),
        "assign_max_ms": round(1000 * max(steady), 2),
        "assigned": len(steady),
        "had_to_wait": centre.late,
        "burst_sent": sent,
        "burst_lost": sent - len(accepted & written),
        "burst_drained_s": round(drained_s, 3),
        "rows": rows,
        "commits": commits,
        "fsync": fsync,
        "postgresql": version,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="20 s instead of 60 s at 50 arrivals a second")
    options = parser.parse_args()
    import django

    with fresh("durable") as dsn:
        import os

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "careline.app.settings")
        django.setup()
        figures = asyncio.run(measure(dsn, 20.0 if options.quick else 60.0))
    print("durable: event to committed assignment, 50 arrivals/s, then 500/s for 10 s")
    for name, value in figures.items():
        print(f"  {name:18} {value}")
    print(json.dumps(figures))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
