"""What simulated people do: when they call, why, how long they wait and talk. Pure: random numbers come in, plans go out.

The figures are those of an ordinary clinic line: talks of about a minute and a half, most callers patient for some
minutes, most calls in the morning (docs/reference/metrics.md names the real ones a site should measure).
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

# Calls at each full hour of a Monday (whatever day the visitor comes), as a share of the busiest; between two hours it
# goes in a straight line.
DAY = (
    0.06, 0.05, 0.04, 0.04, 0.05, 0.10, 0.25, 0.60, 1.00, 1.00, 0.90, 0.75,
    0.60, 0.62, 0.60, 0.55, 0.48, 0.40, 0.30, 0.22, 0.18, 0.14, 0.10, 0.08,
)  # fmt: skip
LEAST_NOW = 0.85  # whoever visits the demo at night finds it at work all the same,
LEAST_BEFORE = 0.4  # and that it was

PEAK_PER_S = 1 / 34.0  # calls of one network at its busiest
COLLEAGUES = 4  # of one network
PAST_SHARE = 0.5  # of those calls, as many are told of the hours before the visitor came
CAP = 9  # living simulated calls of one network at most

# How callers are spread over what they want: leaves of the sample topics, by how often clinics hear them.
WEIGHTS: Mapping[str, float] = {
    "booking-family": 26,
    "booking-specialist": 20,
    "booking-examination": 9,
    "booking-change": 10,
    "house-call": 5,
    "medicines-repeat": 8,
    "results": 9,
    "referral": 5,
    "complaint": 1.5,
    "unwell": 2,
    "ambulance": 0.7,
}
OTHER_WEIGHT = 3.0  # topics of a network's own

# The sentence that opens the call (clips/sentences.toml), by topic; the first that fits.
OPENING = (
    ("unwell", "unwell"),
    ("booking-change", "change"),
    ("booking", "booking"),
    ("house-call", "unwell"),
    ("ambulance", "unwell"),
    ("results", "results"),
    ("medicines", "prescription"),
    ("referral", "prescription"),
)

# Outcomes by topic as the desk records them, with their shares.
OUTCOMES: Sequence[tuple[str, Mapping[str, float]]] = (
    ("ambulance", {"emergency": 1}),
    ("unwell", {"emergency": 6, "doctor": 3, "house_call": 1}),
    ("booking", {"booked": 8, "answered": 1, "not_solved": 0.6, "callback": 0.4}),
    ("house-call", {"house_call": 9, "doctor": 1}),
    ("medicines", {"request": 8, "doctor": 1, "answered": 1}),
    ("referral", {"request": 6, "answered": 3, "passed_on": 1}),
    ("results", {"answered": 7, "doctor": 1.5, "callback": 1.5}),
    ("complaint", {"complaint": 9, "passed_on": 1}),
    ("", {"answered": 8, "passed_on": 1, "not_solved": 0.5, "wrong_number": 0.3}),
)


@dataclass(frozen=True, slots=True)
class CallPlan:
    """One caller's intentions. Seconds; `asks_callback_s` and `again_s` are None for those who do not."""

    topic: str
    patience_s: float
    talk_s: float
    asks_callback_s: float | None
    again_s: float | None  # who gave up calls again after so long
    opening: str
    sex: str


@dataclass(frozen=True, slots=True)
class DeskPlan:
    """What a colleague does with one contact. Seconds; None where it does not happen."""

    pick_up_s: float
    misses: bool  # does not hear it ring
    hold_after_s: float | None
    hold_s: float
    finds_patient: bool  # and links the record
    hands_on: bool  # transfers to a colleague instead of ending
    writes_s: float
    pause_s: float | None  # a break afterwards


def share_of_day(hour: float) -> float:
    """How busy that moment of a Monday is, 0 to 1. `hour` is local and may have a fraction."""
    first = int(hour) % 24
    part = hour - int(hour)
    return DAY[first] * (1 - part) + DAY[(first + 1) % 24] * part


def arrivals(rng: random.Random, since: float, until: float, rate: Callable[[float], float]) -> Iterator[float]:
    """Moments of a Poisson stream whose rate per second changes with time, by thinning (Lewis and Shedler, 1979).

    `rate` never exceeds PEAK_PER_S.
    """
    at = since
    while True:
        at += rng.expovariate(PEAK_PER_S)
        if at >= until:
            return
        if rng.random() * PEAK_PER_S < rate(at):
            yield at


def plan_call(rng: random.Random, topics: Sequence[str]) -> CallPlan:
    """A caller about one of `topics` (codes; there must be one)."""
    topic = choose(rng, {code: weight_of(code) for code in topics})
    impatient = rng.random() < 0.16
    return CallPlan(
        topic=topic,
        patience_s=rng.uniform(6, 40) if impatient else 45 + rng.expovariate(1 / 240),
        talk_s=min(300.0, max(20.0, log_normal(rng, mean=85, spread=0.5))),
        asks_callback_s=rng.uniform(25, 60) if rng.random() < 0.10 else None,
        again_s=rng.uniform(90, 400) if rng.random() < 0.35 else None,
        opening=opening_of(topic),
        sex="m" if rng.random() < 0.3 else "f",
    )


def plan_desk(rng: random.Random) -> DeskPlan:
    holds = rng.random() < 0.18
    return DeskPlan(
        pick_up_s=rng.uniform(1.5, 7.0),
        misses=rng.random() < 0.02,
        hold_after_s=rng.uniform(10, 30) if holds else None,
        hold_s=rng.uniform(6, 25),
        finds_patient=rng.random() < 0.7,
        hands_on=rng.random() < 0.06,
        writes_s=rng.uniform(5, 25),
        pause_s=rng.uniform(40, 180) if rng.random() < 0.07 else None,
    )


def outcome_of(rng: random.Random, topic: str) -> str:
    return choose(rng, next(shares for start, shares in OUTCOMES if topic.startswith(start)))


def opening_of(topic: str) -> str:
    return next((sentence for start, sentence in OPENING if topic.startswith(start)), "question")


def weight_of(code: str) -> float:
    return WEIGHTS.get(code, OTHER_WEIGHT)


def choose(rng: random.Random, weights: Mapping[str, float]) -> str:
    names = list(weights)
    sums: list[float] = []
    for weight in weights.values():
        sums.append((sums[-1] if sums else 0.0) + weight)
    return names[min(bisect_right(sums, rng.random() * sums[-1]), len(names) - 1)]


def log_normal(rng: random.Random, mean: float, spread: float) -> float:
    """Handling times are about log-normal (Brown et al., 2005); `spread` is the deviation of the logarithm."""
    return rng.lognormvariate(math.log(mean) - spread * spread / 2, spread)


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    return float(min(60.0, 2.0 * 2 ** max(0, failures - 1)))
