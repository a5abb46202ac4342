"""What this room refuses, in words for people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from careline.base.errors import CareError


class OutcomeUnknown(CareError):
    code = "outcome_unknown"
    message = _("Choose one of the outcomes offered.")
    status = 400


class TopicUnknown(CareError):
    code = "topic_unknown"
    message = _("This topic is not used here.")
    status = 400


class RatingUnknown(CareError):
    code = "rating_unknown"
    message = _("Please give one to five.")
    status = 400


class PlaceUnknown(CareError):
    code = "place_unknown"
    message = _("You do not work at this site today.")
    status = 403


class KeyReused(CareError):
    """The same key came with another contact: two intents must not share one."""

    code = "key_reused"
    message = _("This was sent before for another contact. Please try again.")


class TooLateToUndo(CareError):
    code = "too_late_to_undo"
    message = _("This can no longer be undone. Ask your supervisor.")


class TextTooLong(CareError):
    code = "text_too_long"
    message = _("The message is too long.")
    status = 400


class PatientInContact(CareError):
    """Words are still being written about this patient: what is erased now would be there again in a minute."""

    code = "patient_in_contact"
    message = _("A contact of this patient is still going on. Erase the record when it has ended.")


class ReasonNamesPatient(CareError):
    code = "reason_names_patient"
    message = _("Leave names and numbers out of the reason: the audit trail is kept.")
    status = 400


class NothingSaid(CareError):
    code = "nothing_said"
    message = _("The message is empty.")
    status = 400
