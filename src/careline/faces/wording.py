"""How the screens of staff write times, waits and numbers. The template tags of each face offer these."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import pgettext

from careline.base import phones


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
    local = timezone.localtime(moment) if isinstance(moment, datetime) else moment
    return date_format(local, pgettext("short day (Django date format)", "j M"))


def moment(at: datetime | None) -> str:
    """Today: the time. Another day: the day, and the time."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    if local.date() == timezone.localdate():
        return local.strftime("%H:%M")
    return f"{day(at)} {local:%H:%M}"


def phone(e164: str) -> str:
    """+380000000000 in groups, as one reads it aloud; what is no number stays as it was written."""
    try:
        return phones.international(phones.read(e164))
    except phones.NumberParseException:
        return e164
