"""What goes wrong: the database, the network, the clock, a second switchboard, a submitter that says it twice.

Always: what was acknowledged is on the ledger, and nothing was carried out that is not.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys

import psycopg
import pytest
from psycopg import errors

from careline.care.contacts.models import ReasonText
from careline.core.acd.model import (
    AgentPaused,
    AgentReady,
    ContactReordered,
    IllegalEvent,
    OfferAccepted,
    OfferContact,
    Phase,
    QueueSet,
    TalkEnded,
)
from careline.switchboard import engine, journal
from careline.switchboard.clock import SteadyClock
from careline.switchboard.errors import Unavailable

from .conftest import OLENA, QUEUE, Heard, Time, call, crash, named, orm, rows, rules

PETRO, MARIA, IVAN = named("petro"), named("maria"), named("ivan")


class Failing:
    """Stands before a connection: the next `times` commits fail with `error`, before or after the server wrote them."""

    def __init__(self, connection, error: Exception, times: int = 1, written: bool = False, cut: bool = False) -> None:
        self._connection, self._error, self._times, self._written, self._cut = connection, error, times, written, cut

    def __getattr__(self, name):
        return getattr(self._connection, name)

    async def execute(self, query, *args, **kwargs):
        if query is not journal.COMMIT or self._times <= 0:
            return await self._connection.execute(query, *args, **kwargs)
        self._times -= 1
        if self._written:
            await self._connection.execute(query, *args, **kwargs)
        if self._cut:
            await self._connection.close()
        raise self._error


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(engine, "RETRY_S", 0.01)
    monkeypatch.setattr(engine, "STANDBY_S", 0.01)


class TestRepeated:
    async def test_the_same_key_twice_is_done_once_and_answered_alike(self, staffed):
        first = await staffed.submit(call(PETRO), key="k1")
        second = await staffed.submit(call(PETRO), key="k1")

        assert first == second
        assert len(await rows(kind="ContactQueued")) == 1

    async def test_two_at_the_very_same_time(self, staffed):
        first, second = await asyncio.gather(
            staffed.submit(call(PETRO), key="k1"), staffed.submit(call(PETRO), key="k1")
        )

        assert first == second
        assert len(await rows(kind="ContactQueued")) == 1

    async def test_across_a_restart_when_it_would_be_illegal_now(self, staffed, switchboards):
        first = await staffed.submit(call(PETRO), key="k1")
        await crash(staffed)
        again = switchboards()
        await again.start()

        assert await again.submit(call(PETRO), key="k1") == first

    async def test_across_a_restart_when_it_would_still_be_legal(self, staffed, switchboards):
        await staffed.submit(AgentPaused(OLENA, "lunch"), key="k1")
        await staffed.submit(AgentReady(OLENA))
        await crash(staffed)
        again = switchboards()
        await again.start()

        answers = await asyncio.gather(
            again.submit(AgentPaused(OLENA, "lunch"), key="k1"), again.submit(call(PETRO), key="k2")
        )

        assert answers[0] == []
        assert isinstance(answers[1][0], OfferContact)
        assert len(await rows(kind="AgentPaused")) == 1

    async def test_a_key_of_any_length(self, staffed):
        await staffed.submit(call(PETRO), key="k" * 500)
        await staffed.submit(call(PETRO), key="k" * 500)

        assert len(await rows(kind="ContactQueued")) == 1


class TestBatches:
    async def test_an_illegal_event_fails_alone(self, staffed):
        answers = await asyncio.gather(
            staffed.submit(call(PETRO)),
            staffed.submit(TalkEnded(MARIA, OLENA)),
            staffed.submit(call(IVAN)),
            return_exceptions=True,
        )

        assert isinstance(answers[1], IllegalEvent)
        assert staffed.router.waiting(QUEUE) == [PETRO, IVAN]

    async def test_an_event_the_database_cannot_take_fails_alone(self, staffed):
        answers = await asyncio.gather(
            staffed.submit(call(PETRO)),
            staffed.submit(call("not an id")),
            staffed.submit(call(IVAN)),
            return_exceptions=True,
        )

        assert isinstance(answers[1], psycopg.Error)
        assert staffed.router.waiting(QUEUE) == [PETRO, IVAN]
        assert len(await rows(kind="ContactQueued")) == 2

    async def test_one_commit_takes_all_that_came_while_the_last_was_on_its_way(self, staffed):
        before = staffed._commits

        await asyncio.gather(*(staffed.submit(call(named(f"caller {n}"))) for n in range(100)))

        assert staffed._commits - before <= 3
        assert len(await rows(kind="ContactQueued")) == 100

    async def test_listeners_hear_before_the_submitter_and_a_broken_one_stops_nobody(self, staffed):
        heard = Heard()

        def broken(committed) -> None:
            raise RuntimeError("a listener's own trouble")

        staffed.listen(broken)
        staffed.listen(heard)
        await staffed.submit(call(PETRO))

        assert [c.event for c in heard.all] == [call(PETRO)]


class TestDatabase:
    async def test_an_event_that_cannot_be_written_fails_alone(self, staffed):
        """Half a surrogate pair is no text; whoever lets it in must not bring down everybody's calls."""
        unwritable = QueueSet(rules(id="\ud800"))

        refused, offered = await asyncio.gather(
            staffed.submit(unwritable), staffed.submit(call(PETRO)), return_exceptions=True
        )

        assert isinstance(refused, TypeError)
        assert [type(command).__name__ for command in offered] == ["OfferContact"]
        assert staffed.active

    @pytest.mark.parametrize("error", [errors.DiskFull, errors.SerializationFailure, errors.QueryCanceled])
    async def test_a_refused_commit_is_tried_again_and_nothing_is_carried_out_before(self, staffed, error):
        heard = Heard()
        staffed.listen(heard)
        staffed._db = Failing(staffed._db, error("no"), times=3)

        [offer] = await staffed.submit(call(PETRO))

        assert [c.commands for c in heard.all] == [(offer,)]
        assert len(await rows(kind="OfferContact")) == 1

    async def test_when_it_lasts_the_submitter_is_told_and_the_router_is_as_before(self, staffed, monkeypatch):
        monkeypatch.setattr(engine, "PATIENCE_S", 0.1)
        heard = Heard()
        staffed.listen(heard)
        staffed._db = Failing(staffed._db, errors.DiskFull("no"), times=10_000)

        with pytest.raises(Unavailable):
            await staffed.submit(call(PETRO))

        staffed._db._times = 0
        await staffed.submit(QueueSet(rules(wrap_up_s=5.0)))
        assert staffed.router.contacts() == []
        assert [type(c.event) for c in heard.all] == [QueueSet]
        assert await rows(kind="ContactQueued") == []

    async def test_the_connection_breaks_before_the_commit(self, staffed):
        staffed._db = Failing(staffed._db, psycopg.OperationalError("gone"), cut=True)

        [offer] = await staffed.submit(call(PETRO))

        assert len(await rows(kind="OfferContact")) == 1
        assert staffed.router.contact(PETRO).offer == offer.offer

    async def test_the_connection_breaks_after_the_commit_and_it_is_not_written_twice(self, staffed):
        heard = Heard()
        staffed.listen(heard)
        staffed._db = Failing(staffed._db, psycopg.OperationalError("gone"), written=True, cut=True)

        await staffed.submit(call(PETRO))

        written = await rows(kind__in=["ContactQueued", "OfferContact"])
        assert [row.kind for row in written] == ["ContactQueued", "OfferContact"]
        assert heard.all[0].position == written[0].position

    async def test_the_server_ends_our_session(self, staffed, dsn):
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
            await other.execute("SELECT pg_terminate_backend(%s)", [staffed._backend])

        await staffed.submit(call(PETRO))

        assert len(await rows(kind="ContactQueued")) == 1
        assert staffed.active

    async def test_gone_for_a_while_everything_waits_and_nothing_is_lost(self, staffed, monkeypatch):
        true_connect, away = engine._connect, True

        async def connect(dsn):
            if away:
                raise psycopg.OperationalError("away")
            return await true_connect(dsn)

        monkeypatch.setattr(engine, "_connect", connect)
        await staffed._db.close()
        callers = [named(f"caller {n}") for n in range(20)]
        waiting = [asyncio.create_task(staffed.submit(call(caller), key=caller)) for caller in callers]
        done, _ = await asyncio.wait(waiting, timeout=0.2)
        assert not done
        away = False

        await asyncio.gather(*waiting)

        assert {str(row.subject) for row in await rows(kind="ContactQueued")} == set(callers)
        assert staffed.router.waiting(QUEUE) == callers

    async def test_an_offer_accepted_in_time_is_accepted_however_long_the_database_was_away(
        self, staffed, time, monkeypatch
    ):
        [offer] = await staffed.submit(call(PETRO))
        monkeypatch.setattr(engine, "PATIENCE_S", 0.05)
        accepted = OfferAccepted(PETRO, OLENA, offer.offer)
        staffed._db = Failing(staffed._db, errors.DiskFull("no"), times=10_000)
        with pytest.raises(Unavailable):
            await staffed.submit(accepted, key="answer")
        time.now += 60.0  # the offer has run out long ago

        staffed._db._times = 0
        monkeypatch.setattr(engine, "PATIENCE_S", 60.0)
        await staffed.submit(accepted, key="answer")

        assert staffed.router.contact(PETRO).phase is Phase.TALKING
        assert len(await rows(kind="OfferAccepted")) == 1

    async def test_accepted_too_late_is_still_too_late(self, staffed, time):
        [offer] = await staffed.submit(call(PETRO))
        time.now += 60.0

        with pytest.raises(IllegalEvent):
            await staffed.submit(OfferAccepted(PETRO, OLENA, offer.offer), key="answer")

        assert staffed.router.contact(PETRO).phase is Phase.QUEUED

    async def test_how_long_it_has_not_answered_is_known(self, staffed, monkeypatch):
        assert staffed.unanswered_s < 0.04
        staffed._db = Failing(staffed._db, errors.DiskFull("no"), times=10_000)
        monkeypatch.setattr(engine, "PATIENCE_S", 0.05)
        with pytest.raises(Unavailable):
            await staffed.submit(call(PETRO))

        assert staffed.unanswered_s > 0.04
        staffed._db._times = 0
        await staffed.submit(call(MARIA))
        assert staffed.unanswered_s < 0.04


