"""How the desk writes times, dates and numbers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import phonenumbers
from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import pgettext

from careline.care.directory.models import in_language as _in_language

register = template.Library()
register.filter("in_language", _in_language)


@register.filter
def span(seconds: float | timedelta | None) -> str:
    """72.4 -> "1:12", 3672 -> "1:01:12", None -> a dash."""
    if seconds is None:
        return "–"
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def epoch(moment: datetime | None) -> str:
    """Seconds since the epoch, as the island's clocks want them."""
    return f"{moment.timestamp():.3f}" if moment else ""


@register.filter
def clock(moment: datetime | None) -> str:
    return timezone.localtime(moment).strftime("%H:%M") if moment else ""


@register.filter
def day(moment: datetime | date | None) -> str:
    """A day of this year, short."""
    if moment is None:
        return ""
    local = timezone.localtime(moment) if isinstance(moment, datetime) else moment
    return date_format(local, pgettext("short day (Django date format)", "j M"))


@register.filter
def moment(at: datetime | None) -> str:
    """Today: the time. Another day: the day, and the time."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    if local.date() == timezone.localdate():
        return local.strftime("%H:%M")
    return f"{day(at)} {local:%H:%M}"


@register.filter
def birthday(born: date | None) -> str:
    return date_format(born, pgettext("date of birth (Django date format)", "j M Y")) if born else ""


@register.filter
def phone(e164: str) -> str:
    """+380000000000 in groups, as one reads it aloud; what is no number stays as it was written."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


@register.filter
def names(people: Iterable[Any]) -> str:
    return ", ".join(person.name for person in people)
