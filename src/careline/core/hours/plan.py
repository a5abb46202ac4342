"""When a place is open. Plans are in local time, answers are moments (aware datetimes in UTC).

Two local times need a rule, because twice a year the clock is moved:

- a local time that does not exist (the clock jumps over it) means the moment of the jump;
- a local time that happens twice means the first for an opening and the second for a closing, so that nobody
  who reads the sign on the door finds it shut.

Intervals of a day that touch or overlap after this are one. Exceptions win over holidays, holidays over the week.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

MINUTES = 24 * 60
HORIZON = timedelta(days=400)  # a plan without any change within this is taken to have none

# HH:MM with one or two digits of hours; the dash may be any that keyboards and spreadsheets write
_CLOCK = r"(\d{1,2}):(\d{2})"
_RANGE = re.compile(rf"\s*{_CLOCK}\s*[-\u2010-\u2015\u2212~\uff5e]\s*{_CLOCK}\s*")


class BadHours(ValueError):
    """The hours cannot be read. `code` is stable; `day` is 0 (Monday) to 6 or None, `text` is what was written."""

    def __init__(self, code: str, text: str = "", day: int | None = None) -> None:
        super().__init__(code)
        self.code = code  # not_seven_days | not_a_list | not_a_time | ends_before_start | overlap
        self.text = text
        self.day = day


class Reason(StrEnum):
    """Which part of the plan decided."""

    WEEK = "week"
    HOLIDAY = "holiday"
    EXCEPTION = "exception"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Open from `start` until just before `end`, in minutes after local midnight: 0 <= start < end <= 1440."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not (0 <= self.start <= MINUTES and 0 <= self.end <= MINUTES):
            raise BadHours("not_a_time", f"{_clock(self.start)}-{_clock(self.end)}")
        if self.start >= self.end:
            raise BadHours("ends_before_start", f"{_clock(self.start)}-{_clock(self.end)}")


Day = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """`week` is seven days, Monday first. `holidays` are closed days. `exceptions` replace a whole day."""

    week: tuple[Day, ...]
    timezone: str
    holidays: frozenset[date] = frozenset()
    exceptions: Mapping[date, Day] = field(default_factory=dict)

    def day(self, on: date) -> tuple[Day, Reason]:
        """The spans of one local date, and what decided them."""
        if on in self.exceptions:
            return self.exceptions[on], Reason.EXCEPTION
        if on in self.holidays:
            return (), Reason.HOLIDAY
        return self.week[on.weekday()], Reason.WEEK

    @property
    def never_closes(self) -> bool:
        always = (Span(0, MINUTES),)
        return not self.holidays and not self.exceptions and all(day == always for day in self.week)


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Open from `start` until just before `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class State:
    """`until` is the next change: the closing when open, the opening when closed, None when there is none."""

    open: bool
    until: datetime | None
    reason: Reason


# --- asking -----------------------------------------------------------------------------------------------


def open_at(plan: Plan, now: datetime) -> bool:
    """Whether the place is open at `now` (any aware datetime)."""
    return any(span.start <= now < span.end for span in _from(plan, now, now + timedelta(seconds=1)))


def state_at(plan: Plan, now: datetime) -> State:
    """Open or not, until when, and which part of the plan says so."""
    reason = plan.day(now.astimezone(ZoneInfo(plan.timezone)).date())[1]
    if plan.never_closes:
        return State(True, None, reason)
    end = now + HORIZON
    for span in _from(plan, now, end):
        if span.end <= now:
            continue
        if span.start <= now:
            return State(True, span.end if span.end < end else None, reason)
        return State(False, span.start, reason)
    return State(False, None, reason)


def intervals(plan: Plan, start: datetime, end: datetime) -> list[Interval]:
    """What is open between two moments, in order, cut to them. None touch."""
    cut = (Interval(max(span.start, start), min(span.end, end)) for span in _from(plan, start, end))
    return [Interval(each.start.astimezone(UTC), each.end.astimezone(UTC)) for each in cut if each.start < each.end]


def moment(on: date, minutes: int, zone: ZoneInfo, *, closing: bool = False) -> datetime:
    """The moment (UTC) of a local time given as minutes after midnight, by the rule at the head of this module."""
    local = datetime.combine(on, time(), zone) + timedelta(minutes=minutes)  # wall clock arithmetic
    early, late = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if early <= late:  # ordinary, or twice
        return late if closing else early
    return _jump(late, early, zone)  # skipped: fold=1 reads it with the new offset, which lies before the jump


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between the two at which the zone's offset changes, to the second."""
    offset = before.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)


