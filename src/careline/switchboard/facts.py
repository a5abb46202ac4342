"""What the web process tells: rows of the outbox become events. Read five times a second, and at each poke."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from careline.core.acd.model import AgentReady, Event, IllegalEvent, Presence, WrapUpDone
from careline.switchboard import directory
from careline.switchboard.errors import Unavailable

if TYPE_CHECKING:
    from careline.switchboard.engine import Switchboard

POLL_S = 0.2
MOST = 100

log = logging.getLogger(__name__)

_READ = """
SELECT id, kind, key, data FROM outbox_outboxrow WHERE "to" = 'switchboard' AND done_at IS NULL ORDER BY id LIMIT %s
"""
_DONE = "UPDATE outbox_outboxrow SET done_at = now() WHERE id = ANY(%s) AND done_at IS NULL"


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of the outbox. `data` holds ids and codes."""

    id: int
    kind: str
    key: str
    data: Mapping[str, Any]


class OutboxReader:
    """Each fact leads to its events exactly once: their keys are the fact's, and it is marked only afterwards."""

    def __init__(self, switchboard: Switchboard, dsn: str) -> None:
        self._switchboard, self._dsn = switchboard, dsn
        self._listeners: list[Callable[[Fact], None]] = []
        self._poked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._db: psycopg.AsyncConnection[Any] | None = None

    async def start(self) -> None:
        await self._submit_all("", await asyncio.to_thread(directory.changes, self._switchboard.router))
        self.poke()  # what was written while nobody read it does not wait for the first poll
        self._task = asyncio.create_task(self._run(), name="switchboard-outbox")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._db:
            await self._db.close()

    def poke(self) -> None:
        self._poked.set()

    def listen(self, fn: Callable[[Fact], None]) -> None:
        """`fn` hears every fact once its events are written: what has to be shown again."""
        self._listeners.append(fn)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._poked.wait()
            self._poked.clear()
            try:
                await self.read()
            except (psycopg.OperationalError, psycopg.InterfaceError, Unavailable) as error:
                log.warning("the outbox waits: %s", type(error).__name__)
                self._db = None
                await asyncio.sleep(1.0)

    async def read(self) -> int:
        """Take what is waiting. Returns how many facts were taken."""
        if self._db is None:
            self._db = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True, connect_timeout=5)
        rows = await (await self._db.execute(_READ, [MOST])).fetchall()
        facts = [Fact(*row) for row in rows]
        if not facts:
            return 0
        for fact in facts:
            await self._take(fact)
        await self._db.execute(_DONE, [[fact.id for fact in facts]])
        for fact in facts:
            self._tell(fact)
        return len(facts)

    async def _take(self, fact: Fact) -> None:
        if fact.kind == "contact_recorded":
            await self._submit_all(fact.key, self.recorded(fact.data))
        if fact.kind == "directory_changed":
            await self._submit_all("", await asyncio.to_thread(directory.changes, self._switchboard.router))

    def recorded(self, data: Mapping[str, Any]) -> list[Event]:
        """The outcome is saved. Asked for the next contact, the agent is done and ready; else stays writing."""
        if not data.get("next"):
            return []
        events: list[Event] = [WrapUpDone(data["contact"], data["agent"])]
        agent = self._switchboard.router.agent(data["agent"])
        if agent is not None and agent.presence == Presence.PAUSED:
            events.append(AgentReady(agent.id))
        return events

    async def _submit_all(self, key: str, events: list[Event]) -> None:
        """Without a key where doing it twice changes nothing: the directory is compared with what the router knows."""
        for number, event in enumerate(events):
            try:
                await self._switchboard.submit(event, key=f"fact:{key}:{number}" if key else None)
            except IllegalEvent as refusal:  # the talk goes on, or the wrap-up ran out meanwhile: nothing to end
                log.info("fact %s: %s", key, refusal.why)

    def _tell(self, fact: Fact) -> None:
        for listener in self._listeners:
            try:
                listener(fact)
            except Exception:
                log.exception("a listener failed on the fact %s", fact.kind)
