"""Opening hours: a weekly plan in local time, holidays, exceptions. See `plan.py`."""

from careline.core.hours.plan import (
    BadHours,
    Interval,
    Plan,
    Reason,
    Span,
    State,
    intervals,
    moment,
    open_at,
    parse_day,
    parse_week,
    read_day,
    state_at,
    write_day,
    write_week,
)

__all__ = [
    "BadHours",
    "Interval",
    "Plan",
    "Reason",
    "Span",
    "State",
    "intervals",
    "moment",
    "open_at",
    "parse_day",
    "parse_week",
    "read_day",
    "state_at",
    "write_day",
    "write_week",
]
