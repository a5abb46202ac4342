"""A contact's ledger rows as sentences, with the people named in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from careline.base.accounts.models import User
from careline.base.organisations.words import worded_lazy
from careline.care.contacts.queries import CAUSES, Happened

# What a supervisor wants to read. Rows that only repeat another (an accepted offer is a talk) have no sentence.
SENTENCES = {
    "ContactStarted": _("Began"),
    "ContactQueued": _("Entered the queue"),
    "ContactReordered": _("Place changed by a supervisor"),
    "ContactCancelled": _("Cancelled by a supervisor"),
    "CallbackAsked": _("Asked to be called back"),
    "CallerHungUp": _("Caller hung up"),
    "CallerLost": _("Connection of the caller lost"),
    "CallerBack": _("Caller is back"),
    "OfferContact": _("Rang"),
    "OfferDeclined": _("Declined"),
    "DialPatient": _("Called back"),
    "PatientUnreached": _("Nobody picked up"),
    "StartTalk": _("Talk began"),
    "HoldTalk": _("On hold"),
    "ResumeTalk": _("Talk resumed"),
    "TalkTransferred": _("Transferred"),
    "StopTalk": _("Talk ended"),
    "EndWrapUp": _("Written up"),
    "EndContact": _("Ended"),
    "RefuseContact": _("Turned away"),
    "OutcomeRecorded": _("Outcome recorded"),
    "OutcomeCorrected": _("Outcome corrected"),
    "EmergencyFlagged": _("Red flag raised"),
    "EmergencyUnflagged": _("Red flag taken back"),
    "WalkInLogged": _("Assist in the hall logged"),
    "UnwellRaised": _("A doctor was called"),
    "UnwellSeen": _("The doctor has seen the call"),
    "UnwellCome": _("The doctor has come"),
    "CallerReached": _("Reached again"),
    "RecoveryTried": _("Called back in vain"),
    "RecoveryUndone": _("Note of the call-back taken back"),
    "RatingGiven": worded_lazy("Rated by the patient"),
}


@dataclass(frozen=True, slots=True)
class Step:
    at: datetime
    text: str
    who: str
    detail: str


def told(story: Iterable[Happened]) -> list[Step]:
    """One query for the names."""
    rows = [row for row in story if row.kind in SENTENCES and not _said_already(row)]
    users = User.objects.in_bulk({who for row in rows if (who := _person(row))})
    return [_step(row, users) for row in rows]


def _said_already(row: Happened) -> bool:
    """A successful attempt is told by the row that follows it."""
    return row.kind == "RecoveryTried" and bool(row.data.get("reached"))


def _step(row: Happened, users: dict[UUID, User]) -> Step:
    who = _person(row)
    user = users.get(who) if who else None
    return Step(row.at, str(SENTENCES[row.kind]), (user.get_full_name() or user.username) if user else "", _detail(row))


def _person(row: Happened) -> UUID | None:
    try:
        return UUID(str(row.data.get("agent") or row.data.get("by")))
    except ValueError:
        return None


def _detail(row: Happened) -> str:
    if row.kind in {"EndContact", "RefuseContact"}:
        return str(CAUSES.get(row.data.get("cause", ""), ""))
    return str(row.data.get("rating", "")) if row.kind == "RatingGiven" else ""
