"""ContactSummary and AgentInterval, kept up with the ledger; thrown away and made again, they come out the same.

A contact is folded afresh from all its rows whenever some of them have become final, so that no order of reading
matters. Agents' stories have no end: theirs are carried on row by row, in the order the switchboard wrote them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from careline.base.accounts.models import User
from careline.care.contacts import ledger
from careline.care.contacts.actions import mark_reached
from careline.care.contacts.folds import FIELDS, AgentDay, Interval, agent_of, fold_agent, fold_contact
from careline.care.contacts.ledger import Row
from careline.care.contacts.models import (
    AgentFold,
    AgentInterval,
    Contact,
    ContactSummary,
    ProjectionCursor,
    Stream,
)

PAGE = 5000
SUMMARIES, REACHED = "summaries", "reached"
_INTERVAL = ["agent_id", "state", "reason", "contact_id", "started_at", "ended_at", "simulated"]


@dataclass(frozen=True, slots=True)
class Journal:
    """How far the figures go: everything up to `at` is in them. `lag_s`: age of the oldest row that is not."""

    position: int
    at: datetime | None
    unread: int
    lag_s: float


def catch_up() -> int:
    """Read what is final and not read yet. Returns the number of rows read; safe to run twice at once."""
    read = 0
    while rows := _next_page(SUMMARIES, _project):
        read += len(rows)
    follow_up()
    return read


def follow_up() -> None:
    """Whoever talks with us now has been reached: what they gave up on before is made good."""
    while _next_page(REACHED, _mark_reached):
        pass


def _next_page(name: str, work: Callable[[list[Row]], None]) -> list[Row]:
    with transaction.atomic():
        cursor = _cursor(name)
        rows = ledger.page(cursor.position, ledger.horizon(), PAGE)
        if rows:
            work(rows)
            _advance(cursor, rows[-1])
    return rows


def _mark_reached(rows: list[Row]) -> None:
    talked = {row.subject for row in rows if row.kind == "StartTalk"}
    for contact in Contact.objects.filter(pk__in=talked).select_related("organisation").order_by("pk"):
        mark_reached(contact)


def rebuild() -> tuple[int, int]:
    """Throw the projections away and make them again. Returns the numbers of summaries and intervals.

    One transaction: readers see the old rows until the new ones are complete.
    """
    with transaction.atomic():
        cursor = _cursor(SUMMARIES)
        end = ledger.horizon()
        for model in (ContactSummary, AgentInterval, AgentFold):
            model.objects.all().delete()
        for contacts in _contacts(end):
            show_now(contacts)
        cursor.position = 0
        while rows := ledger.page(cursor.position, end, PAGE):
            _project_agents(rows)
            _advance(cursor, rows[-1])
        return ContactSummary.objects.count(), AgentInterval.objects.count()


def journal(now: datetime | None = None) -> Journal:
    """For "journal to 10:42:08, lag 1 s" beside every figure."""
    cursor = ProjectionCursor.objects.filter(name=SUMMARIES).first() or ProjectionCursor()
    with connection.cursor() as db:
        db.execute(
            "SELECT count(*), min(at) FROM contacts_ledgerrow WHERE position > %s",
            [cursor.position],
        )
        unread, oldest = db.fetchone()
    lag_s = ((now or timezone.now()) - oldest).total_seconds() if oldest else 0.0
    return Journal(cursor.position, cursor.at, unread, max(0.0, lag_s))


def _cursor(name: str) -> ProjectionCursor:
    ProjectionCursor.objects.get_or_create(name=name)
    return ProjectionCursor.objects.select_for_update().get(name=name)


def _advance(cursor: ProjectionCursor, last: Row) -> None:
    cursor.position = last.position
    cursor.at = max(last.at, cursor.at or last.at)
    cursor.save()


def _contacts(end: int) -> Iterator[list[UUID]]:
    """The ids of all contacts that have begun, in handfuls."""
    after = UUID(int=0)
    while True:
        with connection.cursor() as db:
            db.execute(
                "SELECT DISTINCT subject FROM contacts_ledgerrow WHERE subject > %s AND stream = %s AND seq = 1"
                " AND position <= %s ORDER BY subject LIMIT %s",
                [after, Stream.RECORD, end, PAGE],
            )
            found = [row[0] for row in db.fetchall()]
        if not found:
            return
        yield found
        after = found[-1]


def _project(rows: list[Row]) -> None:
    contacts = {row.subject for row in rows if row.stream in (Stream.ROUTING, Stream.RECORD)}
    if contacts:
        show_now(contacts)
    _project_agents(rows)


def show_now(contacts: Iterable[UUID]) -> None:
    """Fold these contacts from what can be seen now, rows of this very transaction included: whoever wrote something
    need not wait for the projector to see it. Rows that are not final are read again when they are."""
    folded = (fold_contact(rows) for rows in ledger.of_subjects(contacts).values())
    summaries = [ContactSummary(**asdict(summary)) for summary in folded if summary]
    ContactSummary.objects.bulk_create(
        summaries,
        update_conflicts=True,
        unique_fields=["contact"],
        update_fields=[name for name in FIELDS if name != "contact_id"],
        batch_size=1000,
    )


def _project_agents(rows: list[Row]) -> None:
    told = [(agent, row) for row in rows if row.stream != Stream.RECORD and (agent := agent_of(row))]
    if not told:
        return
    agents = {agent for agent, _ in told}
    days = {f.agent_id: AgentDay.from_json(f.agent_id, f.state) for f in AgentFold.objects.filter(pk__in=agents)}
    touched: dict[int, Interval] = {}
    for agent, row in told:
        day = days.setdefault(agent, AgentDay(agent))
        touched |= {interval.id: interval for interval in fold_agent(day, row)}
    simulated = set(User.objects.filter(pk__in=agents, simulated=True).values_list("pk", flat=True))
    AgentInterval.objects.bulk_create(
        [AgentInterval(**asdict(each), simulated=each.agent_id in simulated) for each in touched.values()],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=_INTERVAL,
        batch_size=1000,
    )
    AgentFold.objects.bulk_create(
        [AgentFold(agent_id=agent, state=days[agent].to_json()) for agent in agents],
        update_conflicts=True,
        unique_fields=["agent_id"],
        update_fields=["state"],
    )
