"""Every metric that the ledger can feed, one function each. Definitions and their sources: docs/reference/metrics.md.

A metric takes a table (`tables.contacts` or `tables.intervals`, or a grouping's part of it) and the site's `Rules`, and
gives one ibis expression that aggregates it: the same expression runs on PostgreSQL today and on DuckDB or Spark when a
site outgrows it. Shares are fractions of one, durations seconds; a share of nothing is null, never 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from ibis import Table
from ibis.expr.types import BooleanColumn, NumericScalar, Scalar

from careline.base.organisations.words import worded_lazy
from careline.oversight.insight.tables import abandoned, answered, offered


@dataclass(frozen=True, slots=True)
class Rules:
    """What the definitions leave to the site. Raises ValueError where a figure would be meaningless.

    `answer_s` T and `short_s` S of the service level; `again_days` N of the first contact resolution.
    """

    answer_s: float = 20.0
    short_s: float = 5.0
    long_abandon_s: float = 30.0  # NHS 111: only abandons after this count
    nhs_answer_s: float = 60.0
    again_days: int = 7

    def __post_init__(self) -> None:
        if not (0 <= self.short_s < self.answer_s):
            raise ValueError("short_s must lie between 0 and answer_s")
        if self.again_days < 1 or self.long_abandon_s < 0 or self.nhs_answer_s <= 0:
            raise ValueError("again_days, long_abandon_s and nhs_answer_s must be positive")


def count(rows: BooleanColumn) -> NumericScalar:
    return rows.sum().fill_null(0).cast("int64")


def share(part: BooleanColumn, whole: BooleanColumn) -> NumericScalar:
    """Of those in `whole`, the fraction that is also in `part`; null when there are none."""
    return (part & whole).sum().cast("float64") / whole.sum().nullif(0).cast("float64")


# --- how much -------------------------------------------------------------------------------------------------


def volume(t: Table, rules: Rules) -> NumericScalar:
    return count(~t.undone)


def volume_offered(t: Table, rules: Rules) -> NumericScalar:
    return count(offered(t))


def volume_answered(t: Table, rules: Rules) -> NumericScalar:
    return count(answered(t))


def volume_abandoned(t: Table, rules: Rules) -> NumericScalar:
    return count(abandoned(t))


def refused(t: Table, rules: Rules) -> NumericScalar:
    """Turned away because the line was closed or the queue full."""
    return count(t.cause.isin(["closed", "full"]) & ~t.undone)


def walk_ins(t: Table, rules: Rules) -> NumericScalar:
    return count((t.channel == "walk_in") & ~t.undone)


# --- service level --------------------------------------------------------------------------------------------


def service_level(t: Table, rules: Rules) -> NumericScalar:
    """Answered within T / offered, without abandons shorter than S."""
    short = abandoned(t) & (t.wait_s < rules.short_s)
    return share(answered(t) & (t.wait_s <= rules.answer_s), offered(t) & ~short)


def service_level_of_answered(t: Table, rules: Rules) -> NumericScalar:
    """Answered within T / answered."""
    return share(t.wait_s <= rules.answer_s, answered(t))


def service_level_with_abandons(t: Table, rules: Rules) -> NumericScalar:
    """(Answered within T + abandoned within T) / (answered + abandoned)."""
    return share(t.wait_s <= rules.answer_s, answered(t) | abandoned(t))


def nhs_111_answered(t: Table, rules: Rules) -> NumericScalar:
    """Answered within 60 s / answered; target 95 %."""
    return share(t.wait_s <= rules.nhs_answer_s, answered(t))


def nhs_111_abandonment(t: Table, rules: Rules) -> NumericScalar:
    """Abandoned after 30 s / offered; target below 5 %."""
    return share(abandoned(t) & (t.wait_s > rules.long_abandon_s), offered(t))


def abandonment(t: Table, rules: Rules) -> NumericScalar:
    return share(abandoned(t), offered(t))


# --- waits and work, seconds ----------------------------------------------------------------------------------


def asa(t: Table, rules: Rules) -> NumericScalar:
    """Average speed of answer: sum of waits of the answered / answered."""
    return t.wait_s.mean(where=answered(t))


def wait_p50(t: Table, rules: Rules) -> Scalar:
    return t.wait_s.quantile(0.50, where=answered(t))


def wait_p90(t: Table, rules: Rules) -> Scalar:
    return t.wait_s.quantile(0.90, where=answered(t))


def wait_p95(t: Table, rules: Rules) -> Scalar:
    return t.wait_s.quantile(0.95, where=answered(t))


def wait_longest(t: Table, rules: Rules) -> Scalar:
    return t.wait_s.max(where=offered(t))


def time_to_abandon(t: Table, rules: Rules) -> NumericScalar:
    return t.wait_s.mean(where=abandoned(t))


def aht(t: Table, rules: Rules) -> NumericScalar:
    """Average handling time: talk + hold + wrap-up of contacts that were answered and have ended."""
    return (t.talk_s + t.hold_s + t.wrap_up_s).mean(where=answered(t) & t.ended_at.notnull())


def talk_time(t: Table, rules: Rules) -> NumericScalar:
    return t.talk_s.mean(where=answered(t) & t.ended_at.notnull())


# --- what came of it ------------------------------------------------------------------------------------------


def transfer_share(t: Table, rules: Rules) -> NumericScalar:
    return share(t.transfers > 0, answered(t))


def callbacks_asked(t: Table, rules: Rules) -> NumericScalar:
    return count(t.callback_asked_at.notnull() & ~t.undone)


def callbacks_made(t: Table, rules: Rules) -> NumericScalar:
    return count(t.callback_asked_at.notnull() & t.answered_at.notnull() & ~t.undone)


def recovered(t: Table, rules: Rules) -> NumericScalar:
    """Of those who gave up, the fraction we have since talked with."""
    return share(t.recovered_at.notnull(), abandoned(t))


def fcr(t: Table, rules: Rules) -> NumericScalar:
    """First contact resolution: no contact of the same patient on the same topic within N days.

    `again` marks the others. Contacts without a patient or topic can be followed by nobody and are left out.
    """
    return share(~t.again, answered(t) & t.again.notnull())


def satisfaction(t: Table, rules: Rules) -> NumericScalar:
    """Rated 4 or 5 / rated. Show it beside the response rate and n."""
    return share(t.rating >= 4, t.rating.notnull())


def response_rate(t: Table, rules: Rules) -> NumericScalar:
    return share(t.rating.notnull(), answered(t))


def ratings(t: Table, rules: Rules) -> NumericScalar:
    return count(t.rating.notnull())


def recorded_share(t: Table, rules: Rules) -> NumericScalar:
    """Answered contacts that have an outcome."""
    return share(t.outcome != "", answered(t) & t.ended_at.notnull())


# --- emergency line -------------------------------------------------------------------------------------------


def emergency_within_10(t: Table, rules: Rules) -> NumericScalar:
    return share(t.wait_s <= 10, offered(t) & t.emergency)


def emergency_within_15(t: Table, rules: Rules) -> NumericScalar:
    return share(t.wait_s <= 15, offered(t) & t.emergency)


# --- agents: over `tables.intervals` --------------------------------------------------------------------------

BUSY = ["talking", "hold", "wrap_up"]
IDLE = ["ready", "ringing"]


def occupancy(t: Table, rules: Rules) -> NumericScalar:
    """(Talk + hold + wrap-up) / (that + idle while ready). Ringing is idle: nobody is served yet."""
    busy = t.seconds.sum(where=t.state.isin(BUSY))
    return busy / t.seconds.sum(where=t.state.isin(BUSY + IDLE)).nullif(0)


def signed_in_s(t: Table, rules: Rules) -> NumericScalar:
    return t.seconds.sum(where=t.state != "offline").fill_null(0)


# --- the list -------------------------------------------------------------------------------------------------

Metric = Callable[[Table, Rules], Scalar]


@dataclass(frozen=True, slots=True)
class Definition:
    """What is shown with the figure: its name, its formula in words, and its kind (share, seconds, count)."""

    metric: Metric
    name: str | Promise
    formula: str | Promise
    kind: str


def _d(metric: Metric, kind: str, name: Promise | str, formula: Promise | str) -> tuple[str, Definition]:
    return metric.__name__, Definition(metric, name, formula, kind)


CONTACTS: dict[str, Definition] = dict(
    [
        _d(volume, "count", _("Contacts"), _("all contacts of the period")),
        _d(volume_offered, "count", _("Offered"), _("incoming contacts whose wait is over")),
        _d(volume_answered, "count", _("Answered"), _("contacts that an operator answered")),
        _d(
            volume_abandoned,
            "count",
            _("Abandoned"),
            _("gave up waiting; a promised call-back is not an abandoned call"),
        ),
        _d(refused, "count", _("Turned away"), _("line closed or queue full")),
        _d(walk_ins, "count", _("Assists in the hall"), _("walk-in assists logged")),
        _d(
            service_level,
            "share",
            _("Service level"),
            _("answered within %(answer)s s / offered, without those abandoned in under %(short)s s"),
        ),
        _d(
            service_level_of_answered,
            "share",
            _("Service level of the answered"),
            _("answered within %(answer)s s / answered"),
        ),
        _d(
            service_level_with_abandons,
            "share",
            _("Service level with abandoned calls"),
            _("(answered + abandoned within %(answer)s s) / (answered + abandoned)"),
        ),
        _d(nhs_111_answered, "share", _("Answered within 60 s"), _("answered within 60 s / answered (NHS 111)")),
        _d(nhs_111_abandonment, "share", _("Abandoned after 30 s"), _("abandoned after 30 s / offered (NHS 111)")),
        _d(abandonment, "share", _("Abandonment"), _("abandoned / offered")),
        _d(asa, "seconds", _("Average speed of answer"), _("sum of the waits of the answered / answered")),
        _d(wait_p50, "seconds", _("Median wait"), _("half of the answered waited no longer")),
        _d(wait_p90, "seconds", _("Wait, 90th percentile"), _("9 in 10 of the answered waited no longer")),
        _d(wait_p95, "seconds", _("Wait, 95th percentile"), _("19 in 20 of the answered waited no longer")),
        _d(wait_longest, "seconds", _("Longest wait"), _("of all offered")),
        _d(time_to_abandon, "seconds", _("Time until giving up"), _("mean wait of the abandoned")),
        _d(aht, "seconds", _("Average handling time"), _("talk + hold + wrap-up of the answered")),
        _d(talk_time, "seconds", _("Average talk"), _("talk of the answered")),
        _d(transfer_share, "share", _("Transferred"), _("transferred / answered")),
        _d(callbacks_asked, "count", _("Call-backs asked for"), _("callers who chose to be called back")),
        _d(callbacks_made, "count", _("Call-backs made"), _("of them those we have talked with")),
        _d(recovered, "share", _("Recovered"), _("abandoned and later reached / abandoned")),
        _d(
            fcr,
            "share",
            _("Resolved at first contact"),
            worded_lazy("no contact of the same patient on the same topic within %(days)s days"),
        ),
        _d(satisfaction, "share", _("Satisfaction"), _("rated 4 or 5 / rated")),
        _d(response_rate, "share", _("Response rate"), _("rated / answered")),
        _d(ratings, "count", _("Ratings"), _("number of ratings")),
        _d(recorded_share, "share", _("With an outcome"), _("answered contacts with an outcome / answered")),
        _d(
            emergency_within_10,
            "share",
            _("Emergencies answered within 10 s"),
            _("answered within 10 s / offered; target 90 %%"),
        ),
        _d(
            emergency_within_15,
            "share",
            _("Emergencies answered within 15 s"),
            _("answered within 15 s / offered; target 90 %%"),
        ),
    ]
)

AGENTS: dict[str, Definition] = dict(
    [
        _d(occupancy, "share", _("Occupancy"), _("(talk + hold + wrap-up) / (that + idle while ready)")),
        _d(signed_in_s, "seconds", _("Time signed in"), _("all states but offline")),
    ]
)


def formula(name: str, rules: Rules) -> str:
    """The definition in words with the site's numbers in it."""
    text = str((CONTACTS | AGENTS)[name].formula)
    return text % {"answer": f"{rules.answer_s:g}", "short": f"{rules.short_s:g}", "days": rules.again_days}


def gp_return(t: Table, rules: Rules) -> dict[str, Scalar]:
    """The eight figures of the NHS monthly telephony return of general practices."""
    return {
        "volume": volume_offered(t, rules),
        "abandoned": volume_abandoned(t, rules),
        "time_to_answer_s": asa(t, rules),
        "missed": count(offered(t) & t.answered_at.isnull() & ~abandoned(t)),
        "time_to_abandon_s": time_to_abandon(t, rules),
        "callbacks_requested": callbacks_asked(t, rules),
        "callbacks_made": callbacks_made(t, rules),
        "length_s": talk_time(t, rules),
        "answered": volume_answered(t, rules),
    }
