"""What the boards show, gathered. Every count is the report's own (oversight.insight), every "now" the router's.

All screens of one place ask as the place, not as the person before them, so that they agree to the last contact.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from careline.base.accounts.rights import Reader
from careline.base.ids import uuid7
from careline.care.contacts.models import AgentInterval
from careline.care.contacts.projections import journal
from careline.care.contacts.queries import ToRecover, alerts_open, dangers_open, recovery_list
from careline.care.directory.models import Notice, PhoneLine, Queue
from careline.care.directory.queries import lines, notices_now, queues
from careline.faces.boards.charts import Drawing, Quarter, draw, level_x, quarter_of
from careline.faces.boards.rules import (
    BAD,
    FINE,
    GROUPS,
    INTERVALS,
    MARKS,
    USUAL_S,
    WARN,
    agent_group,
    last_four,
    queue_state,
)
from careline.faces.shared import shared, timezone_of
from careline.oversight.insight.figures import Period, figures, grouped
from careline.oversight.insight.metrics import Rules, formula
from careline.switchboard.queries import AgentNow, QueueNow, agents_now, queue_loads

HEADLINES = ("service_level", "volume_offered", "volume_answered", "volume_abandoned", "abandonment", "recovered")
QUARTERLY = ("volume_offered", "volume_answered", "volume_abandoned")
NOBODY = UUID(int=0)
SHARE_GOAL = 80  # per cent of all contacts; a queue has its own
BEHIND_S = 10.0  # a ledger read later than this is said as a warning


def place_of(reader: Reader) -> Reader:
    """The reader's place without the person: what everyone posted there sees alike, cached for all of them."""
    return dataclasses.replace(reader, user_id=NOBODY, posting_id=NOBODY)


def key_of(reader: Reader, name: str) -> tuple[Any, ...]:
    return ("boards", name, reader.organisation_id, reader.site_id, reader.role, get_language())


def today_of(reader: Reader) -> Period:
    """Since local midnight."""
    return Period.days(timezone.localdate(), 1, timezone_of(reader))


# --- how old the figures are ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Age:
    """The ledger is counted up to `read_to`; `behind_s` is how long ago that was."""

    read_to: datetime
    behind_s: int
    late: bool
    now: datetime


def age() -> Age:
    now = timezone.now()
    read = journal(now)
    return Age(now - timedelta(seconds=read.lag_s), round(read.lag_s), read.lag_s > BEHIND_S, now)


# --- the headlines -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Headlines:
    """`level` and `abandonment` are per cent or None. `below`: points below the goal, None when it is met."""

    level: int | None
    below: int | None
    goal: int
    formula: str
    offered: int
    answered: int
    abandoned: int
    abandonment: float | None
    recovered: int
    waiting: int
    callbacks: int
    oldest: datetime | None
    oldest_in: str
    limit_s: int
    wait_state: str


def headlines(rows: list[QueueRow], counted: dict[str, Any]) -> Headlines:
    level = per_cent(counted["service_level"])
    waits = [(row.now.oldest, number) for number, row in enumerate(rows) if row.now.oldest]
    first = rows[min(waits)[1]] if waits else None
    return Headlines(
        level=level,
        below=SHARE_GOAL - level if level is not None and level < SHARE_GOAL else None,
        goal=SHARE_GOAL,
        formula=formula("service_level", Rules()),
        offered=counted["volume_offered"],
        answered=counted["volume_answered"],
        abandoned=counted["volume_abandoned"],
        abandonment=None if counted["abandonment"] is None else round(100 * counted["abandonment"], 1),
        recovered=round((counted["recovered"] or 0) * counted["volume_abandoned"]),
        waiting=sum(row.now.waiting for row in rows),
        callbacks=sum(row.now.callbacks for row in rows),
        oldest=first.now.oldest if first else None,
        oldest_in=first.queue.name if first else "",
        limit_s=first.queue.answer_target_s if first else 0,
        wait_state=first.wait_state if first else FINE,
    )


def per_cent(share: float | None) -> int | None:
    """Rounded down: 79.9 is not 80."""
    return None if share is None else int(100 * share + 1e-9)


# --- the queues --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue: who waits now, and its own service level today (answered within its own target)."""

    queue: Queue
    now: QueueNow
    level: int | None
    offered: int
    staffed: int
    ready: int
    state: str
    wait_state: str
    bar_x: float
    goal_x: float

    @property
    def mark(self) -> str:
        return {BAD: "m-urgent", WARN: "m-late"}.get(self.state, "m-ready")


def queue_rows(place: Reader, period: Period, agents: list[AgentNow]) -> list[QueueRow]:
    """Those in trouble are marked, not moved: a row keeps its place on the screen."""
    mine = list(queues(place))
    loads, levels, now = queue_loads(place), _levels(place, period, mine), timezone.now()
    return [_queue_row(queue, loads[queue.pk], levels.get(queue.pk, (None, 0)), agents, now) for queue in mine]


