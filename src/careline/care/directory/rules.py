"""Decisions of the directory: values in, values out."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _

from careline.care.directory.errors import BadOverflow, BadRelax, bad_week
from careline.care.directory.models import Hours
from careline.core import hours as core
from careline.core.hours import BadHours, Plan


class Why(StrEnum):
    """Why a line answers as it does. Stable codes; `WHY_TEXTS` says them to people."""

    OPEN = "open"
    CLOSED = "closed"  # by a supervisor, the line or its queue
    HOURS = "hours"
    HOLIDAY = "holiday"
    EXCEPTION = "exception"


WHY_TEXTS = {
    Why.OPEN: _("Open"),
    Why.CLOSED: _("Closed for now by the supervisor"),
    Why.HOURS: _("Outside opening hours"),
    Why.HOLIDAY: _("Closed for a public holiday"),
    Why.EXCEPTION: _("Closed today"),
}


@dataclass(frozen=True, slots=True)
class OpenState:
    """`opens_at` is set when closed and the opening is known, `closes_at` when open and not around the clock.

    `reason` is a `Why` code; `note` is what the site wrote about an exceptional day.
    """

    open: bool
    opens_at: datetime | None
    closes_at: datetime | None
    reason: str
    note: str = ""

    @property
    def text(self) -> str:
        return str(WHY_TEXTS[Why(self.reason)])


_WHY = {
    core.Reason.WEEK: Why.HOURS,
    core.Reason.HOLIDAY: Why.HOLIDAY,
    core.Reason.EXCEPTION: Why.EXCEPTION,
}


def open_state(plan: Plan | None, closed: bool, notes: dict[date, str], today: date | None, now: datetime) -> OpenState:
    """What a caller is told at `now`. Without a plan the line never closes by itself; `closed` is the supervisor's."""
    if closed:
        return OpenState(False, None, None, Why.CLOSED)
    if plan is None:
        return OpenState(True, None, None, Why.OPEN)
    state = core.state_at(plan, now)
    if state.open:
        return OpenState(True, None, state.until, Why.OPEN)
    note = notes.get(today, "") if today and state.reason is core.Reason.EXCEPTION else ""
    return OpenState(False, state.until, None, _WHY[state.reason], note)


@functools.cache
def holidays_known(country: str) -> bool:
    """Whether the public holidays of this ISO country are known."""
    import holidays as public_holidays  # heavy: only where a plan names a country

    return bool(country) and country in public_holidays.list_supported_countries(include_aliases=False)


@functools.lru_cache(maxsize=256)
def holidays_of(country: str, years: tuple[int, ...]) -> frozenset[date]:
    """Public holidays on which a country does not work, for whole years. Unknown or empty country: none."""
    if not holidays_known(country):
        return frozenset()
    import holidays as public_holidays

    return frozenset(public_holidays.country_holidays(country, years=years))


def plan_of(hours: Hours, exceptions: Iterable[Any], year: int) -> Plan:
    """The plan of one `Hours` row around `year` (last year to the year after next)."""
    return Plan(
        week=week_of(hours.week),
        timezone=hours.timezone,
        holidays=holidays_of(hours.holidays, tuple(range(year - 1, year + 3))),
        exceptions={each.date: day_of(each.open) for each in exceptions},
    )


def week_of(value: object) -> tuple[core.plan.Day, ...]:
    """A stored week, checked. Raises BadWeek, naming the day and what is wrong with it."""
    try:
        return core.parse_week(value)
    except BadHours as error:
        raise bad_week(error) from error


def day_of(value: object) -> core.plan.Day:
    """One stored day, checked. Raises BadWeek."""
    try:
        return core.parse_day(value)
    except BadHours as error:
        raise bad_week(error) from error


def written_day(text: str, index: int | None = None) -> list[list[str]]:
    """The stored form of "08:00-12:00, 13:00-16:00". Raises BadWeek."""
    try:
        return core.write_week([core.read_day(text)])[0]
    except BadHours as error:
        raise bad_week(BadHours(error.code, error.text, index)) from error


# --- rules of queues, as people write them: one a line ----------------------------------------------------


def read_relax(text: str) -> list[dict[str, int]]:
    """ "60 1" on a line: after 60 s of waiting every need falls by 1. Raises BadRelax."""
    rules = []
    for line in _rule_lines(text):
        match = re.fullmatch(r"(\d{1,5})\s+([1-5])", line, re.ASCII)
        if not match:
            raise BadRelax(text=line)
        rules.append({"after_s": int(match[1]), "by": int(match[2])})
    return sorted(rules, key=lambda rule: rule["after_s"])


def write_relax(rules: Iterable[Mapping[str, Any]]) -> str:
    """The form `read_relax` reads."""
    return "\n".join(f"{rule['after_s']} {rule['by']}" for rule in rules)


def read_overflow(text: str) -> list[dict[str, Any]]:
    """ "doctors 90 2.0" on a line: queue, seconds waited, waiting callers for each operator that is ready.

    "-" in the second place, or nothing in the third, leaves that condition out. Raises BadOverflow.
    """
    rules = []
    for line in _rule_lines(text):
        match = re.fullmatch(r"([-\w]{1,50})\s+(\d{1,5}|-)(?:\s+(\d{1,3}(?:[.,]\d{1,2})?))?", line, re.ASCII)
        if not match or (match[2] == "-" and not match[3]):
            raise BadOverflow(text=line)
        rule: dict[str, Any] = {"to": match[1]}
        if match[2] != "-":
            rule["after_s"] = int(match[2])
        if match[3]:
            rule["ratio"] = float(match[3].replace(",", "."))
        rules.append(rule)
    return rules


def write_overflow(rules: Iterable[Mapping[str, Any]]) -> str:
    """The form `read_overflow` reads."""
    lines = (f"{rule['to']} {rule.get('after_s', '-')} {rule.get('ratio', '')}" for rule in rules)
    return "\n".join(line.strip() for line in lines)


def _rule_lines(text: str) -> list[str]:
    return [line.strip()[:60] for line in text.splitlines() if line.strip()]
