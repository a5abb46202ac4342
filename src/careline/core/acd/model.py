"""The words of the router: what it knows (rules), what it hears (events), what it orders (commands).

All values, no behaviour, and none is changed once made: events and commands write their constructors out, which
mypyc compiles, and are not frozen at run time, which would triple the cost of making one. Ids are opaque strings (UUIDs
in production). Times are seconds since the Unix epoch as floats, durations are seconds (`_s`). Nothing here reads a
clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

ContactId = str
AgentId = str
QueueId = str


class Channel(StrEnum):
    """What an agent's capacity is counted in. A voice or video talk fills an agent whole."""

    VOICE = "voice"
    VIDEO = "video"
    TEXT = "text"
    REQUEST = "request"


class Presence(StrEnum):
    """What the agent says of themselves; whether they are ringing or talking follows from their work."""

    OFFLINE = "offline"
    READY = "ready"
    PAUSED = "paused"


class Phase(StrEnum):
    """Where a contact stands. The table in `machine.py` owns the moves between them."""

    QUEUED = "queued"  # a live caller waits
    OFFERED = "offered"  # an agent is being rung
    TALKING = "talking"
    HELD = "held"
    CALLBACK = "callback"  # the caller hung up on our promise to call back; the place is kept
    DIALLING = "dialling"  # the agent took a call-back and the patient's phone is ringing
    WRAP_UP = "wrap_up"  # the talk is over, the agent is writing
    ENDED = "ended"


class Selection(StrEnum):
    LONGEST_IDLE = "longest_idle"
    LEAST_OCCUPIED = "least_occupied"


class EndCause(StrEnum):
    COMPLETED = "completed"
    ABANDONED = "abandoned"  # the caller gave up while waiting
    CLOSED = "closed"  # the queue was closed
    FULL = "full"  # the queue limit was reached
    LOST = "lost"  # the line or browser vanished and did not come back in time
    CALLBACK_FAILED = "callback_failed"
    CANCELLED = "cancelled"


# --- rules: what the site has decided ---------------------------------------------------------------------


@dataclass(frozen=True)
class Need:
    """A skill the contact asks for ("lang:uk", "topic:booking"), proficiency 1 (some) to 5 (best)."""

    skill: str
    least: int = 1


@dataclass(frozen=True)
class Relax:
    """After waiting `after_s`, every need but the hard ones falls by `by` (below 1 it is dropped)."""

    after_s: float
    by: int


@dataclass(frozen=True)
class Overflow:
    """Agents of queue `to` also become eligible once a caller waited `after_s`, or while waiting/ready exceeds
    `ratio`.
    """

    to: QueueId
    after_s: float | None = None
    ratio: float | None = None


@dataclass(frozen=True)
class QueueRules:
    id: QueueId
    site: str = ""
    open: bool = True
    selection: Selection = Selection.LONGEST_IDLE
    offer_s: float = 20.0
    wrap_up_s: float = 60.0
    lost_s: float = 600.0  # how long a vanished caller's place is kept
    limit: int | None = None  # most contacts waiting; the next is refused with FULL
    head_start_s: float = 0.0  # priority, as minutes of waiting given for free
    preferred_s: float = 20.0  # how long a contact waits for its preferred agents alone
    dial_s: float = 60.0  # how long a patient's phone rings for a call-back before the agent is released
    retry_s: float = 300.0  # after a call-back whose result never came, when it is tried again
    declined_s: float = 60.0  # how long a contact is kept from an agent who declined or transferred it
    lost_talk_s: float = 60.0  # how long a talk is kept whose caller vanished
    lost_callback_s: float = 14400.0  # how long a call-back is kept whose caller cannot be reached any more
    relax: tuple[Relax, ...] = ()
    overflow: tuple[Overflow, ...] = ()


@dataclass(frozen=True)
class AgentProfile:
    id: AgentId
    queues: frozenset[QueueId]
    skills: Mapping[str, int] = field(default_factory=dict)
    capacity: Mapping[Channel, int] = field(default_factory=lambda: {Channel.VOICE: 1})
    site: str = ""