def _queue_row(
    queue: Queue, load: QueueNow, counted: tuple[float | None, int], agents: list[AgentNow], now: datetime
) -> QueueRow:
    level, offered = counted
    longest_s = max(0.0, (now - load.oldest).total_seconds()) if load.oldest else None  # the switchboard may be ahead
    here = [agent for agent in agents if str(queue.pk) in agent.queues]
    return QueueRow(
        queue=queue,
        now=load,
        level=per_cent(level),
        offered=offered,
        staffed=len(here),
        ready=sum(agent.ready for agent in here),
        state=queue_state(level, queue.target_share, longest_s, queue.answer_target_s),
        wait_state=queue_state(None, queue.target_share, longest_s, queue.answer_target_s),
        bar_x=level_x(level or 0.0),
        goal_x=level_x(queue.target_share / 100),
    )


def _levels(place: Reader, period: Period, mine: list[Queue]) -> dict[UUID, tuple[float | None, int]]:
    """{queue: (service level, offered)}: one question for each target time there is, not for each queue."""
    by_target: dict[int, set[UUID]] = defaultdict(set)
    for queue in mine:
        by_target[queue.answer_target_s].add(queue.pk)
    levels: dict[UUID, tuple[float | None, int]] = {}
    for answer_s, its in by_target.items():
        for row in grouped(place, period, ("service_level", "volume_offered"), "queue_id", rules_for(answer_s)):
            if row["queue_id"] in its:
                levels[row["queue_id"]] = (row["service_level"], row["volume_offered"])
    return levels


def rules_for(answer_s: int) -> Rules:
    """The definitions with a queue's own target; an abandon is short only when it is shorter than that."""
    target = max(1.0, float(answer_s))
    return Rules(answer_s=target, short_s=min(Rules().short_s, target / 2))


# --- the day in quarter-hours --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    drawing: Drawing
    offered: int
    answered: int
    abandoned: int
    a_week_ago: int | None  # offered by this time of that day


def day_so_far(place: Reader) -> Day:
    """Today's quarter-hours, and those of the same weekday last week, which change no more."""
    now = timezone.localtime()
    today = _quarters(place, now.date())
    week_ago = now.date() - timedelta(days=7)
    key = (*key_of(place, "week"), week_ago)
    before = shared(key, lambda: _quarters(place, week_ago), for_s=600.0)
    if not before:  # the demo tells of that day some time after it has started
        before = shared(key, lambda: _quarters(place, week_ago), for_s=20.0)
    running = quarter_of(now.hour, now.minute)
    return Day(
        drawing=draw(today, before, running),
        offered=sum(quarter.offered for quarter in today.values()),
        answered=sum(quarter.answered for quarter in today.values()),
        abandoned=sum(quarter.abandoned for quarter in today.values()),
        a_week_ago=sum(q.offered for n, q in before.items() if n < running) if before else None,
    )


def _quarters(place: Reader, day: date) -> dict[int, Quarter]:
    found: dict[int, Quarter] = {}
    for row in grouped(place, Period.days(day, 1, timezone_of(place)), QUARTERLY, "quarter"):
        number = quarter_of(row["quarter"].hour, row["quarter"].minute)
        if row["volume_offered"]:
            found[number] = Quarter(row["volume_offered"], row["volume_answered"], row["volume_abandoned"])
    return found


# --- the people ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentRow:
    id: UUID
    name: str
    since: datetime | None
    late: bool
    reason: str
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Agents in one state, the longest first."""

    name: str
    label: str
    mark: str
    agents: list[AgentRow] = field(default_factory=list)


def group_label(name: str) -> str:
    return {
        "talk": _("Talking"),
        "hold": _("On hold"),
        "ring": _("Ringing"),
        "wrap": _("Writing up"),
        "ready": _("Ready"),
        "away": _("Break"),
        "train": _("Training"),
    }[name]


def agent_groups(agents: list[AgentNow]) -> list[Group]:
    """All of GROUPS, the empty ones too. How long somebody is in a state is read from the ledger's intervals."""
    now, groups = timezone.now(), {name: Group(name, group_label(name), MARKS[name]) for name in GROUPS}
    intervals = AgentInterval.objects.filter(agent_id__in=[agent.user.pk for agent in agents], ended_at=None)
    begun = {row.agent_id: (row.state, row.started_at) for row in intervals}
    for agent in agents:
        name = agent_group(agent.presence, agent.reason, agent.phases)
        state, started_at = begun.get(agent.user.pk, ("", None))
        since = started_at if state == INTERVALS.get(name, "paused") else agent.since if not agent.phases else None
        late = since is not None and (now - since).total_seconds() > USUAL_S.get(name, 86_400)
        groups[name].agents.append(
            AgentRow(agent.user.pk, short_name(agent.user), since, late, agent.reason, agent.user.simulated)
        )
    for group in groups.values():
        group.agents.sort(key=lambda row: (row.since is None, row.since or now, row.name))
    return list(groups.values())


