"""Words the island shows: no text lives in a script. Pause reasons are codes on the ledger and words here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from careline.base.organisations.words import worded


@dataclass(frozen=True, slots=True)
class Pause:
    """A reason one may give for not taking contacts. `code` goes to the ledger, `mark` is its shape."""

    code: str
    label: str | Promise
    mark: str = "m-break"


PAUSES = (
    Pause("break", pgettext_lazy("pause", "Break")),
    Pause("lunch", pgettext_lazy("pause", "Lunch")),
    Pause("training", pgettext_lazy("pause", "Training"), "m-train"),
    Pause("meeting", pgettext_lazy("pause", "Meeting")),
    Pause("paperwork", pgettext_lazy("pause", "Paperwork"), "m-wrap"),
)

# Reasons only the system or a supervisor gives.
GIVEN = {
    "signed_in": gettext_lazy("Not ready yet"),
    "no_answer": gettext_lazy("Paused: no answer"),
    "vanished": gettext_lazy("Paused: desk was gone"),
    "declined": gettext_lazy("Paused"),
}

# Three letters that people know, never a code: "UK" reads as a country.
LANGUAGE_MARKS = {
    "uk": pgettext_lazy("language mark", "UKR"),
    "ru": pgettext_lazy("language mark", "RUS"),
    "pl": pgettext_lazy("language mark", "POL"),
    "zh-hans": pgettext_lazy("language mark", "CHI"),
    "en": pgettext_lazy("language mark", "ENG"),
}
LANGUAGE_NAMES = {
    "uk": gettext_lazy("Ukrainian"),
    "ru": gettext_lazy("Russian"),
    "pl": gettext_lazy("Polish"),
    "zh-hans": gettext_lazy("Chinese"),
    "en": gettext_lazy("English"),
}


def island_texts() -> dict[str, Any]:
    """Everything desk.js says, in the reader's language."""
    return {
        "states": {
            "connecting": _("Connecting"),
            "offline": _("Off"),
            "paused": _("Paused"),
            "ready": pgettext("state of the operator", "Ready"),
            "ring": _("Ringing"),
            "dial": worded("Calling the patient"),
            "talk": _("Talking"),
            "hold": _("On hold"),
            "wrap": _("Writing up"),
        },
        "phases": {
            "talk": _("Talk"),
            "hold": _("On hold"),
            "dial": _("Dialling"),
            "wrap": _("Writing up"),
            "over": pgettext("the call is", "Over"),
        },
        "pauses": {pause.code: str(pause.label) for pause in PAUSES}
        | {code: str(word) for code, word in GIVEN.items()},
        "why": {
            "pause": _("New contacts go to others until you are ready again."),
            "signed_in": _("Put on the headset, check the sound, then press Ready."),
            "no_answer": _(
                "A contact rang here and nobody answered; it kept its place. Press Ready when you are back."
            ),
            "vanished": _("This desk was out of reach for a while, so contacts went to others."),
        },
        "channels": {"voice": _("Call"), "video": _("Video"), "text": _("Text"), "request": _("Request")},
        "title": {"ring": _("Ringing")},
        "unwell": _("Someone in the hall feels unwell."),
        "mic": {
            "asking": _("Allow the microphone in the browser, then say a word."),
            "heard": _("The microphone hears you."),
            "silent": _("The microphone is open, but it heard nothing: is it muted on the headset?"),
            "refused": _("The browser may not use the microphone. Allow it beside the address."),
            "missing": _("No microphone was found. Plug in the headset."),
        },
        "away": _(
            "The switchboard did not answer. What you pressed was not carried out: look at the screen and press again."
        ),
        "lost": _("That was not saved: the database does not answer. Try it again in a moment."),
    }


def theme_names() -> list[tuple[str, str]]:
    return [("light", pgettext("theme", "Light")), ("dark", pgettext("theme", "Dark")), ("auto", _("As the system"))]


def density_names() -> list[tuple[str, str]]:
    return [
        ("compact", pgettext("density", "Compact")),
        ("regular", pgettext("density", "Regular")),
        ("comfortable", pgettext("density", "Comfortable")),
    ]
