"""What may be asked of the directory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from careline.base.accounts.rights import Reader, covered, lineage
from careline.base.organisations.models import Organisation
from careline.base.prepared import Prepared
from careline.care.directory.errors import LineUnknown
from careline.care.directory.models import Notice, PhoneLine, Queue, Topic, in_language
from careline.care.directory.rules import OpenState, open_state, plan_of


def lines(reader: Reader) -> QuerySet[PhoneLine]:
    """The lines the reader's posting covers (for one site: its own and the shared ones), with what `is_open` needs."""
    return covered(reader, _ready(PhoneLine.objects.all()), shared=True)


def queues(reader: Reader) -> QuerySet[Queue]:
    """The queues the reader's posting covers (for one site: its own and the shared ones)."""
    return covered(reader, Queue.objects.select_related("organisation", "site"), shared=True)


def line_by_code(code: str) -> PhoneLine:
    """The line of /call/<code>. Raises LineUnknown, also when its organisation is no longer active."""
    line = _ready(PhoneLine.objects.filter(organisation__active=True)).filter(code=code).first()
    if line is None:
        raise LineUnknown
    return line


def web_lines() -> QuerySet[PhoneLine]:
    """Every line a patient may call from the web."""
    return _ready(PhoneLine.objects.filter(web_calls=True, organisation__active=True))


def is_open(line: PhoneLine, now: datetime) -> OpenState:
    """Whether the line answers at `now`, until when or from when, and why. No query for lines from this module."""
    hours = line.hours
    closed = line.closed or line.queue.closed
    if hours is None:
        return open_state(None, closed, {}, None, now)
    exceptions = list(hours.exceptions.all())
    today = now.astimezone(ZoneInfo(hours.timezone)).date()
    notes = {each.date: each.reason for each in exceptions}
    return open_state(plan_of(hours, exceptions, today.year), closed, notes, today, now)


def greeting(line: PhoneLine, language: str, name: str) -> str:
    """What the operator called `name` (their given name) says first on this line, in the caller's language."""
    return in_language(line.greeting, language).replace("{name}", name)


def _ready(rows: QuerySet[PhoneLine]) -> QuerySet[PhoneLine]:
    return rows.select_related("organisation", "site", "queue", "hours").prefetch_related("hours__exceptions")


# --- topics -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class TopicNode:
    """A topic and those below it, in order."""

    topic: Topic
    children: list[TopicNode] = field(default_factory=list)


def topics(organisation_id: UUID) -> QuerySet[Topic]:
    """Active topics of the organisation and of those it is part of, in order."""
    return Topic.objects.filter(active=True, organisation__in=_with_ancestors(organisation_id)).order_by(
        "order", "code"
    )


def topic_tree(
    organisation_id: UUID, *, for_calls: bool | None = None, for_walk_ins: bool | None = None
) -> list[TopicNode]:
    """The topics as a tree (one query for the rows). With a filter, a topic shows only under a shown parent."""
    rows = topics(organisation_id)
    if for_calls is not None:
        rows = rows.filter(for_calls=for_calls)
    if for_walk_ins is not None:
        rows = rows.filter(for_walk_ins=for_walk_ins)
    return tree(rows)


def tree(rows: Iterable[Topic]) -> list[TopicNode]:
    """Rows in order as a tree; what has no parent among them is left out unless it stands at the root."""
    nodes = {row.id: TopicNode(row) for row in rows}
    for node in nodes.values():
        parent = node.topic.parent_id and nodes.get(node.topic.parent_id)
        if parent:
            parent.children.append(node)
    return [node for node in nodes.values() if node.topic.parent_id is None]


def _with_ancestors(organisation_id: UUID) -> QuerySet[Organisation]:
    return Organisation.objects.filter(path__in=lineage(_path_of(organisation_id)))


def _path_of(organisation_id: UUID) -> str:
    return Organisation.objects.values_list("path", flat=True).filter(id=organisation_id).first() or ""


# --- notices ----------------------------------------------------------------------------------------------

GRAVITY = {Notice.Kind.EMERGENCY: 0, Notice.Kind.EPIDEMIC: 1, Notice.Kind.NOTE: 2}


def notices_now(
    organisation: Organisation | UUID, now: datetime, *, site_id: UUID | None = None, for_callers: bool | None = None
) -> list[Notice]:
    """Notices in force at `now` for the organisation (its own and those from above), gravest first.

    With `site_id` also those of that one site; without it those of every site. `for_callers` filters.
    """
    path = organisation.path if isinstance(organisation, Organisation) else _path_of(organisation)
    rows = [
        notice
        for notice in _notices(paths=lineage(path), now=now)
        if (site_id is None or notice.site_id in (None, site_id)) and for_callers in (None, notice.for_callers)
    ]
    return sorted(rows, key=lambda notice: (GRAVITY[Notice.Kind(notice.kind)], -notice.valid_from.timestamp()))


_notices = Prepared(
    lambda paths, now: Notice.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=now), valid_from__lte=now, organisation__path__among=paths
    ).select_related("site"),
    paths=list,
    now=datetime,
)
