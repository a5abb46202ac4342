"""What cannot be counted, said plainly."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from careline.base.errors import CareError


class PeriodBackwards(CareError):
    code = "period_backwards"
    message = _("The period ends before it begins.")
    status = 400


class UnknownMetric(CareError):
    code = "unknown_metric"
    message = _("There is no figure named %(name)s.")
    status = 400


class UnknownGrouping(CareError):
    code = "unknown_grouping"
    message = _("Figures cannot be grouped by %(name)s.")
    status = 400