def short_name(user: Any) -> str:
    if get_language() == "zh-hans":
        return f"{user.last_name}{user.first_name}" or user.get_username()
    return user.last_name or user.first_name or user.get_username()


# --- those who gave up -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecoveryRow:
    id: UUID
    digits: str
    queue: str
    waited_s: float
    times: int
    attempts: int
    gave_up_at: datetime | None
    tried_at: datetime | None
    simulated: bool
    key: UUID  # of the next note: the same button pressed twice is one attempt


def recovery_rows(place: Reader, limit: int = 200) -> list[RecoveryRow]:
    """The longest forgotten first, by their last four digits."""
    return [_recovery_row(each) for each in recovery_list(place, limit)] if place.may("contacts.view") else []


def _recovery_row(row: ToRecover) -> RecoveryRow:
    summary = row.last.summary
    return RecoveryRow(
        id=row.last.id,
        digits=last_four(row.last.caller.number if row.last.caller else ""),
        queue=summary.queue.name if summary.queue else "",
        waited_s=row.waited_s,
        times=row.times,
        attempts=row.attempts,
        gave_up_at=summary.ended_at,
        tried_at=row.tried_at,
        simulated=summary.simulated,
        key=uuid7(),
    )


# --- what asks for somebody ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alert:
    """`who`: whoever has taken it, "" when nobody has yet or nobody needs to."""

    state: str
    title: str
    text: str
    who: str = ""
    since: datetime | None = None

    @property
    def mark(self) -> str:
        return "m-urgent" if self.state == BAD else "m-late"


def alerts(place: Reader, rows: list[QueueRow], its_lines: list[PhoneLine], notices: list[Notice]) -> list[Alert]:
    """What is wrong now, the gravest first."""
    found = [*_dangers(place), *_unwell(place), *(alert for row in rows for alert in _of_queue(row))]
    found += [Alert(WARN, _("Line closed: %(line)s") % {"line": line.name}, "") for line in its_lines if line.closed]
    found += [
        Alert(WARN, _("Emergency announcement"), str(notice), since=notice.valid_from)
        for notice in notices
        if notice.kind == Notice.Kind.EMERGENCY
    ]
    return sorted(found, key=lambda alert: alert.state != BAD)


def _dangers(place: Reader) -> list[Alert]:
    return [
        Alert(
            BAD,
            _("Danger to life"),
            row.contact.line.name if row.contact.line else "",
            short_name(row.agent) if row.agent else "",
            row.answered_at,
        )
        for row in dangers_open(place)
    ]


def _unwell(place: Reader) -> list[Alert]:
    return [
        Alert(
            BAD,
            _("Someone is unwell: %(place)s") % {"place": alert.place or alert.site or _("in the hall")},
            _("A doctor has been called.") if alert.seen_by else _("Nobody has answered yet."),
            short_name(alert.seen_by) if alert.seen_by else "",
            alert.raised_at,
        )
        for alert in alerts_open(place)
    ]


def _of_queue(row: QueueRow) -> list[Alert]:
    named = {"queue": row.queue.name}
    waits = ngettext("%(count)s waits.", "%(count)s wait.", row.now.waiting) % {"count": row.now.waiting}
    found = []
    if row.now.waiting and not row.staffed:
        found.append(Alert(BAD, _("%(queue)s: nobody is signed in") % named, waits, since=row.now.oldest))
    elif row.wait_state == BAD:
        here = ngettext("%(count)s operator, %(ready)s ready.", "%(count)s operators, %(ready)s ready.", row.staffed)
        text = f"{waits} {here % {'count': row.staffed, 'ready': row.ready}}"
        found.append(Alert(BAD, _("%(queue)s: a long wait") % named, text, since=row.now.oldest))
    if row.queue.closed:
        found.append(Alert(WARN, _("Queue closed: %(queue)s") % named, _("New contacts are turned away.")))
    return found


# --- all of it -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that hangs on the wall, read at one moment."""

    age: Age
    headlines: Headlines
    queues: list[QueueRow]
    day: Day
    alerts: list[Alert]
    groups: list[Group]
    staffed: int
    recovery: list[RecoveryRow]
    to_recover: int


def board(place: Reader) -> Board:
    """About twenty queries, whatever the number of queues, people and contacts; a second's readers share them."""
    period, agents = today_of(place), agents_now(place)
    rows = queue_rows(place, period, agents)
    recovery = recovery_rows(place)
    notices = notices_now(place.organisation_id, timezone.now(), site_id=place.site_id)
    return Board(
        age=age(),
        headlines=headlines(rows, figures(place, period, HEADLINES)),
        queues=rows,
        day=shared(key_of(place, "day"), lambda: day_so_far(place), for_s=10.0),
        alerts=alerts(place, rows, list(lines(place)), notices),
        groups=agent_groups(agents),
        staffed=len(agents),
        recovery=recovery,
        to_recover=len(recovery),
    )


def board_of(reader: Reader) -> Board:
    """The board of the reader's place, at most a second old."""
    place = place_of(reader)
    return shared(key_of(place, "board"), lambda: board(place))