class TestTwo:
    async def test_the_second_waits_and_takes_over(self, staffed, switchboards):
        await staffed.submit(call(PETRO))
        standby = switchboards(holder="standby")
        starting = asyncio.create_task(standby.start())
        await asyncio.sleep(0.1)
        assert not starting.done()

        await crash(staffed)
        await starting

        assert standby.router.contact(PETRO).phase is Phase.OFFERED
        assert standby.fence == staffed.fence + 1

    async def test_the_overtaken_writes_nothing_and_steps_down(self, staffed, dsn):
        heard = Heard()
        staffed.listen(heard)
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
            await other.execute("UPDATE switchboard_fence SET number = number + 1")

        with pytest.raises(Unavailable):
            await staffed.submit(call(PETRO))

        assert staffed.stepped_down.is_set()
        assert heard.all == []
        assert await rows(kind="ContactQueued") == []
        with pytest.raises(Unavailable):
            await staffed.submit(call(PETRO))

    async def test_idle_it_notices_too(self, staffed, dsn, monkeypatch):
        monkeypatch.setattr(engine, "HEARTBEAT_S", 0.05)
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
            await other.execute("UPDATE switchboard_fence SET number = number + 1")

        await asyncio.wait_for(staffed.stepped_down.wait(), 5)
        with pytest.raises(Unavailable):
            await staffed.submit(call(PETRO))

    async def test_our_lock_is_gone_and_another_has_it(self, staffed, switchboards, dsn):
        standby = switchboards(holder="standby")
        starting = asyncio.create_task(standby.start())
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
            await other.execute("SELECT pg_terminate_backend(%s)", [staffed._backend])
        await starting

        with pytest.raises(Unavailable):
            await staffed.submit(call(PETRO))

        assert staffed.stepped_down.is_set()
        await standby.submit(call(MARIA))
        assert [str(row.subject) for row in await rows(kind="ContactQueued")] == [MARIA]


