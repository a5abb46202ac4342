"""What stands now, for screens: read from the router's folded states, which are written in the ledger's own commit.

Screens never ask the live process: a screen and the ledger cannot disagree, and a desk still shows the queue while the
switchboard restarts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, FloatField, QuerySet
from django.db.models.functions import Cast

from careline.base.accounts.models import User
from careline.base.accounts.rights import Reader
from careline.care.contacts.models import Contact, LiveState
from careline.care.directory.models import Queue
from careline.care.directory.queries import queues
from careline.core.acd.model import Phase, Presence

WAITING = (Phase.QUEUED, Phase.OFFERED, Phase.CALLBACK)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One who waits, in the order in which they are served. `since` is the first entry into the queue."""

    contact: Contact
    queue: Queue
    phase: str
    channel: str
    emergency: bool
    callback: bool
    since: datetime
    not_before: datetime | None


@dataclass(frozen=True, slots=True)
class QueueNow:
    """How many callers wait (promised call-backs apart), and since when the first of them does."""

    waiting: int
    callbacks: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class AgentNow:
    """A colleague at the phone. `phases` are those of the contacts in hand."""

    user: User
    presence: str
    reason: str
    since: datetime
    phases: tuple[str, ...]
    site_id: str
    queues: frozenset[str] = frozenset()  # the queues they serve

    @property
    def ready(self) -> bool:
        """True when a contact could be handed over to them now."""
        return self.presence == Presence.READY and not self.phases


def waiting_now(reader: Reader, limit: int = 50) -> list[Waiting]:
    """Who waits in the queues the reader's posting covers: emergencies, then by turn. Four queries at most."""
    mine = {str(queue.pk): queue for queue in queues(reader)}
    rows = list(
        _waiting(list(mine)).order_by("-state__emergency", Cast(F("state__key"), FloatField()), "state__seq")[:limit]
    )
    contacts = Contact.objects.select_related("line", "caller").in_bulk([row.subject for row in rows])
    return [
        _waits(row.state, contacts[row.subject], mine[row.state["queue"]]) for row in rows if row.subject in contacts
    ]


def queue_now(reader: Reader) -> QueueNow:
    """The state bar's figure. Two queries."""
    rows = _waiting([str(queue.pk) for queue in queues(reader)]).values_list("state__phase", "state__queued_at")
    callers = [since for phase, since in rows if phase != Phase.CALLBACK]
    return QueueNow(len(callers), len(rows) - len(callers), _at(min(callers)) if callers else None)


def queue_loads(reader: Reader) -> dict[UUID, QueueNow]:
    """As `queue_now`, for each queue the reader's posting covers. Two queries."""
    mine = list(queues(reader))
    rows = _waiting([str(queue.pk) for queue in mine])
    found: dict[str, list[tuple[str, float]]] = {str(queue.pk): [] for queue in mine}
    for queue, phase, since in rows.values_list("state__queue", "state__phase", "state__queued_at"):
        found[queue].append((phase, since))
    return {queue.pk: _load(found[str(queue.pk)]) for queue in mine}


def _load(waiting: list[tuple[str, float]]) -> QueueNow:
    callers = [since for phase, since in waiting if phase != Phase.CALLBACK]
    return QueueNow(len(callers), len(waiting) - len(callers), _at(min(callers)) if callers else None)


def agents_now(reader: Reader) -> list[AgentNow]:
    """Colleagues who are signed in and share a queue with the reader's posting, by name. Three queries."""
    mine = {str(queue.pk) for queue in queues(reader)}
    states = [
        row.state
        for row in LiveState.objects.filter(kind="agent").exclude(state__presence=Presence.OFFLINE)
        if mine.intersection(row.state["profile"]["queues"])
    ]
    users = User.objects.in_bulk([UUID(state["id"]) for state in states])
    found = [_agent(state, users[UUID(state["id"])]) for state in states if UUID(state["id"]) in users]
    shown = [agent for agent in found if settings.DEMO or not agent.user.simulated]
    return sorted(shown, key=lambda agent: (agent.user.last_name, agent.user.first_name, str(agent.user.pk)))


def phases_of(contact_id: UUID | str) -> str:
    """The phase of a contact that is still alive, "" once it has ended."""
    state = LiveState.objects.filter(subject=contact_id, kind="contact").values_list("state", flat=True).first()
    return str(state["phase"]) if state else ""


def _waiting(queue_ids: list[str]) -> QuerySet[LiveState]:
    rows = LiveState.objects.filter(kind="contact", state__queue__in=queue_ids, state__phase__in=WAITING)
    if not settings.DEMO:
        return rows.exclude(state__simulated=True)
    return rows


def _waits(state: dict[str, Any], contact: Contact, queue: Queue) -> Waiting:
    return Waiting(
        contact=contact,
        queue=queue,
        phase=state["phase"],
        channel=state["channel"],
        emergency=state["emergency"],
        callback=state["callback"],
        since=_at(state["queued_at"]),
        not_before=_at(state["not_before"]) if state["not_before"] else None,
    )


def _agent(state: dict[str, Any], user: User) -> AgentNow:
    return AgentNow(
        user=user,
        presence=state["presence"],
        reason=state["reason"],
        since=_at(state["since"]),
        phases=tuple(doing for doing, _channel, _until in state["work"].values()),
        site_id=state["profile"]["site"],
        queues=frozenset(state["profile"]["queues"]),
    )


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
