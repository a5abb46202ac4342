"""The one table that owns a contact's life, and the smaller one of an agent's presence.

`moves[phase][trigger]` lists the phases that may follow; a trigger that is not listed is illegal there and changes
nothing. A trigger is the class name of an event, or one of the router's own happenings (`Inner`). The diagram in
docs/explanation/routing.md is drawn from this table by `diagram()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from careline.core.acd.model import Phase, Presence


class Inner(StrEnum):
    """What happens to a contact without an event of its own."""

    OFFER_MADE = "OfferMade"
    OFFER_EXPIRED = "OfferExpired"
    OFFER_TAKEN_BACK = "OfferTakenBack"  # the agent paused, or an emergency needed them
    AGENT_GONE = "AgentGone"
    DIAL_EXPIRED = "DialExpired"
    LOST_TOO_LONG = "LostTooLong"
    WRAP_UP_EXPIRED = "WrapUpExpired"


_Q, _O, _T, _H = Phase.QUEUED, Phase.OFFERED, Phase.TALKING, Phase.HELD
_C, _D, _W, _E = Phase.CALLBACK, Phase.DIALLING, Phase.WRAP_UP, Phase.ENDED

# Where nothing is known of the contact yet: it is taken in, or refused (closed, full).
BIRTH: Mapping[str, tuple[Phase, ...]] = {"ContactQueued": (_Q, _E)}

_TALK: Mapping[str, tuple[Phase, ...]] = {
    "CallerHungUp": (_W, _E),
    "TalkEnded": (_W, _E),
    "TalkTransferred": (_Q,),
    "WrapUpDone": (),  # an agent it was transferred from: the contact itself does not move
    "AgentGone": (_Q,),
    "LostTooLong": (_W, _E),
}

MOVES: Mapping[Phase, Mapping[str, tuple[Phase, ...]]] = {
    _Q: {
        "OfferMade": (_O,),
        "CallerHungUp": (_E,),
        "CallerLost": (_Q,),
        "CallerBack": (_Q,),
        "CallbackAsked": (_C,),
        "ContactReordered": (_Q,),
        "ContactCancelled": (_E,),
        "LostTooLong": (_E,),
        "WrapUpDone": (),
    },
    _O: {
        "OfferAccepted": (_T, _D),
        "OfferDeclined": (_Q, _C),
        "OfferExpired": (_Q, _C),
        "OfferTakenBack": (_Q, _C),
        "AgentGone": (_Q, _C),
        "CallerHungUp": (_E,),
        "CallerLost": (_Q, _C),
        "CallerBack": (_O,),
        "CallbackAsked": (_C,),
        "ContactReordered": (_O,),
        "ContactCancelled": (_E,),
        "WrapUpDone": (),
    },
    _C: {
        "OfferMade": (_O,),
        "CallerHungUp": (_E,),
        "CallerLost": (_C,),
        "CallerBack": (_C,),
        "CallbackAsked": (_C,),
        "ContactReordered": (_C,),
        "ContactCancelled": (_E,),
        "LostTooLong": (_E,),
        "WrapUpDone": (),
    },
    _D: {
        "PatientAnswered": (_T,),
        "PatientUnreached": (_C, _E),
        "DialExpired": (_C,),
        "AgentGone": (_C,),
        "CallerHungUp": (_E,),
        "CallerLost": (_D,),
        "CallerBack": (_D,),
        "ContactCancelled": (_E,),
        "WrapUpDone": (),
    },
    _T: {**_TALK, "TalkHeld": (_H,), "CallerLost": (_T,), "CallerBack": (_T,)},
    _H: {**_TALK, "TalkResumed": (_T,), "CallerLost": (_H,), "CallerBack": (_H,)},
    _W: {
        "WrapUpDone": (_E,),
        "WrapUpExpired": (_E,),
        "AgentGone": (_E,),
        "CallerHungUp": (_W,),  # both sides often hang up together; the second report is no news
        "CallerLost": (_W,),
        "CallerBack": (_W,),
    },
    _E: {},
}

PRESENCE: Mapping[Presence, Mapping[str, Presence]] = {
    Presence.OFFLINE: {"AgentSignedIn": Presence.PAUSED},
    Presence.PAUSED: {
        "AgentSignedIn": Presence.PAUSED,
        "AgentReady": Presence.READY,
        "AgentPaused": Presence.PAUSED,
        "AgentSignedOut": Presence.OFFLINE,
    },
    Presence.READY: {
        "AgentSignedIn": Presence.READY,
        "AgentReady": Presence.READY,
        "AgentPaused": Presence.PAUSED,
        "AgentSignedOut": Presence.OFFLINE,
        "OfferExpired": Presence.PAUSED,
    },
}


def allowed(phase: Phase, trigger: str) -> bool:
    """Whether `trigger` may happen to a contact in `phase`."""
    return trigger in MOVES[phase]


def may_move(phase: Phase, trigger: str, to: Phase) -> bool:
    """Whether `trigger` may take a contact from `phase` to `to`."""
    return to in MOVES[phase].get(trigger, ())


def diagram() -> str:
    """The contact's life as a Mermaid state diagram, one arrow for each pair of phases, in the table's order."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for trigger, nexts in BIRTH.items():
        for to in nexts:
            arrows.setdefault(("[*]", to.value), []).append(trigger)
    for phase, triggers in MOVES.items():
        for trigger, nexts in triggers.items():
            for to in nexts:
                if to is not phase:
                    arrows.setdefault((phase.value, to.value), []).append(trigger)
    lines = ["stateDiagram-v2"]
    lines += [f"    {a} --> {b}: {', '.join(names)}" for (a, b), names in arrows.items()]
    return "\n".join([*lines, f"    {Phase.ENDED.value} --> [*]"])