# --- events: what happened --------------------------------------------------------------------------------


@dataclass(init=False, unsafe_hash=True)
class Event:
    pass


@dataclass(init=False, unsafe_hash=True)
class QueueSet(Event):
    """A queue was created, or its rules changed (opening and closing included)."""

    rules: QueueRules
    reason: str

    def __init__(self, rules: QueueRules, reason: str = "") -> None:
        self.rules = rules
        self.reason = reason


@dataclass(init=False, unsafe_hash=True)
class AgentSignedIn(Event):
    """Also sent when the profile changes. Presence becomes PAUSED ("signed_in") when it was OFFLINE."""

    profile: AgentProfile

    def __init__(self, profile: AgentProfile) -> None:
        self.profile = profile


@dataclass(init=False, unsafe_hash=True)
class AgentSignedOut(Event):
    agent: AgentId
    reason: str

    def __init__(self, agent: AgentId, reason: str = "") -> None:
        self.agent = agent
        self.reason = reason


@dataclass(init=False, unsafe_hash=True)
class AgentReady(Event):
    agent: AgentId
    by: AgentId  # a supervisor who forced it

    def __init__(self, agent: AgentId, by: AgentId = "") -> None:
        self.agent = agent
        self.by = by


@dataclass(init=False, unsafe_hash=True)
class AgentPaused(Event):
    """Takes effect at once for new offers; a talk in progress goes on."""

    agent: AgentId
    reason: str
    by: AgentId

    def __init__(self, agent: AgentId, reason: str, by: AgentId = "") -> None:
        self.agent = agent
        self.reason = reason
        self.by = by


@dataclass(init=False, unsafe_hash=True)
class ContactQueued(Event):
    contact: ContactId
    queue: QueueId
    channel: Channel
    needs: tuple[Need, ...]
    hard: frozenset[str]  # skills that never relax (a language nobody else speaks)
    head_start_s: float  # added to the queue's
    emergency: bool
    preferred: tuple[AgentId, ...]
    simulated: bool

    def __init__(
        self,
        contact: ContactId,
        queue: QueueId,
        channel: Channel,
        needs: tuple[Need, ...] = (),
        hard: frozenset[str] = frozenset(),
        head_start_s: float = 0.0,
        emergency: bool = False,
        preferred: tuple[AgentId, ...] = (),
        simulated: bool = False,
    ) -> None:
        self.contact = contact
        self.queue = queue
        self.channel = channel
        self.needs = needs
        self.hard = hard
        self.head_start_s = head_start_s
        self.emergency = emergency
        self.preferred = preferred
        self.simulated = simulated


@dataclass(init=False, unsafe_hash=True)
class CallerHungUp(Event):
    """The caller ended it: while waiting an abandon, in a talk its end."""

    contact: ContactId

    def __init__(self, contact: ContactId) -> None:
        self.contact = contact


@dataclass(init=False, unsafe_hash=True)
class CallerLost(Event):
    """The caller's browser or line vanished. The place (or the talk) is kept for `lost_s`."""

    contact: ContactId

    def __init__(self, contact: ContactId) -> None:
        self.contact = contact


@dataclass(init=False, unsafe_hash=True)
class CallerBack(Event):
    contact: ContactId

    def __init__(self, contact: ContactId) -> None:
        self.contact = contact


@dataclass(init=False, unsafe_hash=True)
class CallbackAsked(Event):
    """The caller hangs up and keeps the exact place; `not_before` is the earliest moment wished for."""

    contact: ContactId
    not_before: float | None

    def __init__(self, contact: ContactId, not_before: float | None = None) -> None:
        self.contact = contact
        self.not_before = not_before


@dataclass(init=False, unsafe_hash=True)
class OfferAccepted(Event):
    contact: ContactId
    agent: AgentId
    offer: str

    def __init__(self, contact: ContactId, agent: AgentId, offer: str) -> None:
        self.contact = contact
        self.agent = agent
        self.offer = offer


