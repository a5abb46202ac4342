"""Writing the switchboard's part of the ledger: one statement is one commit.

The statement moves the fence's counter only while the number is still ours, and everything else hangs on that row:
a switchboard that was overtaken writes nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg

from careline.care.contacts.ledger import CLOCK, INSERT, LOCK, Entry
from careline.care.contacts.ledger import parameters as ledger_rows
from careline.care.contacts.models import Stream
from careline.core.acd.model import AgentSignedIn, Changes, Command, Event, QueueSet, TimePassed
from careline.switchboard.codec import COMMANDS, EVENTS, decode_command, encode

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ACTIVE = 0x63617265  # the advisory lock of the one active switchboard

# ruff: noqa: S608
COMMIT = f"""
WITH mine AS (
    UPDATE switchboard_fence SET commits = %(commit)s WHERE id = 1 AND number = %(fence)s RETURNING number
), {INSERT.format(lock=LOCK, only_if="CROSS JOIN mine")}, states AS (
    INSERT INTO contacts_livestate (subject, kind, state)
    SELECT s.subject, s.kind, s.state
    FROM jsonb_to_recordset(%(living)s::jsonb) AS s(subject uuid, kind text, state jsonb)
    CROSS JOIN mine
    ON CONFLICT (subject) DO UPDATE SET state = EXCLUDED.state
), ended AS (
    DELETE FROM contacts_livestate WHERE subject = ANY(%(ended)s::uuid[]) AND EXISTS (SELECT 1 FROM mine)
), texts AS (
    INSERT INTO contacts_reasontext (id, subject, at, text)
    SELECT t.id, t.subject, t.at, t.text
    FROM jsonb_to_recordset(%(texts)s::jsonb) AS t(id uuid, subject uuid, at timestamptz, text text)
    CROSS JOIN mine
)
SELECT (SELECT count(*) FROM mine), (SELECT array_agg(position ORDER BY position) FROM written)
"""

TAKE_OVER = """
INSERT INTO switchboard_fence (id, number, commits, taken_at, holder) VALUES (1, 1, 0, now(), %(holder)s)
ON CONFLICT (id) DO UPDATE SET number = switchboard_fence.number + 1, commits = 0, taken_at = now(), holder = %(holder)s
RETURNING number
"""

# The key's own event row and what the switchboard wrote next: its orders stand before the next event.
FIRST_RESULT = """
SELECT l.kind, l.data::text, l.position, l.at FROM contacts_ledgerrow k
JOIN contacts_ledgerrow l ON l.position >= k.position AND l.stream <> 'record'
WHERE k.key = %s ORDER BY l.position LIMIT 1000
"""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason in somebody's own words, kept apart from the ledger so that it can be erased."""

    id: str
    subject: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class FirstResult:
    position: int
    at: datetime
    commands: list[Command]


def moment(seconds: float) -> datetime:
    return EPOCH + timedelta(microseconds=round(seconds * 1_000_000))


def seconds(at: datetime) -> float:
    """The very float that `moment` was given."""
    return (at - EPOCH) // timedelta(microseconds=1) / 1_000_000


def address(event: Event | Command) -> tuple[str, Stream]:
    """Whose story it belongs to: the contact's if there is one, else the agent's, the queue's, or time's own."""
    if contact := getattr(event, "contact", None):
        return contact, Stream.ROUTING
    if isinstance(event, QueueSet):
        return event.rules.id, Stream.QUEUE
    if isinstance(event, AgentSignedIn):
        return event.profile.id, Stream.AGENT
    if isinstance(event, TimePassed):
        return str(CLOCK), Stream.CLOCK
    return event.agent, Stream.AGENT  # type: ignore[union-attr]


def entry(word: Event | Command, at: datetime, key: str | None = None) -> Entry:
    subject, stream = address(word)
    return Entry(subject, stream, type(word).__name__, at, encode(word), key)


def parameters(
    fence: int, commit: int, entries: Iterable[Entry], changes: Changes, reasons: Sequence[Reason]
) -> dict[str, Any]:
    living: list[dict[str, Any]] = []
    ended: list[str] = []
    for kind, states in (("contact", changes.contacts), ("agent", changes.agents), ("queue", changes.queues)):
        for subject, state in states.items():
            if state is None:
                ended.append(subject)
            else:
                living.append({"subject": subject, "kind": kind, "state": state})
    return {
        "fence": fence,
        "commit": commit,
        **ledger_rows(entries),
        "living": orjson.dumps(living).decode(),
        "ended": ended,
        "texts": orjson.dumps(reasons).decode(),  # a dataclass is an object in JSON
    }


async def first_result(connection: psycopg.AsyncConnection[Any], key: str) -> FirstResult | None:
    """What came of the event that was written with this key."""
    rows = await (await connection.execute(FIRST_RESULT, [key])).fetchall()
    if not rows:
        return None
    commands: list[Command] = []
    for kind, data, _, _ in rows[1:]:
        if kind in EVENTS:
            break
        if kind in COMMANDS:
            commands.append(decode_command(kind, orjson.loads(data)))
    return FirstResult(rows[0][2], rows[0][3], commands)
