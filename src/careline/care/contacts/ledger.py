"""The ledger: every event and every order, in order, never changed. Ids and codes only.

A row belongs to one stream of one subject and is numbered there without gaps from 1. Two writers never share a
stream: `routing`, `agent`, `queue` and `clock` are the switchboard's, `record` is written by actions that hold the
contact's lock.

Readers stop at `horizon()`: whatever stands up to there is final, so a transaction that took its position early and
commits late is never skipped. See docs/explanation/ledger.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction

from careline.base import prepared
from careline.care.contacts.models import Stream

CLOCK = UUID(int=0)  # the subject of the stream `clock`: time itself, when its passing changed something

# Everyone who appends holds this advisory lock, shared, until their commit. Its second number is the last position
# given out before, so all of theirs are higher. Readers look at pg_locks; nobody ever waits for it.
WRITING = 0x6C656467
LOCK = f"""
SELECT pg_advisory_xact_lock_shared({WRITING}, (CASE WHEN is_called THEN mod(last_value, 2147483647) ELSE 0 END)::int)
FROM contacts_ledgerrow_position_seq
"""  # noqa: S608

# Numbers each new row after the last of its stream, in the order given; `position` follows that order too.
# Parameter: rows, a JSON array; one text is far quicker to hand over than an array for each column.
# `{only_if}` lets the switchboard make it depend on its fencing number within the same statement.
INSERT = """
lock AS MATERIALIZED ({lock}), given AS (
    SELECT * FROM ROWS FROM (jsonb_to_recordset(%(rows)s::jsonb)
        AS (subject uuid, stream text, kind text, at timestamptz, data jsonb, key text))
        WITH ORDINALITY AS row(subject, stream, kind, at, data, key, n)
), heads AS MATERIALIZED (
    SELECT s.subject, s.stream, COALESCE(
        (SELECT l.seq FROM contacts_ledgerrow l WHERE l.subject = s.subject AND l.stream = s.stream
         ORDER BY l.seq DESC LIMIT 1), 0) AS last
    FROM (SELECT DISTINCT subject, stream FROM given) s
), written AS (
    INSERT INTO contacts_ledgerrow (subject, stream, seq, kind, at, data, key)
    SELECT g.subject, g.stream, h.last + row_number() OVER (PARTITION BY g.subject, g.stream ORDER BY g.n),
           g.kind, g.at, g.data, g.key
    FROM lock CROSS JOIN given g JOIN heads h USING (subject, stream) {only_if}
    ORDER BY g.n
    RETURNING position
)
"""
APPEND = f"WITH {INSERT.format(lock=LOCK, only_if='')} SELECT array_agg(position ORDER BY position) FROM written"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Entry:
    """A row to be written. `key` makes it happen once: a second row with the same key is refused by the database."""

    subject: UUID | str
    stream: str
    kind: str
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row as read."""

    position: int
    subject: UUID
    stream: str
    seq: int
    kind: str
    at: datetime
    data: dict[str, Any]


def parameters(entries: Iterable[Entry]) -> dict[str, str]:
    """The parameter of INSERT. Raises TypeError for text that is no Unicode."""
    rows = [
        {
            "subject": str(e.subject),
            "stream": str(e.stream),
            "kind": e.kind,
            "at": e.at,
            "data": e.data,
            "key": e.key,
        }
        for e in entries
    ]
    return {"rows": orjson.dumps(rows, default=str).decode()}


def append(*entries: Entry) -> list[int]:
    """Write record rows in the caller's transaction (the contact is locked). Returns their positions.

    Raises IntegrityError when a key was written before.
    """
    assert transaction.get_connection().in_atomic_block, "the ledger is written with what it tells of"
    return prepared.rows(APPEND, parameters(entries))[0][0] or []


def known(key: str) -> UUID | None:
    """The subject of the row written with this key, if there is one."""
    found = prepared.rows("SELECT subject FROM contacts_ledgerrow WHERE key = %s", [key])
    return found[0][0] if found else None


def written(subject: UUID, kind: str) -> bool:
    """Whether a row of this kind stands in the subject's record stream."""
    sql = "SELECT 1 FROM contacts_ledgerrow WHERE subject = %s AND stream = %s AND kind = %s LIMIT 1"
    return bool(prepared.rows(sql, [subject, str(Stream.RECORD), kind]))


def horizon() -> int:
    """The position up to which every row is there, or never will be.

    First the last position given out, then who may still be writing: their rows are not there yet, and all are above
    the number in their lock. One's own rows can be seen, committed or not.

    Unlike pg_snapshot_xmin it does not wait for those who write something else: an import of a million patients would
    stop every figure for minutes.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value, is_called FROM contacts_ledgerrow_position_seq")
        last, called = cursor.fetchone()
        cursor.execute(
            "SELECT array_agg(objid::bigint) FROM pg_locks"
            " WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [WRITING],
        )
        writing = cursor.fetchone()[0] or []
    return min([last if called else 0, *(_whole(low, last) for low in writing)])


def _whole(low: int, last: int) -> int:
    """The position whose remainder is in the lock: the newest possible one. A lock has room for 31 bits only."""
    return last - (last - low) % 2147483647


_SELECT = "SELECT position, subject, stream, seq, kind, at, data::text FROM contacts_ledgerrow"


def _rows(sql: str, params: Any) -> list[Row]:
    return [Row(p, s, st, q, k, a, orjson.loads(d)) for p, s, st, q, k, a, d in prepared.rows(sql, params)]


def page(after: int, end: int, limit: int) -> list[Row]:
    """The next rows, at most `limit`, above position `after` and up to `end` (see `horizon`)."""
    return _rows(f"{_SELECT} WHERE position > %s AND position <= %s ORDER BY position LIMIT %s", [after, end, limit])


def of_subjects(subjects: Iterable[UUID]) -> dict[UUID, list[Row]]:
    """All rows of these subjects that can be seen now, in the order they were written."""
    wanted = list(subjects)
    sql = f"{_SELECT} WHERE subject = ANY(%s) ORDER BY position"
    found: dict[UUID, list[Row]] = {s: [] for s in wanted}
    for row in _rows(sql, [wanted]):
        found[row.subject].append(row)
    return found


def story(subject: UUID) -> list[Row]:
    """Everything that ever happened to one contact, agent or queue."""
    return _rows(f"{_SELECT} WHERE subject = %s ORDER BY position", [subject])


def routing(after: int = 0, chunk: int = 5000) -> Iterator[Row]:
    """What the switchboard wrote, in the order it wrote it: the router replayed from this is the router that was."""
    while True:
        rows = _rows(
            f"{_SELECT} WHERE position > %s AND stream <> %s ORDER BY position LIMIT %s", [after, Stream.RECORD, chunk]
        )
        yield from rows
        if len(rows) < chunk:
            return
        after = rows[-1].position