def _from(plan: Plan, start: datetime, end: datetime) -> Iterator[Interval]:
    """Merged intervals that may meet [start, end), lazily, the last one cut where the days read end."""
    zone = ZoneInfo(plan.timezone)
    on = start.astimezone(zone).date() - timedelta(days=1)
    last = end.astimezone(zone).date() + timedelta(days=1)
    current: Interval | None = None
    while on <= last:
        for span in plan.day(on)[0]:
            found = Interval(moment(on, span.start, zone), moment(on, span.end, zone, closing=True))
            if found.start >= found.end:  # the whole span was skipped by the clock
                continue
            if current and found.start <= current.end:
                current = Interval(current.start, max(current.end, found.end))
                continue
            if current:
                yield current
            current = found
        on += timedelta(days=1)
    if current:
        yield current


# --- reading and writing ----------------------------------------------------------------------------------


def parse_week(value: object) -> tuple[Day, ...]:
    """A week from its stored form: seven lists of ["08:00", "16:00"]. Raises BadHours, naming the day."""
    if not isinstance(value, list | tuple) or len(value) != 7:
        raise BadHours("not_seven_days")
    return tuple(_of_day(day, index) for index, day in enumerate(value))


def parse_day(value: object) -> Day:
    """One day from its stored form. Spans are returned in order; raises BadHours."""
    if not isinstance(value, list | tuple):
        raise BadHours("not_a_list", str(value)[:40])
    return _ordered(_span(pair) for pair in value)


def read_day(text: str) -> Day:
    """One day as people write it: "08:00-12:00, 13:00-16:00"; empty is closed. Raises BadHours."""
    parts = [part for part in re.split(r"[,;\uff0c\u3001\uff1b]", text.replace("\uff1a", ":")) if part.strip()]
    return _ordered(_written(part) for part in parts)


def write_day(day: Day) -> str:
    """The form `read_day` reads."""
    return ", ".join(f"{_clock(span.start)}-{_clock(span.end)}" for span in day)


def write_week(week: Sequence[Day]) -> list[list[list[str]]]:
    """The stored form `parse_week` reads."""
    return [[[_clock(span.start), _clock(span.end)] for span in day] for day in week]


def _of_day(value: object, index: int) -> Day:
    try:
        return parse_day(value)
    except BadHours as error:
        raise BadHours(error.code, error.text, index) from None


def _span(pair: object) -> Span:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise BadHours("not_a_time", str(pair)[:40])
    return Span(_minutes(pair[0]), _minutes(pair[1]))


def _written(part: str) -> Span:
    match = _RANGE.fullmatch(part)
    if not match:
        raise BadHours("not_a_time", part.strip()[:40])
    return Span(_minutes(f"{match[1]}:{match[2]}"), _minutes(f"{match[3]}:{match[4]}"))


def _minutes(clock: object) -> int:
    match = re.fullmatch(_CLOCK, clock, re.ASCII) if isinstance(clock, str) else None
    minutes = int(match[1]) * 60 + int(match[2]) if match else -1
    if not match or int(match[2]) > 59 or minutes > MINUTES:
        raise BadHours("not_a_time", str(clock)[:40])
    return minutes


def _ordered(spans: Iterable[Span]) -> Day:
    day = tuple(sorted(spans))
    for first, second in pairwise(day):
        if second.start < first.end:
            raise BadHours("overlap", f"{write_day((first,))}, {write_day((second,))}")
    return day


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
