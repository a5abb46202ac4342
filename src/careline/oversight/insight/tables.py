"""The two tables every metric counts over, as ibis sees them: the same columns on every engine.

`contacts` are rows of `ContactSummary` that whoever asks may see; `intervals` rows of `AgentInterval`, cut to the
period.
"""

from __future__ import annotations

import ibis
from ibis import Table
from ibis.expr.types import BooleanColumn

contacts: Table = ibis.table(
    {
        "contact_id": "uuid",
        "organisation_id": "uuid",
        "site_id": "uuid",
        "line_id": "uuid",
        "queue_id": "uuid",
        "agent_id": "uuid",
        "topic_id": "uuid",
        "channel": "string",
        "direction": "string",
        "language": "string",
        "emergency": "boolean",
        "phase": "string",
        "cause": "string",
        "outcome": "string",
        "undone": "boolean",
        "started_at": "timestamp('UTC')",
        "started_local": "timestamp",
        "queued_at": "timestamp('UTC')",
        "answered_at": "timestamp('UTC')",
        "ended_at": "timestamp('UTC')",
        "callback_asked_at": "timestamp('UTC')",
        "recovered_at": "timestamp('UTC')",
        "wait_s": "float64",
        "talk_s": "float64",
        "hold_s": "float64",
        "wrap_up_s": "float64",
        "transfers": "int16",
        "rating": "int16",
        "again": "boolean",
    },
    name="seen_contacts",
)

intervals: Table = ibis.table(
    {"agent_id": "uuid", "state": "string", "reason": "string", "seconds": "float64"},
    name="seen_intervals",
)


def offered(t: Table) -> BooleanColumn:
    """Incoming, entered a queue, and its wait is over: those still waiting belong to no share yet."""
    return t.queued_at.notnull() & (t.direction == "in") & ~t.undone & (t.answered_at.notnull() | t.ended_at.notnull())


def answered(t: Table) -> BooleanColumn:
    return offered(t) & t.answered_at.notnull()


def abandoned(t: Table) -> BooleanColumn:
    """Gave up waiting, or vanished while waiting. Who was promised a call-back has not abandoned."""
    return offered(t) & t.answered_at.isnull() & t.cause.isin(["abandoned", "lost"]) & t.callback_asked_at.isnull()
