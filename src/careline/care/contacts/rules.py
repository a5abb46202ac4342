"""Pure decisions about contacts, and the codes they use."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from careline.care.patients import rules as patients

OFFLINE_KEPT = timedelta(days=7)  # how late a walk-in logged without a network may still arrive
UNDO_WITHIN = timedelta(minutes=15)
RECOVER_WITHIN = timedelta(days=7)  # how long a caller who gave up stays on the recovery list
SECOND_CALL = timedelta(days=30)  # how far back earlier contacts are shown beside the call

REGIONS = {"UA": "UA", "RU": "RU", "EU": "PL", "PL": "PL", "CN": "CN"}  # policy pack -> numbers without a country code


class Outcome(TextChoices):
    """How a contact ended for the patient."""

    ANSWERED = "answered", _("Question answered")
    BOOKED = "booked", _("Visit booked")
    HOUSE_CALL = "house_call", _("House call arranged")
    DOCTOR = "doctor", _("Passed to a doctor")
    PASSED_ON = "passed_on", _("Passed to another unit")
    CALLBACK = "callback", _("Call-back promised")
    REQUEST = "request", _("Request raised")
    COMPLAINT = "complaint", _("Complaint taken")
    EMERGENCY = "emergency", _("Emergency help sent for")
    HELPED = "helped", _("Helped on the spot")
    SHOWN = "shown", _("Showed how, did it themselves")
    WALKED = "walked", _("Walked them there")
    NOT_SOLVED = "not_solved", _("Not solved")
    NOTHING_NEEDED = "nothing_needed", _("No answer needed")
    WRONG_NUMBER = "wrong_number", _("Wrong number")
    DISCONNECTED = "disconnected", _("Cut off")
    NOT_REACHED = "not_reached", _("Patient not reached")


# The second tap in the hall, in the order shown.
HALL_OUTCOMES = (Outcome.HELPED, Outcome.SHOWN, Outcome.WALKED, Outcome.PASSED_ON, Outcome.NOT_SOLVED)

# The caller went away without help: somebody calls them back until they are reached.
GAVE_UP = ("abandoned", "lost", "callback_failed")


def e164(number: str, policy: str) -> str:
    """The number in E.164, or as written where it cannot be one: a caller's own word is never thrown away."""
    try:
        return patients.e164(number, REGIONS.get(policy, "PL"), extension=True)
    except patients.BadNumber:
        return number.strip()[:20]


def logged_at(said: datetime | None, now: datetime) -> datetime:
    """When it happened according to a phone that may have been offline, or whose clock may be wrong."""
    if said is None or said > now:
        return now
    return max(said, now - OFFLINE_KEPT)
