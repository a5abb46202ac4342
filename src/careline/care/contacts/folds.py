"""Pure: from the rows of the ledger to what they amount to. The projections store it, nothing else decides it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from careline.care.contacts.ledger import Row

# --- one contact ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Summary:
    """The fields of ContactSummary, as its docstring there says. Durations in seconds."""

    contact_id: UUID
    organisation_id: UUID
    site_id: UUID | None
    line_id: UUID | None
    channel: str
    direction: str
    language: str
    simulated: bool
    asked_topic_id: UUID | None
    started_at: datetime
    queue_id: UUID | None = None
    emergency: bool = False
    phase: str = ""
    cause: str = ""
    topic_id: UUID | None = None
    outcome: str = ""
    queued_at: datetime | None = None
    answered_at: datetime | None = None
    talk_ended_at: datetime | None = None
    ended_at: datetime | None = None
    recorded_at: datetime | None = None
    wait_s: float | None = None
    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_up_s: float = 0.0
    offers: int = 0
    transfers: int = 0
    callback_asked_at: datetime | None = None
    agent_id: UUID | None = None
    recovered_by: UUID | None = None
    recovered_at: datetime | None = None
    recovery_attempts: int = 0
    recovery_tried_at: datetime | None = None
    recovery_tried_by: UUID | None = None
    undone: bool = False
    rating: int | None = None


FIELDS = tuple(f.name for f in fields(Summary))


@dataclass(frozen=True, slots=True)
class _Try:
    """A call back to somebody who gave up, noted and not taken back."""

    at: datetime
    by: UUID | None
    reached: bool


@dataclass(slots=True)
class _Folding:
    """A summary in the making, and what is still running: since when each agent talks, holds or writes."""

    summary: Summary
    callback: bool = False
    talking: dict[str, datetime] = field(default_factory=dict)
    holding: dict[str, datetime] = field(default_factory=dict)
    writing: dict[str, datetime] = field(default_factory=dict)
    tries: dict[str, _Try] = field(default_factory=dict)  # by the attempt's id, in the order they were noted
    reached_in: str = ""  # the attempt that reached them, where it was one of these

    def waits(self) -> None:
        self.summary.phase = "callback" if self.callback else "queued"

    def end_talk(self, agent: str, at: datetime) -> None:
        self.summary.talk_s += _since(self.talking.pop(agent, None), at)
        self.summary.hold_s += _since(self.holding.pop(agent, None), at)

    def ended(self, cause: str, at: datetime) -> None:
        s = self.summary
        s.phase, s.cause, s.ended_at = "ended", cause, at
        if s.answered_at is None and s.queued_at is not None:
            s.wait_s = _since(s.queued_at, at)


def fold_contact(rows: Iterable[Row]) -> Summary | None:
    """What both streams of one contact, in the order written, amount to; None before it has begun."""
    folding: _Folding | None = None
    for row in rows:
        if folding is None:
            if row.kind == "ContactStarted":
                folding = _Folding(_started(row))
        elif (step := _STEPS.get(row.kind)) is not None:
            step(folding, row.at, row.data)
    return folding.summary if folding else None


def _started(row: Row) -> Summary:
    d = row.data
    return Summary(
        contact_id=row.subject,
        organisation_id=UUID(d["organisation"]),
        site_id=_uuid(d["site"]),
        line_id=_uuid(d["line"]),
        channel=d["channel"],
        direction=d["direction"],
        language=d["language"],
        simulated=d["simulated"],
        asked_topic_id=_uuid(d["topic"]),
        started_at=row.at,
    )


def _queued(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    s = f.summary
    s.queue_id, s.emergency, s.phase, s.queued_at = UUID(d["queue"]), d["emergency"], "queued", at


def _reordered(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    if d.get("emergency") is not None:
        f.summary.emergency = d["emergency"]


def _callback_asked(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.callback = True
    f.summary.callback_asked_at = f.summary.callback_asked_at or at
    f.waits()


def _offered(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.summary.offers += 1
    f.summary.phase = "offered"


def _withdrawn(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.waits()


def _dialling(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.summary.phase = "dialling"


def _talk_started(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    s = f.summary
    s.phase, s.agent_id, f.callback = "talking", UUID(d["agent"]), False
    f.talking[d["agent"]] = at
    if s.answered_at is None:
        s.answered_at = at
        s.wait_s = _since(s.queued_at, at)


def _held(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.end_talk(d["agent"], at)
    f.holding[d["agent"]] = at
    f.summary.phase = "held"


def _resumed(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.end_talk(d["agent"], at)
    f.talking[d["agent"]] = at
    f.summary.phase = "talking"


def _talk_stopped(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.end_talk(d["agent"], at)
    f.summary.talk_ended_at = at
    if d["reason"] in ("transferred", "agent_gone"):
        f.waits()
    else:
        f.summary.phase = "wrap_up"


def _transferred(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.summary.transfers += 1
    f.summary.queue_id = UUID(d["queue"])


def _writing(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.writing[d["agent"]] = at


def _written(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.summary.wrap_up_s += _since(f.writing.pop(d["agent"], None), at)


def _ended(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.ended(d["cause"], at)


def _recorded(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    s = f.summary
    s.topic_id, s.outcome = _uuid(d["topic"]), d["outcome"]
    s.recorded_at = s.recorded_at or at
    if s.agent_id is None:
        s.agent_id = UUID(d["by"])


def _topic_set(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.summary.topic_id = _uuid(d["topic"])


def _rated(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.summary.rating = d["rating"]


def _walk_in(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    s = f.summary
    s.topic_id, s.agent_id, s.outcome = _uuid(d.get("topic")), UUID(d["by"]), d.get("outcome", "")
    s.phase, s.cause, s.ended_at, s.recorded_at = "ended", "completed", at, at


def _undone(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.summary.undone, f.summary.cause = True, "cancelled"


def _unwell(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.summary.emergency, f.summary.phase, f.summary.agent_id = True, "queued", UUID(d["by"])


def _unwell_come(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    s = f.summary
    s.phase, s.cause, s.ended_at = "ended", "completed", max(at, s.started_at)  # the clock may have been set back


def _flagged(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.summary.emergency = True


def _unflagged(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.summary.emergency = False


def _reached(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.summary.recovered_at, f.summary.recovered_by = at, _uuid(d.get("contact"))
    f.reached_in = d.get("attempt", "")


def _tried(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.tries[d.get("attempt") or at.isoformat()] = _Try(at, _uuid(d.get("by")), d["reached"])
    _count_tries(f)


def _untried(f: _Folding, at: datetime, d: dict[str, Any]) -> None:
    f.tries.pop(d["attempt"], None)
    _count_tries(f)
    if f.reached_in == d["attempt"]:
        f.summary.recovered_at, f.summary.recovered_by, f.reached_in = None, None, ""


def _count_tries(f: _Folding) -> None:
    last = next(reversed(f.tries.values()), None)
    f.summary.recovery_attempts = sum(not each.reached for each in f.tries.values())
    f.summary.recovery_tried_at, f.summary.recovery_tried_by = (last.at, last.by) if last else (None, None)


_STEPS: dict[str, Callable[[_Folding, datetime, dict[str, Any]], None]] = {
    # routing
    "ContactQueued": _queued,
    "ContactReordered": _reordered,
    "CallbackAsked": _callback_asked,
    "OfferContact": _offered,
    "WithdrawOffer": _withdrawn,
    "DialPatient": _dialling,
    "StopDialling": _withdrawn,
    "StartTalk": _talk_started,
    "HoldTalk": _held,
    "ResumeTalk": _resumed,
    "StopTalk": _talk_stopped,
    "TalkTransferred": _transferred,
    "StartWrapUp": _writing,
    "EndWrapUp": _written,
    "EndContact": _ended,
    "RefuseContact": _ended,
    # record
    "OutcomeRecorded": _recorded,
    "OutcomeCorrected": _recorded,
    "TopicSet": _topic_set,
    "EmergencyFlagged": _flagged,
    "EmergencyUnflagged": _unflagged,
    "RatingGiven": _rated,
    "WalkInLogged": _walk_in,
    "WalkInUndone": _undone,
    "UnwellRaised": _unwell,
    "UnwellCome": _unwell_come,
    "CallerReached": _reached,
    "RecoveryTried": _tried,
    "RecoveryUndone": _untried,
}


def _since(start: datetime | None, at: datetime) -> float:
    """Seconds, never below zero: two machines took turns at writing, and their clocks need not agree."""
    return max(0.0, (at - start).total_seconds()) if start else 0.0


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


# --- agents -----------------------------------------------------------------------------------------------

# What an agent is seen doing when there is more than one thing in hand, the first that applies.
BUSIEST = ("talking", "hold", "dialling", "ringing", "wrap_up")

_WORK = {
    "OfferContact": "ringing",
    "DialPatient": "dialling",
    "StartTalk": "talking",
    "HoldTalk": "hold",
    "ResumeTalk": "talking",
    "StartWrapUp": "wrap_up",
    "WithdrawOffer": "",
    "StopDialling": "",
    "StopTalk": "",
    "EndWrapUp": "",
}


@dataclass(slots=True)
class Interval:
    """From `started_at` until `ended_at` (None: still). `id` is the position of the row that began it."""

    id: int
    agent_id: UUID
    state: str
    reason: str
    contact_id: UUID | None
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(slots=True)
class AgentDay:
    """One agent's story so far: presence, work in hand, and the interval that is running."""

    agent_id: UUID
    presence: str = "offline"
    reason: str = ""
    work: dict[str, str] = field(default_factory=dict)  # contact -> doing
    open: Interval | None = None

    def to_json(self) -> dict[str, Any]:
        o = self.open
        return {
            "presence": self.presence,
            "reason": self.reason,
            "work": self.work,
            "open": o and [o.id, o.state, o.reason, o.contact_id and str(o.contact_id), o.started_at.isoformat()],
        }

    @classmethod
    def from_json(cls, agent_id: UUID, state: dict[str, Any]) -> AgentDay:
        day = cls(agent_id, state["presence"], state["reason"], dict(state["work"]))
        if state["open"]:
            id, name, reason, contact, at = state["open"]
            day.open = Interval(id, agent_id, name, reason, _uuid(contact), datetime.fromisoformat(at))
        return day

    def doing(self) -> tuple[str, str, UUID | None]:
        for state in BUSIEST:
            for contact, work in self.work.items():
                if work == state:
                    return state, "", UUID(contact)
        return self.presence, self.reason, None


