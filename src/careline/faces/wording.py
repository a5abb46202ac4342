"""How the screens of staff write times, waits and numbers. The template tags of each face offer these."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

import phonenumbers
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, pgettext


def span(seconds: float | timedelta | None) -> str:
    """72.4 -> "1:12", 3672 -> "1:01:12", None -> a dash."""
    if seconds is None:
        return "–"
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def epoch(moment: datetime | None) -> str:
    """Seconds since the epoch, as the clocks of the page want them."""
    return f"{moment.timestamp():.3f}" if moment else ""


def clock(moment: datetime | None, seconds: object = None) -> str:
    return timezone.localtime(moment).strftime("%H:%M:%S" if seconds else "%H:%M") if moment else ""


def day(moment: datetime | date | None) -> str:
    """A day of this year, short."""
    if moment is None:
        return ""
    local = timezone.localtime(moment).date() if isinstance(moment, datetime) else moment
    return _day(local, get_language())


@lru_cache(maxsize=1024)
def _day(day: date, language: str | None) -> str:
    return date_format(day, pgettext("short day (Django date format)", "j M"))


def moment(at: datetime | None) -> str:
    """Today: the time. Another day: the day, and the time."""
    if at is None:
        return ""
    zone = timezone.get_current_timezone()
    local = at.astimezone(zone)
    if local.date() == datetime.now(zone).date():
        return f"{local:%H:%M}"
    return f"{_day(local.date(), get_language())} {local:%H:%M}"


@lru_cache(maxsize=4096)
def phone(e164: str) -> str:
    """+380000000000 in groups, as one reads it aloud; what is no number stays as it was written."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
