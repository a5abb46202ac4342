"""`kill -9` with 10,000 callers waiting: `python -m benchmarks.recovery [--quick]`.

The real live process (`careline live`) holds 10,000 waiting callers in 50 queues, and an operator who is writing up;
a second one stands by, as under the supervisor. The first is killed; the operator saves ("save and next": a row in the
outbox, written while nobody is there to read it). `back_s` runs from the kill until the first new assignment is
committed: the middle of several rounds, and the worst. Then once without a standby, from a cold start of Python.

At the end every waiting caller is looked for (`lost`), and the order of every queue is compared with that from before.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.database import fresh

SEED = 20260302
WAITING = 10_000
QUEUES = 50
PATIENCE_S = 60.0
LIVE = "from careline.app.cli import main; raise SystemExit(main())"


class Centre:
    """The cast, and what is known of it from outside the live process."""

    def __init__(self, dsn: str) -> None:
        self.dsn, self.rng = dsn, random.Random(SEED)
        self.queues = [self.id() for _ in range(QUEUES)]
        self.operator = self.id()
        self.order: dict[str, list[str]] = {}

    def id(self) -> str:
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    def furnish(self) -> list[str]:
        """An organisation with its queues, and a contact for each caller. Returns their ids."""
        from django.utils import timezone

        from careline.base.organisations.models import Organisation
        from careline.care.contacts.models import Contact
        from careline.care.directory.models import PhoneLine, Queue

        clinic = Organisation.objects.create(code="bench", name="Bench", kind=Organisation.Kind.CLINIC)
        rows = [
            Queue(id=q, organisation=clinic, code=f"q{n}", name=f"Q{n}", offer_s=3600, wrap_up_s=3600, lost_s=36000)
            for n, q in enumerate(self.queues)
        ]
        Queue.objects.bulk_create(rows)
        line = PhoneLine.objects.create(organisation=clinic, code="bench", name="Bench", queue=rows[0])
        callers = [
            Contact(id=self.id(), organisation=clinic, line=line, channel="voice", language="uk", token_hash=str(n))
            for n in range(WAITING + 1)
        ]
        for caller in callers:
            caller.started_at = timezone.now()
        Contact.objects.bulk_create(callers, batch_size=2000)
        return [str(caller.pk) for caller in callers]

    async def open(self, callers: list[str]) -> None:
        from careline.core.acd import model as m

        async with active(self.dsn) as board:
            await board.submit(m.AgentSignedIn(m.AgentProfile(self.operator, frozenset(self.queues))))
            arrivals = [
                m.ContactQueued(
                    caller,
                    self.rng.choice(self.queues),
                    m.Channel.VOICE,
                    head_start_s=self.rng.choice([0.0, 0.0, 120.0]),
                )
                for caller in callers
            ]
            for n in range(0, len(arrivals), 500):
                await asyncio.gather(*(board.submit(event) for event in arrivals[n : n + 500]))
            await board.submit(m.AgentReady(self.operator))
            self.order = lines(board.router)
        await self.talk()

    async def talk(self) -> str:
        """The operator answers whoever is ringing, ends, and begins to write up. Returns the contact."""
        from careline.core.acd import model as m

        async with active(self.dsn) as board:
            [contact] = board.router.agent(self.operator).work
            offer = board.router.contact(contact).offer
            await board.submit(m.OfferAccepted(contact, self.operator, offer))
            await board.submit(m.TalkEnded(contact, self.operator))
        for line in self.order.values():
            if contact in line:
                line.remove(contact)
        return contact


class active:
    """A switchboard in this process, for as long as nobody else is active."""

    def __init__(self, dsn: str) -> None:
        from careline.switchboard.engine import Switchboard

        self.board = Switchboard(dsn, holder="benchmark")

    async def __aenter__(self) -> Any:
        await self.board.start()
        return self.board

    async def __aexit__(self, *_: object) -> None:
        await self.board.stop()


def lines(router: Any) -> dict[str, list[str]]:
    """Everybody who has a place in each queue, in order, those included whose browser has not come back yet."""
    found: dict[str, list[tuple[Any, str]]] = {queue.id: [] for queue in router.queues()}
    for contact in router.contacts():
        if contact.phase.value in ("queued", "offered"):
            found[contact.queue].append((contact.order_key, contact.id))
    return {queue: [contact for _, contact in sorted(places)] for queue, places in found.items()}


def start(port: int, log: Path | None = None) -> subprocess.Popen[bytes]:
    said = log.open("wb") if log else subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-c", LIVE, "live", "--port", str(port)], stdout=said, stderr=said)


def until_it_stands_by(log: Path) -> None:
    """The standby has loaded everything and waits for the address of the active one."""
    end = time.perf_counter() + PATIENCE_S
    while b"waits_for_address" not in log.read_bytes():
        if time.perf_counter() > end:
            raise SystemExit(f"no standby after {PATIENCE_S} s: {log.read_text()[-1000:]}")
        time.sleep(0.05)


def until(db: psycopg.Connection[Any], sql: str, *params: Any) -> Any:
    """The first answer that is not empty."""
    end = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < end:
        if found := db.execute(sql, params).fetchone():
            return found[0]
        time.sleep(0.005)
    raise SystemExit(f"waited {PATIENCE_S} s in vain: {sql}")


def one_round(centre: Centre, db: psycopg.Connection[Any], port: int, name: str, contact: str, warm: bool) -> float:
    """Kill the active process. Returns the seconds from the kill to the first new assignment."""
    [fence] = db.execute("SELECT number FROM switchboard_fence").fetchone() or [0]
    process = start(port)
    until(db, "SELECT 1 FROM switchboard_fence WHERE number > %s", fence)
    until_answers(port)
    others = []
    if warm:
        with tempfile.TemporaryDirectory(prefix="careline-bench-") as folder:
            log = Path(folder) / "standby.log"
            others.append(start(port, log))
            until_it_stands_by(log)
    [last] = db.execute("SELECT max(position) FROM contacts_ledgerrow").fetchone() or [0]
    killed = time.perf_counter()
    process.kill()
    data = {"contact": contact, "agent": centre.operator, "next": True}
    db.execute(
        'INSERT INTO outbox_outboxrow ("to", kind, key, data, written_at)'
        " VALUES ('switchboard', 'contact_recorded', %s, %s, now())",
        [f"round {name}", json.dumps(data)],
    )
    process.wait()
    others.append(start(port))  # as the supervisor does
    until(db, "SELECT 1 FROM contacts_ledgerrow WHERE position > %s AND kind = 'OfferContact' LIMIT 1", last)
    back_s = time.perf_counter() - killed
    for each in others:
        each.kill()
        each.wait()
    return back_s


def until_answers(port: int) -> None:
    end = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < end:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.02)
    raise SystemExit("the live process never opened its door")


async def from_disk(dsn: str) -> dict[str, list[str]]:
    async with active(dsn) as board:
        return lines(board.router)


def measure(dsn: str, rounds: int) -> dict[str, Any]:
    from django.db import connections

    centre = Centre(dsn)
    callers = centre.furnish()
    connections.close_all()
    asyncio.run(centre.open(callers))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    backs: list[float] = []
    lost: set[str] = set()
    kept = True
    with psycopg.connect(dsn, autocommit=True) as db:
        [contact] = db.execute(
            "SELECT subject::text FROM contacts_livestate WHERE kind = 'contact' AND state->>'phase' = 'wrap_up'"
        ).fetchone() or [""]
        for number in range(rounds + 1):
            warm = number < rounds  # the last one without a standby
            backs.append(one_round(centre, db, port, str(number), contact, warm))
            now = asyncio.run(from_disk(dsn))
            lost |= {c for line in centre.order.values() for c in line} - {c for line in now.values() for c in line}
            kept = kept and now == centre.order
            contact = asyncio.run(centre.talk())
    warm_backs = sorted(backs[:-1])
    return {
        "back_s": round(warm_backs[len(warm_backs) // 2], 3),
        "back_worst_s": round(warm_backs[-1], 3),
        "back_without_standby_s": round(backs[-1], 3),
        "order_kept": kept,
        "lost": len(lost),
        "waiting": sum(len(line) for line in centre.order.values()),
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="3 rounds instead of 9")
    options = parser.parse_args()
    import django

    with fresh("recovery") as dsn:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "careline.app.settings")
        django.setup()
        figures = measure(dsn, 3 if options.quick else 9)
    print("recovery: kill -9 of the live process with 10,000 waiting, until its first new assignment")
    for name, value in figures.items():
        print(f"  {name:24} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
