"""What the switchboard refuses, in words for people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from careline.base.errors import CareError


class Unavailable(CareError):
    """Not written, not done: the database has been away too long, or another switchboard has taken over. Try again."""

    code = "unavailable"
    message = _("The switchboard cannot do this right now. Please try again in a moment.")
    status = 503
