"""Expected refusals. Each has a stable code, and a sentence its reader understands, in their language."""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

DISK_FULL = "53100"  # PostgreSQL's code


class CareError(Exception):
    """A refusal that a person reads. `code` is stable and English, `message` is translated when it is shown."""

    code = "refused"
    message: str | Promise = _("This cannot be done.")
    status = 409

    def __init__(self, **values: Any) -> None:
        super().__init__(self.code)
        self.values = values

    def __str__(self) -> str:
        return str(self.message) % self.values if self.values else str(self.message)


class TooMany(CareError):
    """Too much in too short a time. `retry_after_s`: when it is worth trying again, in whole seconds."""

    code = "too_many"
    message = _("That was too much in too short a time. Wait a minute and try again.")
    status = 429


class NotAllowed(CareError):
    code = "not_allowed"
    message = _("Your role does not allow this.")
    status = 403


class ReasonNeeded(CareError):
    code = "reason_missing"
    message = _("Say why: others will read it.")
    status = 400


class NotFound(CareError):
    code = "not_found"
    message = _("There is no such record, or you may not see it.")
    status = 404


class DatabaseAway(CareError):
    """Not done, or not known to have been: the same request may be sent again."""

    code = "database_away"
    message = _("The database does not answer. Nothing you saved is lost. Please try once more in a few seconds.")
    status = 503


class NoRoom(CareError):
    code = "disk_full"
    message = _(
        "The server's disk is full: nothing can be saved for the moment. Nothing you saved is lost. "
        "Tell your administrator."
    )
    status = 503


def outage(error: BaseException) -> CareError:
    """What a failure of the database is for people."""
    return NoRoom() if getattr(error.__cause__ or error, "sqlstate", None) == DISK_FULL else DatabaseAway()
