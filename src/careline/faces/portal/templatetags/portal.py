"""How the patient's page writes days."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils.formats import date_format
from django.utils.translation import get_language

register = template.Library()


@register.filter(expects_localtime=True)
def weekday(at: datetime) -> str:
    """The day of the week inside a sentence: only English writes it with a capital."""
    name = date_format(at, "l")
    return name if (get_language() or "en").startswith("en") else name.lower()
