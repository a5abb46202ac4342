"""Small decisions of the desk: where a role begins, which shape and icon stands for what."""

from __future__ import annotations

from careline.base.accounts.models import Role
from careline.care.contacts.rules import Outcome
from careline.core.acd.model import Phase, Presence

CHANNEL_ICONS = {
    "voice": "i-globe",
    "video": "i-video",
    "text": "i-chat",
    "phone": "i-phone",
    "walk_in": "i-walk",
    "request": "i-paper",
}
THEMES = ("light", "dark", "auto")
DENSITIES = ("compact", "regular", "comfortable")

# Whoever has no phone begins where their work is: the hall, the directory, the shift, the list of contacts.
_HOMES = {
    Role.PATIENT_ADMINISTRATOR: "hall:hall",
    Role.ADMINISTRATOR: "admin:index",
    Role.CONTENT_EDITOR: "admin:index",
    Role.UNIT_HEAD: "boards:supervise",
    Role.AUDITOR: "boards:contacts",
}


def home_of(role: Role) -> str:
    """The name of the page a role begins its day on."""
    return _HOMES.get(role, "desk:shell")


def icon_of(channel: str, callback: bool = False) -> str:
    return "i-callback" if callback else CHANNEL_ICONS.get(channel, "i-phone")


def agent_mark(presence: str, phases: list[str]) -> str:
    """A state is a shape first: ring, square, bars, half disc, disc, hollow disc."""
    for phase, mark in (
        (Phase.OFFERED, "m-ring"),
        (Phase.DIALLING, "m-ring"),
        (Phase.HELD, "m-hold"),
        (Phase.TALKING, "m-talk"),
        (Phase.WRAP_UP, "m-wrap"),
    ):
        if phase in phases:
            return mark
    return {Presence.READY: "m-ready", Presence.PAUSED: "m-break"}.get(Presence(presence), "m-off")


# The outcomes most calls have, as chips; the rest stands in a list, so that the dock never scrolls.
_OFTEN = (
    Outcome.ANSWERED,
    Outcome.BOOKED,
    Outcome.DOCTOR,
    Outcome.PASSED_ON,
    Outcome.CALLBACK,
    Outcome.REQUEST,
    Outcome.HOUSE_CALL,
)


def outcomes_for(channel: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(chips, list) of outcomes as (code, label)."""
    often = (Outcome.HELPED, *_OFTEN[:6]) if channel == "walk_in" else _OFTEN
    chips = [(each.value, str(each.label)) for each in often]
    rest = [(each.value, str(each.label)) for each in Outcome if each not in often]
    return chips, rest
