"""What takes long to load, loaded when a web worker starts: beside the first requests, not inside one of them."""

from __future__ import annotations

from django.db import DatabaseError, connections

from careline.base.organisations.models import Organisation
from careline.core.names import han


def warm() -> None:
    """The holidays of all countries, for the first contact's opening hours; ibis for the first look at a board;
    pinyin's dictionaries for the first search for a Chinese name."""
    import holidays.countries  # noqa: F401

    import careline.oversight.insight.metrics  # noqa: F401

    if speaks_chinese():
        han.syllables("李")


def speaks_chinese() -> bool:
    """Is a Chinese name to be expected here? The dictionaries take 50 MiB, which others need not spend."""
    try:
        return Organisation.objects.filter(languages__contains=["zh-hans"]).exists()
    except DatabaseError:  # away, or not made yet: then the first search loads them
        return False


def warm_apart() -> None:
    """For a thread of its own, whose connection nobody else will close."""
    try:
        warm()
    finally:
        connections.close_all()
