"""A switchboard on a real database, with queues and agents that exist only in the router's words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID, uuid5

import psycopg
import pytest
import pytest_asyncio
from django.db import connection, connections, transaction

from careline.care.contacts.models import LedgerRow
from careline.core.acd.model import (
    AgentProfile,
    AgentReady,
    AgentSignedIn,
    Channel,
    ContactQueued,
    QueueRules,
    QueueSet,
)
from careline.switchboard.engine import Switchboard

T = TypeVar("T")

CAST = UUID("0191a000-0000-7000-8000-000000000000")


def named(name: str) -> str:
    """The id of one of the cast: the same name is the same id."""
    return str(uuid5(CAST, name))


QUEUE = named("town line")
OLENA, ANNA = named("olena"), named("anna")


def rules(**changes) -> QueueRules:
    return QueueRules(**{"id": QUEUE, "wrap_up_s": 30.0, **changes})


def profile(agent: str, queue: str = QUEUE) -> AgentProfile:
    return AgentProfile(agent, frozenset({queue}), {"lang:uk": 5}, {Channel.VOICE: 1})


def call(contact: str, **changes) -> ContactQueued:
    return ContactQueued(**{"contact": contact, "queue": QUEUE, "channel": Channel.VOICE, **changes})


@dataclass
class Time:
    """A clock that moves when it is told to."""

    now: float = 1_767_600_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Heard:
    """Everything a listener was told, in order."""

    all: list = field(default_factory=list)

    def __call__(self, committed) -> None:
        self.all.append(committed)

    def commands(self) -> list:
        return [command for each in self.all for command in each.commands]


def dsn_of(settings: dict) -> str:
    return psycopg.conninfo.make_conninfo(
        host=settings["HOST"] or None,
        port=settings["PORT"] or None,
        user=settings["USER"] or None,
        password=settings["PASSWORD"] or None,
        dbname=settings["NAME"],
    )


# What the switchboard writes. Emptied by hand: flushing every table of the house takes far longer than most tests.
WRITTEN = (
    "contacts_ledgerrow",
    "contacts_livestate",
    "contacts_reasontext",
    "contacts_agentinterval",
    "contacts_agentfold",
    "contacts_projectioncursor",
    "switchboard_fence",
    "outbox_outboxrow",
)


def empty() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE contacts_ledgerrow DISABLE TRIGGER USER")
        for table in WRITTEN:
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("ALTER TABLE contacts_ledgerrow ENABLE TRIGGER USER")


@pytest.fixture
def dsn(django_db_setup, django_db_blocker) -> Iterator[str]:
    """The test database with nothing of the switchboard's in it. Commits are real: no transaction is wrapped around."""
    with django_db_blocker.unblock():
        empty()
        yield dsn_of(connection.settings_dict)
        empty()
        connection.close()


async def orm(work: Callable[[], T]) -> T:
    """Ask Django's models from a coroutine, in a thread that leaves no connection behind."""

    def ask() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return await asyncio.to_thread(ask)


async def rows(**wanted) -> list[LedgerRow]:
    return await orm(lambda: list(LedgerRow.objects.filter(**wanted).order_by("position")))


@pytest.fixture
def time() -> Time:
    return Time()


@pytest_asyncio.fixture
async def switchboards(dsn, time):
    """switchboards() -> one more, not started; all are stopped at the end."""
    made: list[Switchboard] = []

    def make(clock=time, holder: str = "test", dsn: str = dsn) -> Switchboard:
        made.append(Switchboard(dsn, clock=clock, holder=holder))
        return made[-1]

    yield make
    for each in made:
        await each.stop()


@pytest_asyncio.fixture
async def switchboard(switchboards):
    board = switchboards()
    await board.start()
    return board


@pytest_asyncio.fixture
async def staffed(switchboard):
    """With one queue, and Olena ready."""
    await switchboard.submit(QueueSet(rules()))
    await switchboard.submit(AgentSignedIn(profile(OLENA)))
    await switchboard.submit(AgentReady(OLENA))
    return switchboard


async def crash(board: Switchboard) -> None:
    """As `kill -9` leaves it: nothing is written any more, the server sees the connection gone."""
    await board.outbox.stop()
    for task in board._tasks:
        task.cancel()
    await asyncio.gather(*board._tasks, return_exceptions=True)
    board.active = False
    await board._disconnect()
