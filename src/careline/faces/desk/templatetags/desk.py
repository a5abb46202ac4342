"""How the desk writes times, dates and numbers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django import template
from django.utils.formats import date_format
from django.utils.translation import pgettext

from careline.care.directory.models import in_language as _in_language
from careline.faces.wording import clock, day, epoch, moment, phone, span

register = template.Library()
register.filter("in_language", _in_language)
for each in (span, epoch, clock, day, moment, phone):
    register.filter(each.__name__, each)


@register.filter
def birthday(born: date | None) -> str:
    return date_format(born, pgettext("date of birth (Django date format)", "j M Y")) if born else ""


@register.filter
def names(people: Iterable[Any]) -> str:
    return ", ".join(person.name for person in people)
