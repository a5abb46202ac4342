"""The ledger: every event and every order, in order, never changed. Ids and codes only.

A row belongs to one stream of one subject and is numbered there without gaps from 1. Two writers never share a
stream: `routing`, `agent`, `queue` and `clock` are the switchboard's, `record` is written by actions that hold the
contact's lock.

Readers stop at `horizon()`, the oldest transaction still running: whatever is below it is final, so a transaction that
took its number early and commits late is never skipped. See docs/explanation/ledger.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from careline.care.contacts.models import Stream

CLOCK = UUID(int=0)  # the subject of the stream `clock`: time itself, when its passing changed something

# Numbers each new row after the last of its stream, in the order given; `position` follows that order too.
# Parameters: subjects uuid[], streams text[], kinds text[], ats timestamptz[], data text[], keys text[].
# `{only_if}` lets the switchboard make it depend on its fencing number within the same statement.
INSERT = """
given AS (
    SELECT * FROM unnest(%(subjects)s::uuid[], %(streams)s::text[], %(kinds)s::text[], %(ats)s::timestamptz[],
                         %(data)s::text[], %(keys)s::text[])
        WITH ORDINALITY AS row(subject, stream, kind, at, data, key, n)
), heads AS MATERIALIZED (
    SELECT s.subject, s.stream, COALESCE(
        (SELECT l.seq FROM contacts_ledgerrow l WHERE l.subject = s.subject AND l.stream = s.stream
         ORDER BY l.seq DESC LIMIT 1), 0) AS last
    FROM (SELECT DISTINCT subject, stream FROM given) s
), written AS (
    INSERT INTO contacts_ledgerrow (subject, stream, seq, kind, at, data, key)
    SELECT g.subject, g.stream, h.last + row_number() OVER (PARTITION BY g.subject, g.stream ORDER BY g.n),
           g.kind, g.at, g.data::jsonb, g.key
    FROM given g JOIN heads h USING (subject, stream) {only_if}
    ORDER BY g.n
    RETURNING position
)
"""
APPEND = f"WITH {INSERT.format(only_if='')} SELECT array_agg(position ORDER BY position) FROM written"  # noqa: S608


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


def columns(entries: Iterable[Entry]) -> dict[str, list[Any]]:
    """The parameters of INSERT."""
    entries = list(entries)
    return {
        "subjects": [str(e.subject) for e in entries],
        "streams": [str(e.stream) for e in entries],
        "kinds": [e.kind for e in entries],
        "ats": [e.at for e in entries],
        "data": [json.dumps(e.data, ensure_ascii=False, separators=(",", ":"), default=str) for e in entries],
        "keys": [e.key for e in entries],
    }


def append(*entries: Entry) -> list[int]:
    """Write record rows in the caller's transaction (the contact is locked). Returns their positions.

    Raises IntegrityError when a key was written before.
    """
    assert transaction.get_connection().in_atomic_block, "the ledger is written with what it tells of"
    with connection.cursor() as cursor:
        cursor.execute(APPEND, columns(entries))
        found = cursor.fetchone()
    return found[0] or []


def known(key: str) -> UUID | None:
    """The subject of the row written with this key, if there is one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT subject FROM contacts_ledgerrow WHERE key = %s", [key])
        found = cursor.fetchone()
    return found[0] if found else None


def horizon() -> int:
    """Every transaction below this number has ended: its rows are all there, or never will be."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        return cursor.fetchone()[0]


_SELECT = "SELECT position, subject, stream, seq, kind, at, data::text FROM contacts_ledgerrow"


def _rows(sql: str, params: Any) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [Row(p, s, st, q, k, a, json.loads(d)) for p, s, st, q, k, a, d in cursor.fetchall()]


def page(start: int, end: int, limit: int) -> tuple[list[Row], int]:
    """Rows of transactions from `start` up to but without `end`, in order; and where to go on.

    Never cuts a transaction in two, so a page may be longer than `limit`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT xid::text::bigint FROM contacts_ledgerrow WHERE xid >= %s::text::xid8 AND xid < %s::text::xid8"
            " ORDER BY xid, position OFFSET %s LIMIT 1",
            [start, end, limit],
        )
        found = cursor.fetchone()
    stop = end if found is None else max(found[0], start + 1)
    if found is not None and found[0] == start:
        stop = start + 1
    sql = f"{_SELECT} WHERE xid >= %s::text::xid8 AND xid < %s::text::xid8 ORDER BY position"
    return _rows(sql, [start, stop]), stop


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


def after_restore() -> None:
    """Give every row a number below all of this server's: transaction numbers of another server mean nothing here.

    To be called once after the ledger was restored from a dump into a new server, before anybody writes.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE contacts_ledgerrow DISABLE TRIGGER ledger_append_only")
        cursor.execute("UPDATE contacts_ledgerrow SET xid = '1'::xid8 WHERE xid <> '1'::xid8")
        cursor.execute("ALTER TABLE contacts_ledgerrow ENABLE TRIGGER ledger_append_only")
        cursor.execute("UPDATE contacts_projectioncursor SET xid = 0")
