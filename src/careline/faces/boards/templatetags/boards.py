"""How the boards write times, waits and numbers."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import get_language, pgettext

from careline.care.patients.models import Patient
from careline.core import names
from careline.faces.boards.rules import last_four
from careline.faces.wording import clock, epoch, moment, phone, span

register = template.Library()
register.filter("last_four", last_four)
for each in (span, epoch, clock, moment, phone):
    register.filter(each.__name__, each)

ICONS = {
    "voice": "i-globe",
    "video": "i-video",
    "text": "i-chat",
    "phone": "i-phone",
    "walk_in": "i-walk",
    "request": "i-paper",
}


@register.simple_tag
def demonstration() -> bool:
    """Simulated contacts are shown and counted: then the screen says so."""
    return settings.DEMO


@register.filter
def waited(since: datetime | None, now: datetime) -> str:
    """From `since` to `now`, as `span`."""
    return span((now - since).total_seconds() if since else None)


@register.filter
def full_day(at: datetime) -> str:
    return date_format(timezone.localtime(at), pgettext("day on the wall (Django date format)", "l j F"))


@register.filter
def whole(number: int | float | None) -> str:
    """1604 -> "1,604" as the reader's language writes it; None is a dash, never a zero."""
    return "–" if number is None else number_format(number, use_l10n=True, force_grouping=True)


@register.filter
def patient_name(patient: Patient) -> str:
    """In the order the reader's language has."""
    return names.display_name(
        patient.family_name, patient.given_name, patient.middle_name, language=get_language() or "en"
    )


@register.filter
def language_mark(code: str) -> str:
    """Three letters that people know, never a code: "UK" reads as a country."""
    marks = {
        "uk": pgettext("language mark", "UKR"),
        "ru": pgettext("language mark", "RUS"),
        "pl": pgettext("language mark", "POL"),
        "zh-hans": pgettext("language mark", "CHI"),
        "en": pgettext("language mark", "ENG"),
    }
    return marks.get(code, code)


@register.filter
def channel_icon(channel: str) -> str:
    return ICONS.get(channel, "i-phone")


@register.filter
def coordinate(value: float) -> str:
    """A number inside an SVG: a point, whatever the reader's language."""
    return f"{value:g}"
