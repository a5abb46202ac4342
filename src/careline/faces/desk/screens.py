"""The screens of the desk beside the phone. Another room adds its own; each shows to those whose rights allow it."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise

from careline.base.accounts.rights import Reader


@dataclass(frozen=True, slots=True)
class Screen:
    """`url_name` answers with a part for the stage. `right`: who sees the entry."""

    name: str
    label: str | Promise
    icon: str
    url_name: str
    right: str
    apart: bool = False  # a page of its own beside the desk: the desk never navigates


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    label: str
    icon: str
    url: str
    apart: bool


SCREENS: list[Screen] = []


def screens_for(reader: Reader) -> list[Entry]:
    """The entries of the state bar this reader may open, in order."""
    return [
        Entry(screen.name, str(screen.label), screen.icon, reverse(screen.url_name), screen.apart)
        for screen in SCREENS
        if reader.may(screen.right)
    ]
