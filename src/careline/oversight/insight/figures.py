"""The metrics, counted for one reader over one period. Wallboard, report and export all ask here, so they agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import BooleanField, Case, DateTimeField, Exists, OuterRef, QuerySet, Value, When
from django.db.models.expressions import RawSQL

from careline.base.accounts.models import Posting
from careline.base.accounts.rights import Reader
from careline.base.organisations.models import Organisation
from careline.care.contacts import queries
from careline.care.contacts.models import ContactPatient, ContactSummary
from careline.oversight.insight.errors import PeriodBackwards, UnknownGrouping, UnknownMetric
from careline.oversight.insight.metrics import Rules

GROUPINGS = ("queue_id", "site_id", "line_id", "topic_id", "agent_id", "channel", "language", "outcome", "quarter",
             "hour", "day", "weekday")  # fmt: skip
NEEDS_AGAIN = frozenset({"fcr"})
SMALLEST_SHOWN = 5  # in reports, a share of fewer contacts than this is withheld


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` (included) to `until` (not), aware; `zone` names quarter-hours and days.

    Raises PeriodBackwards.
    """

    since: datetime
    until: datetime
    zone: str

    def __post_init__(self) -> None:
        if self.until <= self.since:
            raise PeriodBackwards

    @classmethod
    def days(cls, first: date, number: int, zone: str) -> Period:
        """Whole local days; across a clock change they have 23 or 25 hours."""
        tz = ZoneInfo(zone)
        start, end = (datetime.combine(day, time(), tz) for day in (first, first + timedelta(days=number)))
        return cls(start, end, zone)


def figures(reader: Reader, period: Period, names: Iterable[str], rules: Rules | None = None) -> dict[str, Any]:
    """{metric: value} over all contacts of the period that the reader may see. Null where there is no ground."""
    [row] = list(_rows(reader, period, tuple(names), None, rules or Rules()))
    return row


def grouped(
    reader: Reader, period: Period, names: Iterable[str], by: str, rules: Rules | None = None
) -> list[dict[str, Any]]:
    """As `figures`, one row for each value of `by` (one of GROUPINGS), ordered by it."""
    if by not in GROUPINGS:
        raise UnknownGrouping(name=by)
    return list(_rows(reader, period, tuple(names), by, rules or Rules()))


def suppressed(row: dict[str, Any], base: str = "volume_offered") -> dict[str, Any]:
    """For reports that leave the house: shares of fewer than five contacts are withheld; nobody is recognised."""
    if (row.get(base) or 0) >= SMALLEST_SHOWN:
        return row
    from careline.oversight.insight.metrics import CONTACTS

    return {k: None if k in CONTACTS and CONTACTS[k].kind != "count" else v for k, v in row.items()}


def agents(reader: Reader, period: Period, names: Iterable[str], by_agent: bool = False) -> list[dict[str, Any]]:
    """Metrics of work over the intervals of agents posted where the reader's posting covers."""
    postings = Posting.objects.filter(organisation__path__startswith=reader.path)
    if reader.site_id is not None:
        postings = postings.filter(site_id=reader.site_id)
    who = list(postings.values_list("user_id", flat=True).distinct())
    part = """SELECT agent_id, state, reason, EXTRACT(EPOCH FROM
        LEAST(COALESCE(ended_at, now()), %s) - GREATEST(started_at, %s))::float8 AS seconds
        FROM contacts_agentinterval
        WHERE agent_id = ANY(%s) AND started_at < %s AND (ended_at IS NULL OR ended_at > %s)"""
    sql = f"WITH seen_intervals AS ({part}) {_agents_sql(tuple(names), by_agent)}"
    return list(_fetch(sql, [period.until, period.since, who, period.until, period.since]))


# --- how it is asked ------------------------------------------------------------------------------------------


def _rows(reader: Reader, period: Period, names: tuple[str, ...], by: str | None, rules: Rules) -> Iterator[dict]:
    compiled = _contacts_sql(names, by, rules)
    part, parameters = _seen(reader, period, rules, again=bool(NEEDS_AGAIN & set(names)))
    return _fetch(f"WITH seen_contacts AS ({part}) {compiled}", list(parameters))


