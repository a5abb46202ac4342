"""The engine of calls: hears events, asks the router, writes, and only then lets anything be carried out.

While one commit is on its way to the disk the events that arrive wait, and the next commit takes them all. A commit
that fails puts the router back to before it. See docs/explanation/switchboard.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import logging
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import psycopg
from psycopg import errors

from careline.base.ids import uuid7
from careline.care.contacts.ledger import Entry
from careline.core.acd.model import Command, Event, IllegalEvent, TimePassed
from careline.core.acd.router import Router
from careline.switchboard import journal
from careline.switchboard.clock import SteadyClock, ticks
from careline.switchboard.errors import Unavailable
from careline.switchboard.facts import OutboxReader

PATIENCE_S = 60.0  # how long a submitter waits for a database that is away
KEPT_S = 180.0  # and how long an event with a key does, for its submitter to ask again
BATCH = 500  # most events in one commit
WAITING = 20_000  # most events waiting for a commit; more are refused at once
STANDBY_S = 0.1  # how often a standby tries the lock
FAREWELL_S = 5.0  # how long a stopping switchboard tries to write what is waiting
PAUSE_S = 0.05  # when a timer was due and nothing came of it
RETRY_S = 0.25  # pause after a failed commit or connection
HEARTBEAT_S = 1.0  # how soon an idle switchboard notices that it was overtaken
REMEMBERED = 20_000  # results kept at hand for a repeated key; older ones are read from the ledger
KEY_LENGTH = 80
CODE = re.compile(r"[a-z0-9_.:-]{0,60}")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Committed:
    """An event that is on the ledger, and the orders that may now be carried out. `at`: seconds since the epoch."""

    position: int
    event: Event
    commands: tuple[Command, ...]
    at: float


Listener = Callable[[Committed], None]


class Overtaken(Exception):
    """Another switchboard has taken the fence: this one must not write again."""


@dataclass(slots=True, eq=False)
class _Item:
    event: Event
    key: str | None
    at: float  # when it was submitted
    future: asyncio.Future[list[Command]]
    reason: journal.Reason | None = None
    gave_up: bool = False
    commands: list[Command] = field(default_factory=list)
    refused: Exception | None = None


@dataclass(slots=True)
class _Batch:
    at: float
    items: list[_Item]
    passed: list[Command] | None = None  # what the passing of time led to, None if nothing
    before: int = 0  # so many of the items were submitted before that time
    refused: list[_Item] = field(default_factory=list)

    def steps(self) -> Iterator[tuple[Event, list[Command], _Item | None]]:
        """What is written and told, in order."""
        for item in self.items[: self.before]:
            yield item.event, item.commands, item
        if self.passed is not None:
            yield TimePassed(), self.passed, None
        for item in self.items[self.before :]:
            yield item.event, item.commands, item


class Switchboard:
    """One of possibly several; only one is active, by an advisory lock and a fencing number in every commit.

    `clock` gives seconds since the epoch; a virtual clock is taken as it is, but never backwards. A SteadyClock has its
    own count of the time that really passes.
    `router` is for reading only.
    """

    router: Router

    def __init__(self, dsn: str, *, clock: Callable[[], float] = time.time, holder: str = "") -> None:
        self._dsn, self._holder = dsn, holder
        if not isinstance(clock, SteadyClock):
            clock = SteadyClock(clock, ticks if clock is time.time else clock)
        self._clock = clock
        self._listeners: list[Listener] = []
        self._queue: deque[_Item] = deque()
        self._pending: dict[str, _Item] = {}
        self._results: OrderedDict[str, list[Command]] = OrderedDict()
        self._alone = 0  # so many events are written one by one, to find the one that cannot be
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._db: psycopg.AsyncConnection[Any] | None = None
        self._backend = 0
        self._commits = 0
        self._asked_at: float | None = None  # by the steady ticks: the first question still without an answer
        self.fence = 0
        self.position = 0
        self.active = False
        self.stepped_down = asyncio.Event()
        self.router = Router()
        self.outbox = OutboxReader(self, dsn)

    # --- coming and going ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Wait until no other switchboard is active, take over, and stand where it stood."""
        await self._become_active()
        self.active = True
        self._tasks = [asyncio.create_task(self._write(), name="switchboard-writer")]
        self._arm()
        await self.outbox.start()

    async def stop(self) -> None:
        """Write what is waiting, then let go of the lock."""
        await self.outbox.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self._idle.wait()
        self.active = False
        self._disarm()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._disconnect()

    def listen(self, fn: Listener) -> None:
        """`fn` hears every committed event, in order, before its submitter does."""
        self._listeners.append(fn)

    def poke(self) -> None:
        """Somebody wrote to the outbox: read it now rather than at the next poll."""
        self.outbox.poke()

    def now(self) -> float:
        """The switchboard's time, seconds since the epoch; never goes back."""
        return self._clock()

    @property
    def unanswered_s(self) -> float:
        """For so long the database has not taken what we write (or told whether we are still the active one)."""
        return 0.0 if self._asked_at is None else ticks() - self._asked_at

    # --- hearing events -----------------------------------------------------------------------------------

    async def submit(self, event: Event, *, key: str | None = None) -> list[Command]:
        """Returns the orders that followed, once they are on the ledger.

        The same `key` twice does it once and returns the first result, across restarts too.
        Raises IllegalEvent (nothing changed) or Unavailable (unknown to have happened: try again with the same key).
        """
        if not self.active or len(self._queue) >= WAITING:
            raise Unavailable
        if key is not None and len(key) > KEY_LENGTH:
            key = hashlib.sha256(key.encode()).hexdigest()
        if key is not None and key in self._results:
            return self._results[key]
        item = self._pending.get(key) if key is not None else None
        if item is None:
            item = self._enqueue(event, key)
        item.gave_up = False  # somebody waits for it (again)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.shield(item.future)
        except TimeoutError:
            item.gave_up = True
            raise Unavailable from None

    def _enqueue(self, event: Event, key: str | None) -> _Item:
        event, reason = self._without_words(event)
        item = _Item(event, key, self.now(), asyncio.get_running_loop().create_future(), reason)
        item.future.add_done_callback(_retrieved)
        self._queue.append(item)
        self._idle.clear()
        if key is not None:
            self._pending[key] = item
        self._wake.set()
        return item

    def _without_words(self, event: Event) -> tuple[Event, journal.Reason | None]:
        """A reason in somebody's own words may name a patient: it is kept apart, and only its id goes on."""
        words = getattr(event, "reason", "")
        if CODE.fullmatch(words):
            return event, None
        subject, _ = journal.address(event)
        reason = journal.Reason(str(uuid7()), subject, journal.moment(self.now()), words[:500])
        return replace(event, reason=f"text:{reason.id}"), reason  # type: ignore[call-arg]

    # --- writing ------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        try:
            while self.active:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_S):
                        await self._wake.wait()
                self._wake.clear()
                if self._queue or self._due():
                    await self._write_all()
                else:
                    await self._still_ours()
        except Overtaken:
            self._step_down("another switchboard has taken over")
        except Exception:
            log.exception("the switchboard's writer failed")
            self._step_down("its writer failed")

    async def _write_all(self) -> None:
        while self._queue or self._due():
            items = self._take()
            fruitful = await self._write_batch(items) or items
            self._arm(0.0 if fruitful else PAUSE_S)
            if not fruitful:
                break
        if not self._queue:
            self._idle.set()

    def _take(self) -> list[_Item]:
        taken: list[_Item] = []
        most = 1 if self._alone else BATCH
        self._alone = max(0, self._alone - 1)
        while self._queue and len(taken) < most:
            item = self._queue.popleft()
            if self._stale(item):
                self._settle(item, Unavailable())
            else:
                taken.append(item)
        return taken

    async def _write_batch(self, items: list[_Item]) -> bool:
        """Decide, write, tell; true when anything was written.

        On failure the router is as it was, and the events wait at the head of the queue.
        """
        batch = self._decide(items)
        self._asked_at = self._asked_at or ticks()
        try:
            positions = await self._written(batch)
        except Exception as error:
            self.router.rollback()
            self._queue.extendleft(reversed(items))
            if isinstance(error, errors.UniqueViolation):
                await self._drop_repeated(items)
            elif isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
                log.warning("commit failed: %s", type(error).__name__)
                await asyncio.sleep(RETRY_S)
            elif isinstance(error, psycopg.Error | TypeError | ValueError) and items:  # or no Unicode, no number
                self._isolate(items, error)
            else:
                raise
            return False
        await self._tell(batch, positions)
        self._asked_at = None
        return bool(positions)

    def _decide(self, items: list[_Item]) -> _Batch:
        """Ask the router. An event it breaks on is taken out and the others are asked again from the start."""
        while True:
            self.router.mark()
            batch = _Batch(self.now(), [])
            early = self._in_time(items)
            broken = self._ask(batch, items[:early])
            if broken is None:
                batch.before = len(batch.items)
                self._pass_time(batch)
                broken = self._ask(batch, items[early:])
            if broken is None:
                return batch
            self.router.rollback()
            items.remove(broken)

    def _in_time(self, items: list[_Item]) -> int:
        """So many of the items were submitted before the next lease runs out. They come first: an offer that was
        accepted in time is not taken back because the database was away meanwhile."""
        due = self.router.next_due()
        return sum(1 for item in items if item.at < due) if due is not None else 0

    def _pass_time(self, batch: _Batch) -> None:
        due = self.router.next_due()
        if due is None or due > batch.at:
            return
        before = self.router.changes()
        commands = self.router.handle(TimePassed(), batch.at)
        if commands or self.router.changes() != before:
            batch.passed = commands

    def _ask(self, batch: _Batch, items: list[_Item]) -> _Item | None:
        for item in items:
            try:
                item.commands = self.router.handle(item.event, batch.at)
                batch.items.append(item)
            except IllegalEvent as refusal:
                item.refused = refusal
                batch.refused.append(item)
            except Exception as bug:
                log.exception("the router failed on %s", type(item.event).__name__)
                self._settle(item, bug)
                return item
        return None

    async def _written(self, batch: _Batch) -> list[int]:
        """The rows' positions, in order. A connection that broke meanwhile is made again, and then asked what became
        of it. Raises Overtaken, or the database's error when nothing was written."""
        entries = _entries(batch)
        if not entries:
            return []
        self._commits += 1
        try:
            return await self._commit(batch, entries)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            if not self._broken():
                raise
            await self._reconnect()
            positions = await self._came_through(len(entries))
            if positions is None:
                raise
            return positions

    async def _commit(self, batch: _Batch, entries: list[Entry]) -> list[int]:
        reasons = [item.reason for item in batch.items if item.reason]
        params = journal.parameters(self.fence, self._commits, entries, self.router.changes(), reasons)
        found = await (await self._connection().execute(journal.COMMIT, params, prepare=True)).fetchone()
        if not found or not found[0]:
            raise Overtaken
        return found[1]

    async def _tell(self, batch: _Batch, positions: list[int]) -> None:
        """It is on the disk: everyone who must act hears of it, in order, and then its submitter."""
        at = iter(positions)
        for event, commands, item in batch.steps():
            self._announce(event, commands, batch.at, at)
            if item is not None:
                self._settle(item, commands)
        for item in batch.refused:
            await self._refuse(item)

    def _announce(self, event: Event, commands: list[Command], at: float, positions: Iterator[int]) -> None:
        own = next(positions)
        self.position = own
        for _ in commands:
            self.position = next(positions)
        committed = Committed(own, event, tuple(commands), at)
        for listener in self._listeners:
            try:
                listener(committed)
            except Exception:
                log.exception("a listener failed on %s", type(event).__name__)

    async def _refuse(self, item: _Item) -> None:
        """Illegal now, but perhaps only because the same key was done before a restart."""
        first = None
        if item.key is not None:
            with contextlib.suppress(psycopg.Error):
                first = await journal.first_result(self._connection(), item.key)
        self._settle(item, first.commands if first else item.refused or Unavailable())

    def _settle(self, item: _Item, result: list[Command] | Exception) -> None:
        if item.key is not None:
            self._pending.pop(item.key, None)
        if isinstance(result, Exception):
            if not item.future.done():
                item.future.set_exception(result)
            return
        if item.key is not None:
            self._results[item.key] = result
            if len(self._results) > REMEMBERED:
                self._results.popitem(last=False)
        if not item.future.done():
            item.future.set_result(result)

    # --- when writing fails -------------------------------------------------------------------------------

    async def _drop_repeated(self, items: list[_Item]) -> None:
        """Some key was written before a restart: answer with its first result, the others are written without it."""
        found = 0
        for item in items:
            with contextlib.suppress(psycopg.OperationalError, psycopg.InterfaceError):
                first = item.key and await journal.first_result(self._connection(), item.key)
                if first:
                    self._queue.remove(item)
                    self._settle(item, first.commands)
                    found += 1
        if not found and not self._broken():
            raise Overtaken("somebody else writes the switchboard's streams")

    def _isolate(self, items: list[_Item], error: Exception) -> None:
        """The database refuses the batch for good: write its events one by one, so that one alone fails."""
        if len(items) == 1:
            log.error("an event could not be written", exc_info=error)
            self._queue.remove(items[0])
            self._settle(items[0], error)
        else:
            log.warning("a batch of %d was refused; writing it one by one", len(items), exc_info=error)
            self._alone = len(items)

    async def _came_through(self, rows: int) -> list[int] | None:
        """The commit's answer was lost: the counter beside the fence says whether it was written."""
        db = self._connection()
        found = await (await db.execute("SELECT commits FROM switchboard_fence WHERE id = 1")).fetchone()
        if not found or found[0] != self._commits:
            return None
        last = await db.execute(
            "SELECT position FROM contacts_ledgerrow WHERE stream <> 'record' ORDER BY position DESC LIMIT %s", [rows]
        )
        return sorted(row[0] for row in await last.fetchall())

    def _step_down(self, why: str) -> None:
        log.critical("switchboard %d steps down: %s", self.fence, why)
        self.active = False
        self._disarm()
        for item in [*self._queue, *self._pending.values()]:
            self._settle(item, Unavailable())
        self._queue.clear()
        self._idle.set()
        self.stepped_down.set()

    # --- time ---------------------------------------------------------------------------------------------

    def _due(self) -> bool:
        due = self.router.next_due()
        return due is not None and due <= self.now()

    def _arm(self, least_s: float = 0.0) -> None:
        self._disarm()
        due = self.router.next_due()
        if due is not None and self.active:
            wait = max(least_s, min(due - self.now(), HEARTBEAT_S))
            self._timer = asyncio.get_running_loop().call_later(wait, self._wake.set)

    def _disarm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    # --- the database -------------------------------------------------------------------------------------

    async def _become_active(self) -> None:
        """Raises psycopg.OperationalError when the database cannot be reached at all."""
        self._db = await _connect(self._dsn)
        while not await self._lock():  # noqa: ASYNC110  (the lock is in the database, not in this process)
            await asyncio.sleep(STANDBY_S)
        found = await (await self._db.execute(journal.TAKE_OVER, {"holder": self._holder[:120]})).fetchone()
        assert found
        self.fence, self._commits = found[0], 0
        with _no_collecting():
            await self._rebuild()

    async def _rebuild(self) -> None:
        """Fold nothing, replay nothing: the states were written with every commit."""
        db = self._connection()
        states: dict[str, list[dict[str, Any]]] = {"contact": [], "agent": [], "queue": []}
        rows = await db.execute("SELECT kind, state::text FROM contacts_livestate ORDER BY subject")
        for kind, state in await rows.fetchall():
            states[kind].append(orjson.loads(state))
        last = await (
            await db.execute(
                "SELECT position, at FROM contacts_ledgerrow WHERE stream <> 'record' ORDER BY position DESC LIMIT 1"
            )
        ).fetchone()
        if last:
            self.position = last[0]
            self._clock.not_before(journal.seconds(last[1]))
        self.router = Router.restore(states["contact"], states["agent"], states["queue"], self.now())

    async def _lock(self) -> bool:
        db = self._connection()
        found = await (await db.execute("SELECT pg_try_advisory_lock(%s)", [journal.ACTIVE])).fetchone()
        self._backend = db.info.backend_pid
        return bool(found and found[0])

    async def _still_ours(self) -> None:
        self._asked_at = self._asked_at or ticks()
        try:
            db = self._connection()
            found = await (await db.execute("SELECT number FROM switchboard_fence WHERE id = 1")).fetchone()
        except (psycopg.OperationalError, psycopg.InterfaceError):
            await self._reconnect()
        else:
            if not found or found[0] != self.fence:
                raise Overtaken
        self._asked_at = None

    async def _reconnect(self) -> None:
        """Until the database is back and the lock is ours again. Raises Overtaken when somebody else took it."""
        old = self._backend
        while True:
            try:
                await self._disconnect()
                self._db = await _connect(self._dsn)
                await self._end_own_past(old)
                if not await self._lock():
                    await self._check_fence()
                    await asyncio.sleep(STANDBY_S)
                    continue
                await self._check_fence()
                return
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                log.warning("the database is away: %s", type(error).__name__)
                self._drop_stale()
                await asyncio.sleep(RETRY_S)

    async def _end_own_past(self, backend: int) -> None:
        """Our broken session may still hold the lock on the server's side: end it, and only it."""
        await self._connection().execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND classid = 0 AND objid = %s AND pid <> pg_backend_pid()",
            [backend, journal.ACTIVE],
        )

    async def _check_fence(self) -> None:
        found = await (await self._connection().execute("SELECT number FROM switchboard_fence WHERE id = 1")).fetchone()
        if not found or found[0] != self.fence:
            raise Overtaken

    def _drop_stale(self) -> None:
        gone = [item for item in self._queue if self._stale(item)]
        self._queue = deque(item for item in self._queue if not self._stale(item))
        for item in gone:
            self._settle(item, Unavailable())

    def _stale(self, item: _Item) -> bool:
        """Nobody waits for it any more. What has a key is kept for a while: it will be asked for again, and it was in
        time when it was submitted, which the same again might not be."""
        return item.gave_up and (item.key is None or self.now() - item.at > KEPT_S)

    def _connection(self) -> psycopg.AsyncConnection[Any]:
        assert self._db is not None
        return self._db

    def _broken(self) -> bool:
        return self._connection().closed or self._connection().broken

    async def _disconnect(self) -> None:
        if self._db is not None:
            with contextlib.suppress(psycopg.Error):
                await self._db.close()


@contextlib.contextmanager
def _no_collecting() -> Iterator[None]:
    """Ten thousand states come to life and none of them dies: looking for garbage among them takes a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _entries(batch: _Batch) -> list[Entry]:
    at = journal.moment(batch.at)
    entries: list[Entry] = []
    for event, commands, item in batch.steps():
        entries.append(journal.entry(event, at, item.key if item else None))
        entries += [journal.entry(command, at) for command in commands]
    return entries


def _retrieved(future: asyncio.Future[Any]) -> None:
    """Whoever asked may have gone away: their answer is no lost exception."""
    if not future.cancelled():
        future.exception()


async def _connect(dsn: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(
        dsn,
        autocommit=True,
        connect_timeout=5,
        application_name="careline switchboard",
        options="-c statement_timeout=10000",
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=10_000,
    )