class TestTime:
    async def test_an_offer_runs_out_by_itself(self, staffed, time):
        heard = asyncio.Event()
        await staffed.submit(call(PETRO))
        staffed.listen(lambda committed: heard.set())
        time.now += 21.0
        staffed._wake.set()

        await asyncio.wait_for(heard.wait(), 5)

        assert staffed.router.contact(PETRO).phase is Phase.QUEUED
        assert [row.stream for row in await rows(kind="TimePassed")] == ["clock"]

    async def test_time_passing_without_effect_is_not_written(self, staffed, time):
        await staffed.submit(call(PETRO))
        time.now += 5.0
        await staffed.submit(call(MARIA))

        assert await rows(kind="TimePassed") == []

    async def test_a_clock_set_back_while_we_were_away(self, staffed, switchboards, time):
        await staffed.submit(call(PETRO))
        await crash(staffed)
        time.now -= 3600.0
        again = switchboards()
        await again.start()

        await again.submit(call(MARIA))

        at = [row.at for row in await rows()]
        assert at == sorted(at)

    def test_a_steady_clock_meets_the_machines_again_slowly(self):
        wall, ticks = Time(1000.0), Time(0.0)
        clock = SteadyClock(wall, ticks)
        wall.now -= 60.0

        seen = []
        for _ in range(700):
            ticks.now += 1.0
            wall.now += 1.0
            seen.append(clock())

        assert seen == sorted(seen)
        assert all(0.89 <= b - a <= 1.01 for a, b in itertools.pairwise(seen))
        assert abs(seen[-1] - wall.now) < 0.01

    def test_a_clock_that_leaps_forward_does_not_expire_everything(self):
        wall, ticks = Time(1000.0), Time(0.0)
        clock = SteadyClock(wall, ticks)
        wall.now += 1800.0
        ticks.now += 1.0

        assert 1001.0 <= clock() <= 1001.2

    def test_a_day_forward_is_believed_when_it_stays(self):
        wall, ticks = Time(1000.0), Time(0.0)
        clock = SteadyClock(wall, ticks)

        def after(seconds: float) -> float:
            wall.now += seconds
            ticks.now += seconds
            return clock()

        wall.now += 86_400.0
        assert [after(1.0), after(200.0)] == [1001.0, 1201.0]  # perhaps somebody's slip
        wall.now -= 86_400.0
        assert after(200.0) == 1401.0  # it was

        wall.now += 86_400.0
        assert [after(1.0), after(299.0)] == [1402.0, 1701.0]
        assert after(1.0) == wall.now