@dataclass(init=False, unsafe_hash=True)
class OfferDeclined(Event):
    contact: ContactId
    agent: AgentId
    offer: str
    reason: str

    def __init__(self, contact: ContactId, agent: AgentId, offer: str, reason: str = "declined") -> None:
        self.contact = contact
        self.agent = agent
        self.offer = offer
        self.reason = reason


@dataclass(init=False, unsafe_hash=True)
class PatientAnswered(Event):
    """DIALLING -> TALKING: the patient took the call-back."""

    contact: ContactId

    def __init__(self, contact: ContactId) -> None:
        self.contact = contact


@dataclass(init=False, unsafe_hash=True)
class PatientUnreached(Event):
    """The call-back rang out. `retry_at` puts it back with its place, None ends it with CALLBACK_FAILED."""

    contact: ContactId
    retry_at: float | None

    def __init__(self, contact: ContactId, retry_at: float | None = None) -> None:
        self.contact = contact
        self.retry_at = retry_at


@dataclass(init=False, unsafe_hash=True)
class TalkHeld(Event):
    contact: ContactId
    agent: AgentId

    def __init__(self, contact: ContactId, agent: AgentId) -> None:
        self.contact = contact
        self.agent = agent


@dataclass(init=False, unsafe_hash=True)
class TalkResumed(Event):
    contact: ContactId
    agent: AgentId

    def __init__(self, contact: ContactId, agent: AgentId) -> None:
        self.contact = contact
        self.agent = agent


@dataclass(init=False, unsafe_hash=True)
class TalkEnded(Event):
    """The agent ended the talk."""

    contact: ContactId
    agent: AgentId

    def __init__(self, contact: ContactId, agent: AgentId) -> None:
        self.contact = contact
        self.agent = agent


@dataclass(init=False, unsafe_hash=True)
class TalkTransferred(Event):
    """To a queue (waits there with its original enqueue time, ahead by right) or to one agent (offered to them alone).

    The sending agent goes to wrap-up; if nobody takes it in time, it waits in `queue`.
    """

    contact: ContactId
    agent: AgentId
    queue: QueueId
    to_agent: AgentId
    needs: tuple[Need, ...] | None

    def __init__(
        self,
        contact: ContactId,
        agent: AgentId,
        queue: QueueId,
        to_agent: AgentId = "",
        needs: tuple[Need, ...] | None = None,
    ) -> None:
        self.contact = contact
        self.agent = agent
        self.queue = queue
        self.to_agent = to_agent
        self.needs = needs


@dataclass(init=False, unsafe_hash=True)
class WrapUpDone(Event):
    contact: ContactId
    agent: AgentId

    def __init__(self, contact: ContactId, agent: AgentId) -> None:
        self.contact = contact
        self.agent = agent


@dataclass(init=False, unsafe_hash=True)
class ContactReordered(Event):
    """A supervisor moves a waiting contact by changing its head start; the reason is kept."""

    contact: ContactId
    head_start_s: float
    by: AgentId
    reason: str
    emergency: bool | None

    def __init__(
        self,
        contact: ContactId,
        head_start_s: float,
        by: AgentId,
        reason: str,
        emergency: bool | None = None,
    ) -> None:
        self.contact = contact
        self.head_start_s = head_start_s
        self.by = by
        self.reason = reason
        self.emergency = emergency


@dataclass(init=False, unsafe_hash=True)
class ContactCancelled(Event):
    contact: ContactId
    by: AgentId
    reason: str

    def __init__(self, contact: ContactId, by: AgentId, reason: str) -> None:
        self.contact = contact
        self.by = by
        self.reason = reason


@dataclass(init=False, unsafe_hash=True)
class TimePassed(Event):
    """A timer was due: the router expires leases, relaxes needs, overflows. `handle` does nothing else for it."""