def agent_of(row: Row) -> UUID | None:
    """The one agent a row of the switchboard tells of, if it tells of what they do."""
    if row.stream == "agent":
        return row.subject
    return UUID(row.data["agent"]) if row.kind in _WORK else None


def fold_agent(day: AgentDay, row: Row) -> list[Interval]:
    """Take in one row. Returns the intervals that are new or changed by it: the closed one and the running one."""
    _take(day, row)
    state, reason, contact = day.doing()
    running = day.open
    if running and (running.state, running.reason, running.contact_id) == (state, reason, contact):
        return []
    if running and running.started_at == row.at:  # a state that lasted no time at all was none
        running.state, running.reason, running.contact_id = state, reason, contact
        return [running]
    day.open = Interval(row.position, day.agent_id, state, reason, contact, row.at)
    if running is None:
        return [day.open]
    running.ended_at = row.at
    return [running, day.open]


def _take(day: AgentDay, row: Row) -> None:
    match row.kind:
        case "AgentSignedIn":
            if day.presence == "offline":
                day.presence, day.reason = "paused", "signed_in"
        case "AgentReady":
            day.presence, day.reason = "ready", ""
        case "AgentPaused" | "PauseAgent":
            day.presence, day.reason = "paused", row.data["reason"][:40]
        case "AgentSignedOut":
            day.presence, day.reason = "offline", row.data["reason"][:40]
        case kind if kind in _WORK:
            contact, doing = row.data["contact"], _WORK[kind]
            if doing:
                day.work[contact] = doing
            else:
                day.work.pop(contact, None)