class TestWords:
    async def test_a_reason_in_ones_own_words_is_kept_apart(self, staffed):
        await staffed.submit(AgentPaused(OLENA, "lunch"))
        await staffed.submit(call(PETRO))

        await staffed.submit(ContactReordered(PETRO, 60.0, OLENA, "Petro Shevchenko's mother is very ill"))

        [row] = await rows(kind="ContactReordered")
        kept = await orm(ReasonText.objects.get)
        assert row.data["reason"] == f"text:{kept.id}"
        assert (kept.text, str(kept.subject)) == ("Petro Shevchenko's mother is very ill", PETRO)


KILLED = """
import asyncio, os, sys, threading
import django
django.setup()
from careline.switchboard.engine import Switchboard
from careline.core.acd.model import *
from tests.switchboard.conftest import rules, call, named

async def main():
    board = Switchboard(sys.argv[1], holder="killed")
    await board.start()
    await board.submit(QueueSet(rules(limit=None)))
    async def caller(n):
        for m in range(1000):
            await board.submit(call(named(f"{n} {m}")), key=f"{n} {m}")
            print(f"{n} {m}", flush=True)
    await asyncio.gather(*(caller(n) for n in range(8)))

asyncio.run(main())
"""


async def test_killed_in_the_middle_of_its_commits_it_loses_nothing_it_acknowledged(dsn, switchboards):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        KILLED,
        dsn,
        stdout=subprocess.PIPE,
        env={
            **os.environ,
            "DATABASE_URL": dsn,  # the directory is read from the test's database too
            "DJANGO_SETTINGS_MODULE": "careline.app.settings",
            "PYTHONPATH": os.getcwd(),
        },
    )
    acknowledged = [(await process.stdout.readline()).decode().strip() for _ in range(300)]
    process.send_signal(signal.SIGKILL)
    rest = (await process.stdout.read()).decode().split("\n")
    await process.wait()
    acknowledged += rest[:-1]  # the last line may be cut

    again = switchboards(clock=engine.time.time)
    await again.start()

    written = {str(row.subject) for row in await rows(kind="ContactQueued")}
    assert {named(each) for each in acknowledged} <= written
    assert {c.id for c in again.router.contacts()} == written
    again_first = await again.submit(call(named(acknowledged[0])), key=acknowledged[0])
    assert again_first == []
    assert len(await rows(key=acknowledged[0])) == 1


async def test_accepting_an_offer_twice_from_two_tabs(staffed):
    [offer] = await staffed.submit(call(PETRO))

    answers = await asyncio.gather(
        staffed.submit(OfferAccepted(PETRO, OLENA, offer.offer), key="tab 1"),
        staffed.submit(OfferAccepted(PETRO, OLENA, offer.offer), key="tab 2"),
        return_exceptions=True,
    )

    assert isinstance(answers[1], IllegalEvent)
    assert len(await rows(kind="StartTalk")) == 1
