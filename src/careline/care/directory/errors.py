"""What the directory refuses, said so that a person can mend it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from careline.base.errors import CareError
from careline.core.hours import BadHours

WEEKDAYS = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))


class LineUnknown(CareError):
    code = "line_unknown"
    message = _("There is no such line. Check the address.")
    status = 404


class ReasonMissing(CareError):
    code = "reason_missing"
    message = _("Say why: others will read it.")
    status = 400


class NoticeEmpty(CareError):
    code = "notice_empty"
    message = _("The notice has no text.")
    status = 400


class NoticeOver(CareError):
    code = "notice_over"
    message = _("The notice would end before it begins.")
    status = 400


class BadWeek(CareError):
    """Opening hours that cannot be read. `values`: `day` 0 (Monday) to 6 or None, `text` as it was written."""

    code = "bad_week"
    message = _("the hours cannot be read")
    status = 400

    def __str__(self) -> str:
        problem = str(self.message) % self.values
        day = self.values.get("day")
        if day is None:
            return problem
        return pgettext("weekday: problem", "%(day)s: %(problem)s") % {"day": WEEKDAYS[day], "problem": problem}


class NotSevenDays(BadWeek):
    code = "not_seven_days"
    message = _("a week has seven days, Monday first")


class NotHours(BadWeek):
    code = "not_hours"
    message = _("“%(text)s” is not a time from and to, such as 08:00-16:00")


class EndsBeforeStart(BadWeek):
    code = "ends_before_start"
    message = _("“%(text)s” ends before it starts; write a night as two days, 20:00-24:00 and 00:00-08:00")


class HoursOverlap(BadWeek):
    code = "hours_overlap"
    message = _("these hours overlap: %(text)s")


_KINDS: dict[str, type[BadWeek]] = {
    "not_seven_days": NotSevenDays,
    "not_a_list": NotHours,
    "not_a_time": NotHours,
    "ends_before_start": EndsBeforeStart,
    "overlap": HoursOverlap,
}


def bad_week(error: BadHours) -> BadWeek:
    """The named refusal for what core found."""
    return _KINDS[error.code](text=error.text, day=error.day)


class BadRelax(CareError):
    code = "bad_relax"
    message = _("“%(text)s” is not two numbers: seconds waited, and by how much less")
    status = 400


class BadOverflow(CareError):
    code = "bad_overflow"
    message = _("“%(text)s” is not a queue's code, seconds waited (or -) and a ratio")
    status = 400