# --- commands: what is to be done -------------------------------------------------------------------------


@dataclass(init=False, unsafe_hash=True)
class Command:
    pass


@dataclass(init=False, unsafe_hash=True)
class OfferContact(Command):
    """Ring the agent. The lease ends at `until`."""

    contact: ContactId
    agent: AgentId
    offer: str
    until: float

    def __init__(self, contact: ContactId, agent: AgentId, offer: str, until: float) -> None:
        self.contact = contact
        self.agent = agent
        self.offer = offer
        self.until = until


@dataclass(init=False, unsafe_hash=True)
class WithdrawOffer(Command):
    contact: ContactId
    agent: AgentId
    offer: str
    reason: str  # declined | expired | caller_gone | agent_gone | paused | emergency | cancelled | callback

    def __init__(self, contact: ContactId, agent: AgentId, offer: str, reason: str) -> None:
        self.contact = contact
        self.agent = agent
        self.offer = offer
        self.reason = reason


@dataclass(init=False, unsafe_hash=True)
class DialPatient(Command):
    """The agent is reserved: ring the patient now."""

    contact: ContactId
    agent: AgentId

    def __init__(self, contact: ContactId, agent: AgentId) -> None:
        self.contact = contact
        self.agent = agent


@dataclass(init=False, unsafe_hash=True)
class StopDialling(Command):
    """Stop ringing the patient: the agent has gone, the promise was taken back, or nobody reported in time."""

    contact: ContactId
    agent: AgentId
    reason: str  # agent_gone | caller_gone | cancelled | expired | unreached

    def __init__(self, contact: ContactId, agent: AgentId, reason: str) -> None:
        self.contact = contact
        self.agent = agent
        self.reason = reason


@dataclass(init=False, unsafe_hash=True)
class StartTalk(Command):
    contact: ContactId
    agent: AgentId

    def __init__(self, contact: ContactId, agent: AgentId) -> None:
        self.contact = contact
        self.agent = agent


@dataclass(init=False, unsafe_hash=True)
class HoldTalk(Command):
    contact: ContactId
    agent: AgentId

    def __init__(self, contact: ContactId, agent: AgentId) -> None:
        self.contact = contact
        self.agent = agent


@dataclass(init=False, unsafe_hash=True)
class ResumeTalk(Command):
    contact: ContactId
    agent: AgentId

    def __init__(self, contact: ContactId, agent: AgentId) -> None:
        self.contact = contact
        self.agent = agent


@dataclass(init=False, unsafe_hash=True)
class StopTalk(Command):
    """The agent's side of the talk ends (ended, transferred, caller gone)."""

    contact: ContactId
    agent: AgentId
    reason: str  # ended | transferred | caller_gone | caller_lost | agent_gone

    def __init__(self, contact: ContactId, agent: AgentId, reason: str) -> None:
        self.contact = contact
        self.agent = agent
        self.reason = reason


@dataclass(init=False, unsafe_hash=True)
class StartWrapUp(Command):
    contact: ContactId
    agent: AgentId
    until: float

    def __init__(self, contact: ContactId, agent: AgentId, until: float) -> None:
        self.contact = contact
        self.agent = agent
        self.until = until


@dataclass(init=False, unsafe_hash=True)
class EndWrapUp(Command):
    contact: ContactId
    agent: AgentId
    reason: str  # saved | expired | agent_gone

    def __init__(self, contact: ContactId, agent: AgentId, reason: str) -> None:
        self.contact = contact
        self.agent = agent
        self.reason = reason


@dataclass(init=False, unsafe_hash=True)
class PauseAgent(Command):
    """The router paused an agent by itself (did not answer, browser gone)."""

    agent: AgentId
    reason: str

    def __init__(self, agent: AgentId, reason: str) -> None:
        self.agent = agent
        self.reason = reason