def _seen(reader: Reader, period: Period, rules: Rules, again: bool) -> tuple[str, tuple[Any, ...]]:
    rows = queries.seen(reader).filter(started_at__gte=period.since, started_at__lt=period.until)
    local = RawSQL("(contacts_contactsummary.started_at AT TIME ZONE %s)", [period.zone], DateTimeField())
    later = _later_about_the_same(rules) if again else Value(None, BooleanField(null=True))
    columns = [name for name in _columns() if name not in {"again", "started_local"}]
    return (
        rows.annotate(started_local=local, again=later)
        .values(*columns, "started_local", "again")
        .query.sql_with_params()
    )


def _later_about_the_same(rules: Rules) -> Case:
    """True when the same patient came again on the same topic within N days, null when nobody can know."""
    mine = ContactPatient.objects.filter(contact_id=OuterRef("contact_id"))
    theirs = ContactPatient.objects.filter(
        patient__contacts__contact_id=OuterRef("contact_id"),
        contact__summary__topic_id=OuterRef("topic_id"),
        contact__summary__undone=False,
        contact__started_at__gt=OuterRef("started_at"),
        contact__started_at__lte=OuterRef("started_at") + timedelta(days=rules.again_days),
    )
    return Case(
        When(topic_id=None, then=Value(None)), When(~Exists(mine), then=Value(None)), default=Exists(theirs),
        output_field=BooleanField(null=True),
    )  # fmt: skip


def _columns() -> tuple[str, ...]:
    from careline.oversight.insight.tables import contacts

    return contacts.columns


@lru_cache(maxsize=200)
def _contacts_sql(names: tuple[str, ...], by: str | None, rules: Rules) -> str:
    import ibis  # heavy: loaded when the first figure is asked for

    from careline.oversight.insight.metrics import CONTACTS
    from careline.oversight.insight.tables import contacts

    if unknown := [name for name in names if name not in CONTACTS]:
        raise UnknownMetric(name=unknown[0])
    t = contacts
    if by in {"quarter", "hour", "day", "weekday"}:
        at = t.started_local
        t = t.mutate(
            **{
                by: {
                    "quarter": lambda: at.bucket(minutes=15),
                    "hour": lambda: at.hour(),
                    "day": lambda: at.date(),
                    "weekday": lambda: at.day_of_week.index(),
                }[by]()
            }
        )
    values = {name: CONTACTS[name].metric(t, rules).name(name) for name in names}
    expression = t.aggregate(by=[by], **values).order_by(by) if by else t.aggregate(**values)
    return str(ibis.to_sql(expression, dialect="postgres")).replace("%", "%%")


@lru_cache(maxsize=20)
def _agents_sql(names: tuple[str, ...], by_agent: bool) -> str:
    import ibis

    from careline.oversight.insight.metrics import AGENTS
    from careline.oversight.insight.tables import intervals

    if unknown := [name for name in names if name not in AGENTS]:
        raise UnknownMetric(name=unknown[0])
    values = {name: AGENTS[name].metric(intervals, Rules()).name(name) for name in names}
    expression = intervals.aggregate(by=["agent_id"] if by_agent else [], **values)
    return str(ibis.to_sql(expression, dialect="postgres")).replace("%", "%%")


def _fetch(sql: str, parameters: list[Any]) -> Iterator[dict[str, Any]]:
    with connection.cursor() as db:
        db.execute(sql, parameters)
        names = [column.name for column in db.description]
        for row in db.fetchall():
            yield {
                name: int(value) if isinstance(value, Decimal) else value
                for name, value in zip(names, row, strict=True)
            }


def zone_of(reader: Reader) -> str:
    return Organisation.objects.values_list("timezone", flat=True).get(pk=reader.organisation_id)


def contacts_of(reader: Reader, period: Period) -> QuerySet[ContactSummary]:
    """The very rows the figures count, for drilling down and for the export."""
    rows = queries.seen(reader).filter(started_at__gte=period.since, started_at__lt=period.until)
    return rows.order_by("started_at")
