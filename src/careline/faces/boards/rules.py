"""Pure decisions of the boards: when a queue or a state is in trouble, and what of a number may hang on a wall."""

from __future__ import annotations

from collections.abc import Iterable

from careline.core.acd.model import Phase, Presence

FINE, WARN, BAD = "", "warn", "bad"

# A queue is in trouble when its longest wait is this many times its target, or its level this far below its own.
TIMES_TARGET = 3
POINTS_BELOW = 5

# How long one is usually in a state, s. Longer is marked, never blamed: it asks the supervisor to look.
USUAL_S = {"talk": 600, "hold": 120, "ring": 30, "wrap": 180, "away": 900}

GROUPS = ("talk", "hold", "ring", "wrap", "ready", "away", "train")
MARKS = {
    "talk": "m-talk",
    "hold": "m-hold",
    "ring": "m-ring",
    "wrap": "m-wrap",
    "ready": "m-ready",
    "away": "m-break",
    "train": "m-train",
}
# The state of an agent's interval on the ledger, for each group.
INTERVALS = {"talk": "talking", "hold": "hold", "ring": "ringing", "wrap": "wrap_up", "ready": "ready"}


def queue_state(level: float | None, target: int, longest_s: float | None, answer_s: int) -> str:
    """FINE, WARN or BAD. `level` is a share of one (None: nothing to judge yet), `target` per cent."""
    waited, below = longest_s or 0.0, target - 100 * level if level is not None else 0.0
    if waited > TIMES_TARGET * answer_s or below > POINTS_BELOW:
        return BAD
    return WARN if waited > answer_s or below > 0 else FINE


def agent_group(presence: str, reason: str, phases: Iterable[str]) -> str:
    """Which of GROUPS an agent stands in: what is in their hands goes before what they said of themselves."""
    doing = set(phases)
    for phase, group in (
        (Phase.OFFERED, "ring"),
        (Phase.DIALLING, "ring"),
        (Phase.HELD, "hold"),
        (Phase.TALKING, "talk"),
        (Phase.WRAP_UP, "wrap"),
    ):
        if phase in doing:
            return group
    if presence == Presence.READY:
        return "ready"
    return "train" if reason == "training" else "away"


def last_four(number: str) -> str:
    """ "+380671234567" -> "45-67": enough for a colleague to find the row, nothing for whoever passes by."""
    digits = "".join(each for each in number if each.isdigit())
    return f"{digits[-4:-2]}-{digits[-2:]}" if len(digits) >= 6 else ""


def safe_cell(text: str) -> str:
    """A spreadsheet must not take a cell for a formula, whatever a code is called."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