@dataclass(init=False, unsafe_hash=True)
class RefuseContact(Command):
    """Closed, or full: say so kindly and offer what is useful."""

    contact: ContactId
    cause: EndCause

    def __init__(self, contact: ContactId, cause: EndCause) -> None:
        self.contact = contact
        self.cause = cause


@dataclass(init=False, unsafe_hash=True)
class EndContact(Command):
    contact: ContactId
    cause: EndCause

    def __init__(self, contact: ContactId, cause: EndCause) -> None:
        self.contact = contact
        self.cause = cause


# --- what may be asked ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """What an honest queue tells a caller. `position` is None when it grew for a fair reason: then the wait is said
    instead.

    `wait_low_s`..`wait_high_s` is an 80 % interval; None when there is no ground for one yet.
    """

    position: int | None
    wait_low_s: float | None
    wait_high_s: float | None


@dataclass(frozen=True)
class ContactView:
    """A contact as it stands. Times are seconds since the epoch, None where they do not apply."""

    id: ContactId
    queue: QueueId
    channel: Channel
    phase: Phase
    queued_at: float  # first entry; never changes, transfers and call-backs included
    entered_at: float  # entry into the present queue: relaxing and overflow count from here
    head_start_s: float  # the contact's own, without the queue's
    emergency: bool
    needs: tuple[Need, ...]
    hard: frozenset[str]
    preferred: tuple[AgentId, ...]
    agent: AgentId  # whom it is offered to, dialling for, talking to or written up by; "" while waiting
    offer: str  # the running offer, "" when there is none
    until: float | None  # deadline of the present phase: offer, dialling, wrap-up, or a lost caller's place
    since: float  # when the present phase began
    lost_since: float | None
    held_since: float | None
    not_before: float | None
    callback: bool  # waits, rings or dials as a call-back
    tries: int  # call-backs dialled in vain
    talk: int  # n-th talk of this contact; 0 before the first
    simulated: bool
    order_key: tuple[int, float, int]  # smaller is served first


@dataclass(frozen=True)
class AgentView:
    id: AgentId
    presence: Presence
    reason: str
    since: float  # when presence last changed
    doing: str  # offline | paused | idle | ringing | dialling | talking | held | wrap_up: wrap-up never looks idle
    work: tuple[ContactId, ...]
    until: Mapping[ContactId, float | None]  # the deadline of each piece of work
    idle_since: float | None  # None unless ready with nothing in hand
    occupied_s: float  # talk + hold + wrap-up since sign-in
    idle_s: float  # ready with nothing in hand since sign-in
    profile: AgentProfile


@dataclass(frozen=True)
class QueueView:
    id: QueueId
    rules: QueueRules
    waiting: int  # contacts not yet talking whose turn could come now, ringing ones included
    ringing: int
    callbacks: int  # promised call-backs, those not yet due included
    lost: int  # places kept for callers who vanished
    ready: int  # agents of this queue who are READY, at work or idle
    idle: int  # of these, with nothing in hand
    oldest: float | None  # queued_at of the first in line
    overflow_to: tuple[QueueId, ...]  # where it overflows by ratio now


@dataclass(init=False, unsafe_hash=True)
class Changes:
    """Folded states touched since the last mark, as JSON-ready dicts; None where the thing has ended."""

    contacts: Mapping[ContactId, Mapping[str, Any] | None]
    agents: Mapping[AgentId, Mapping[str, Any] | None]
    queues: Mapping[QueueId, Mapping[str, Any] | None]

    def __init__(
        self,
        contacts: Mapping[ContactId, Mapping[str, Any] | None],
        agents: Mapping[AgentId, Mapping[str, Any] | None],
        queues: Mapping[QueueId, Mapping[str, Any] | None],
    ) -> None:
        self.contacts = contacts
        self.agents = agents
        self.queues = queues


class IllegalEvent(Exception):
    """The event does not fit the state. Nothing was changed."""

    def __init__(self, event: Event, why: str) -> None:
        super().__init__(f"{type(event).__name__}: {why}")
        self.event = event
        self.why = why
