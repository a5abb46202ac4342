from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from careline.base.errors import CareError


class NotUnderstood(CareError):
    code = "not_understood"
    message = _("This page is out of date. Reload it; what you logged is kept on this phone.")
    status = 400
