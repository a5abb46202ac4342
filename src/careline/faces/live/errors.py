"""What the live process refuses, each with a code and a sentence its reader understands."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from careline.base.errors import CareError


class BadRequest(CareError):
    code = "bad_request"
    message = _("The request cannot be read. Reload the page and try again.")
    status = 400


class BadOrigin(CareError):
    code = "bad_origin"
    message = _("The request did not come from this site's own page.")
    status = 403


class TooLarge(CareError):
    code = "too_large"
    message = _("That is too long to be sent at once.")
    status = 413


class TooMany(CareError):
    code = "too_many"
    message = _("Too many requests from your address. Wait a minute and try again, or call by telephone.")
    status = 429


class Starting(CareError):
    """The switchboard is not (or not yet) ours, or its database is away. The same request may be sent again."""

    code = "starting"
    message = _("The switchboard is starting. This takes a few seconds.")
    status = 503


class NoSuchAddress(CareError):
    code = "not_found"
    message = _("There is no such page, or you may not see it.")
    status = 404


class WrongMethod(CareError):
    code = "wrong_method"
    message = _("This address does not take such a request.")
    status = 405


class LineClosed(CareError):
    """`opens_at`: seconds since the epoch, or None when no opening is known."""

    code = "line_closed"
    message = _("The line is closed now.")
    status = 409


class QueueFull(CareError):
    code = "queue_full"
    message = _("So many people are waiting that we cannot take another call now. Please try again later.")
    status = 409


class TopicUnknown(CareError):
    code = "topic_unknown"
    message = _("This topic is not offered on this line. Choose another.")
    status = 400


class NoCall(CareError):
    code = "no_call"
    message = _("This page holds no call. Start a new one.")
    status = 401


class TooLate(CareError):
    """The contact has moved on: answered elsewhere, ended, given to someone else."""

    code = "too_late"
    message = _("Too late: the call is no longer in that state.")
    status = 409
