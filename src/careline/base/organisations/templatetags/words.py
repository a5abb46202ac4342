"""The site's word for whom it serves: {% worded "Find a patient" %}."""

from __future__ import annotations

from django import template

from careline.base.organisations.words import worded

register = template.Library()
register.simple_tag(worded)
