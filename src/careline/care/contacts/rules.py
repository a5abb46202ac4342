"""Pure decisions about contacts, and the codes they use."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from careline.base.organisations.words import worded_lazy
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
    NOT_REACHED = "not_reached", worded_lazy("Patient not reached")


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


@dataclass(frozen=True, slots=True)
class Written:
    """What tells of people in one contact, as far as it matters to the patient who is to be erased."""

    patients: Set[UUID]  # whom it concerned
    caller: UUID | None  # the caller's record, where the caller was known by one
    relation: str  # the caller's, to the patients
    number_theirs: bool  # called from a number that was the patient's then
    number_shared: bool  # and another record has that number too
    named: bool  # the caller gave the patient's family and given name, and no other person of these is called so


@dataclass(frozen=True, slots=True)
class Goes:
    """What is erased of one contact. `caller`: number, name, relation; `words`: note, texts, draft, reasons."""

    caller: bool = False
    number: bool = False
    words: bool = False

    def __bool__(self) -> bool:
        return self.caller or self.number or self.words


def goes_with(patient: UUID, contact: Written) -> Goes:
    """What of a contact is erased with the patient. Others concerned by it lose nothing.

    The *caller* goes where the caller was the patient, and where nobody else was concerned (a daughter who called
    about them alone, without a record of her own). The caller was the patient if their record says so; or if the call
    came from a number that no other record has; or if they gave the patient's full name, in a contact about the patient
    or from a telephone the family shares; or if they called for themselves and the contact is about nobody else. A name
    alone proves nothing: others bear it.
    The *words* go where no other patient is concerned: they stay part of another's story, for a person to read.
    The *number* goes wherever it is the patient's alone, whoever used their telephone.
    """
    others = contact.patients - {patient}
    concerned = patient in contact.patients
    another_called = contact.caller not in (None, patient)
    own_number = contact.number_theirs and not contact.number_shared
    called = contact.caller == patient or (
        not another_called
        and (
            own_number
            or (contact.named and (concerned or contact.number_theirs))
            or (concerned and not others and contact.relation == "self")
        )
    )
    caller = called or (concerned and not others and not another_called)
    return Goes(caller=caller, number=caller or own_number, words=not others and (concerned or called))
