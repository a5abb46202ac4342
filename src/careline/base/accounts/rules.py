"""Pure decisions about postings and sessions: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from careline.base.accounts.models import Role

# Every right there is. A name missing here is a typing error and raises; it never quietly means "no".
RIGHTS: frozenset[str] = frozenset(
    {
        "calls.take",  # be offered contacts, and take those handed over
        "contacts.view",
        "contacts.record",  # topic, outcome, caller and patients of a contact
        "contacts.export",
        "patients.search",  # find and open records; each look is audited
        "patients.change",
        "patients.erase",  # a patient asked to be forgotten
        "patients.import",
        "queues.view",  # queues, waits and colleagues' states, live
        "supervise",  # close lines, force states, reorder, announce
        "walk_in.log",  # two taps in the hall, and the third: unwell
        "unwell.answer",
        "notices.change",
        "directory.change",
        "staff.change",
        "audit.view",
    }
)

_TALKS = {"calls.take", "contacts.view", "contacts.record", "patients.search", "patients.change", "queues.view"}

# The one table of who may do what. docs/reference/rights.md is checked against it.
ROLE_RIGHTS: Mapping[Role, frozenset[str]] = {
    Role.OPERATOR: frozenset(_TALKS | {"walk_in.log"}),
    Role.REGISTRAR: frozenset(_TALKS | {"walk_in.log"}),
    Role.PATIENT_ADMINISTRATOR: frozenset(
        {"contacts.view", "contacts.record", "patients.search", "patients.change", "walk_in.log"}
    ),
    Role.DOCTOR: frozenset(
        {"calls.take", "contacts.view", "contacts.record", "patients.search", "walk_in.log", "unwell.answer"}
    ),
    Role.UNIT_HEAD: frozenset(
        {
            "contacts.view",
            "contacts.export",
            "patients.search",
            "patients.erase",
            "queues.view",
            "walk_in.log",
            "unwell.answer",
            "notices.change",
        }
    ),
    Role.SUPERVISOR: frozenset(
        _TALKS | {"contacts.export", "patients.erase", "supervise", "walk_in.log", "notices.change"}
    ),
    Role.CONTENT_EDITOR: frozenset({"notices.change"}),
    Role.AUDITOR: frozenset({"audit.view", "contacts.view", "contacts.export", "queues.view"}),
    # Whoever keeps the system needs no patient's record: administration and care are apart.
    Role.ADMINISTRATOR: frozenset({"directory.change", "notices.change", "patients.import", "staff.change"}),
}


def role_may(role: Role, right: str) -> bool:
    """True when the role has the right. Raises ValueError for a right that does not exist."""
    if right not in RIGHTS:
        raise ValueError(f"no such right: {right}")
    return right in ROLE_RIGHTS[role]


def local_day(now: datetime, timezone: str) -> date:
    """The calendar day at the organisation: a posting ends at its own midnight, not at Greenwich's."""
    return now.astimezone(ZoneInfo(timezone)).date()


def posting_holds(valid_from: date, valid_to: date | None, day: date) -> bool:
    """True from the first to the last day, both included."""
    return valid_from <= day and (valid_to is None or day <= valid_to)


def idle(seen_at: datetime, now: datetime, limit: timedelta) -> bool:
    """True when nobody has touched the session for longer than `limit`."""
    return now - seen_at > limit
