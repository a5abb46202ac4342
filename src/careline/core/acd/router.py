"""The router: hears what happened, decides who talks to whom, says what is to be done. It does nothing itself.

`handle(event, now)` is the only way in. It checks the event against the table in `machine.py`, changes the state, then
matches: as long as some waiting contact and some free agent fit, the contact first in order goes to the agent first in
turn. So between two events no waiting contact has a free agent who may take it, with one exception: an agent with a
text in hand takes no further text that would overtake a voice caller they may serve, or the voice caller would never
find them free.

Order is `queued_at - head start`, emergencies before all. Time enters only as `now`; the same events give the same
commands.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping
from heapq import heapify, heappop, heappush
from typing import Any, Final

from careline.core.acd import estimate, machine
from careline.core.acd.machine import Inner
from careline.core.acd.model import (
    AgentId,
    AgentPaused,
    AgentReady,
    AgentSignedIn,
    AgentSignedOut,
    AgentView,
    CallbackAsked,
    CallerBack,
    CallerHungUp,
    CallerLost,
    Changes,
    Channel,
    Command,
    ContactCancelled,
    ContactId,
    ContactQueued,
    ContactReordered,
    ContactView,
    DialPatient,
    EndCause,
    EndContact,
    EndWrapUp,
    Event,
    HoldTalk,
    IllegalEvent,
    Need,
    OfferAccepted,
    OfferContact,
    OfferDeclined,
    PatientAnswered,
    PatientUnreached,
    PauseAgent,
    Phase,
    Place,
    Presence,
    QueueId,
    QueueSet,
    QueueView,
    RefuseContact,
    ResumeTalk,
    Selection,
    StartTalk,
    StartWrapUp,
    StopDialling,
    StopTalk,
    TalkEnded,
    TalkHeld,
    TalkResumed,
    TalkTransferred,
    TimePassed,
    WithdrawOffer,
    WrapUpDone,
)
from careline.core.acd.state import (
    DIALS,
    NEVER,
    RINGING,
    TALKS,
    WRITES,
    Agent,
    Contact,
    Entry,
    Free,
    Group,
    Queue,
    Task,
    Traits,
)

# Where a contact is counted in its queue.
_UNCOUNTED, _COUNT_QUEUED, _COUNT_RINGING, _COUNT_CALLBACK, _COUNT_LOST = 0, 1, 2, 3, 4
# Members by short names: looking one up on its enum costs on the hottest paths.
_QUEUED: Final = Phase.QUEUED
_OFFERED: Final = Phase.OFFERED
_TALKING: Final = Phase.TALKING
_HELD: Final = Phase.HELD
_CALLBACK: Final = Phase.CALLBACK
_DIALLING: Final = Phase.DIALLING
_WRAP_UP: Final = Phase.WRAP_UP
_ENDED: Final = Phase.ENDED
_READY: Final = Presence.READY
_ON_AGENT_GONE: Final = Inner.AGENT_GONE
_ON_DIAL_EXPIRED: Final = Inner.DIAL_EXPIRED
_ON_LOST_TOO_LONG: Final = Inner.LOST_TOO_LONG
_ON_OFFER_EXPIRED: Final = Inner.OFFER_EXPIRED
_ON_OFFER_MADE: Final = Inner.OFFER_MADE
_ON_OFFER_TAKEN_BACK: Final = Inner.OFFER_TAKEN_BACK
_ON_WRAP_UP_EXPIRED: Final = Inner.WRAP_UP_EXPIRED
_CAUSE_ABANDONED: Final = EndCause.ABANDONED
_CAUSE_CALLBACK_FAILED: Final = EndCause.CALLBACK_FAILED
_CAUSE_CANCELLED: Final = EndCause.CANCELLED
_CAUSE_CLOSED: Final = EndCause.CLOSED
_CAUSE_FULL: Final = EndCause.FULL
_CAUSE_LOST: Final = EndCause.LOST
_BY_LEAST_OCCUPIED: Final = Selection.LEAST_OCCUPIED
_IN_VIDEO: Final = Channel.VIDEO
_IN_VOICE: Final = Channel.VOICE
_OFFLINE: Final = Presence.OFFLINE
_PAUSED: Final = Presence.PAUSED
_MOVES: Final = machine.MOVES
_FORGET: Final = estimate.FORGET
# Where it stands to be taken.
_NOWHERE, _HELD_FOR, _IN_GROUP = 0, 1, 2


class Router:
    """One fair queue over all queues. `journal=False` saves the copies for `changes` and `rollback` (simulation)."""

    def __init__(self, journal: bool = True) -> None:
        self._now = 0.0
        self._journal = journal
        self._contacts: dict[ContactId, Contact] = {}
        self._agents: dict[AgentId, Agent] = {}
        self._queues: dict[QueueId, Queue] = {}
        self._traits: dict[tuple[Any, ...], Traits] = {}
        self._traits_of: list[Traits] = []  # by their id
        self._group_count = 0
        self._timers: list[tuple[float, int, str, str]] = []
        self._ringing: dict[ContactId, Contact] = {}
        # Since the last mark: how touched things were before, None for new ones.
        self._marked_at = 0.0
        self._was_contact: dict[ContactId, tuple[Contact, tuple[Any, ...] | None]] = {}
        self._was_agent: dict[AgentId, tuple[Agent, tuple[Any, ...] | None]] = {}
        self._was_queue: dict[QueueId, tuple[Any, ...]] = {}
        # Within one event.
        self._out: list[Command] = []
        self._hot_contacts: list[Entry] = []
        self._hot_agents: dict[AgentId, Agent] = {}
        self._changed: dict[AgentId, Agent] = {}
        self._ratio_moved: dict[QueueId, Queue] = {}
        # Voice caller -> agents with texts in hand who take no more of them because that caller stands first.
        self._kept: dict[ContactId, dict[AgentId, Agent]] = {}
        self._trusting = False  # indexing states that were worked out before: windows are as they say

    # --- the way in ---------------------------------------------------------------------------------------

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take in what happened at `now` and return what is to be done, in order.

        A clock that went back counts as standing still. Raises IllegalEvent, with nothing changed, when the event
        does not fit the state. Only TimePassed lets leases and waits run out.
        """
        before = self._now
        if now > before:
            self._now = now
        self._out = []
        try:
            _HANDLERS[type(event)](self, event)
        except IllegalEvent:
            self._now = before
            raise
        self._match()
        return self._out

    def next_due(self) -> float | None:
        """When TimePassed is needed next (epoch seconds), or None."""
        timers = self._timers
        while timers:
            if self._counts(timers[0]):
                return timers[0][0]
            heappop(timers)
        return None

    # --- asking -------------------------------------------------------------------------------------------

    def contact(self, id: ContactId) -> ContactView | None:
        c = self._contacts.get(id)
        return None if c is None else _view_contact(c)

    def agent(self, id: AgentId) -> AgentView | None:
        a = self._agents.get(id)
        return None if a is None else self._view_agent(a)

    def queue(self, id: QueueId) -> QueueView | None:
        q = self._queues.get(id)
        return None if q is None or not q.known else self._view_queue(q)

    def contacts(self) -> list[ContactView]:
        return [_view_contact(c) for c in self._contacts.values()]

    def agents(self) -> list[AgentView]:
        return [self._view_agent(a) for a in self._agents.values()]

    def queues(self) -> list[QueueView]:
        return [self._view_queue(q) for q in self._queues.values() if q.known]

    def waiting(self, queue: QueueId) -> list[ContactId]:
        """Whose turn comes in this queue, in order; the first of them may be ringing already."""
        q = self._queues.get(queue)
        return [] if q is None else [entry[3] for entry in q.line]

    def place(self, contact: ContactId, now: float) -> Place:
        """What may be told to a waiting caller.

        The position counts those ahead who were there before: it never grows. While somebody stands ahead who came
        later by right (an emergency, a head start, a supervisor's word, a call-back or lost caller returning to their
        place) it is None.
        """
        c = self._contacts.get(contact)
        if c is None or not c.in_line:
            return Place(None, None, None)
        q = self._queues[c.queue]
        entry = c.entry
        ahead = bisect_left(q.line, entry)
        position: int | None = ahead + 1 if ahead == 0 or c.first else None
        for jumper in q.jumpers:
            if jumper >= entry:
                break
            if jumper[4].came > c.first:
                position = None
                break
        if c.phase is _OFFERED:
            return Place(position, 0.0, max((c.until or now) - now, 0.0))
        free = max(ahead - q.ringing, 0)
        found = estimate.wait(q.taken, q.exposure, q.given_up, q.waited, q.ready, free)
        if found is None:
            return Place(position, None, None)
        return Place(position, found[0] + q.ring_s, found[1] + q.ring_s)

    # --- what changed -------------------------------------------------------------------------------------

    def changes(self) -> Changes:
        """Folded states of all that was touched since the last mark; None where it has ended or signed out."""
        contacts = self._contacts
        agents = self._agents
        return Changes(
            {id: contacts[id].fold() if id in contacts else None for id in self._was_contact},
            {id: agents[id].fold() if id in agents else None for id in self._was_agent},
            {id: self._queues[id].fold() if self._queues[id].known else None for id in self._was_queue},
        )

    def mark(self) -> None:
        """From here on changes are counted, and to here `rollback` returns."""
        self._was_contact = {}
        self._was_agent = {}
        self._was_queue = {}
        self._marked_at = self._now

    def rollback(self) -> None:
        """Be exactly what the router was at the last mark."""
        for id in self._was_contact:
            if (c := self._contacts.get(id)) is not None:
                self._lift(c)
                self._ringing.pop(id, None)
        for id in self._was_agent:
            if (a := self._agents.pop(id, None)) is not None:
                self._unlist(a)
        self._now = self._marked_at
        for id, queue_state in self._was_queue.items():
            self._queues[id].put_back(queue_state)
            self._apply_rules(self._queues[id])
        for a, agent_state in self._was_agent.values():
            if agent_state is not None:
                a.put_back(agent_state)
                self._agents[a.id] = a
                self._enlist(a)
        for id, (c, contact_state) in self._was_contact.items():
            if contact_state is None:
                self._contacts.pop(id, None)
                continue
            c.put_back(contact_state)
            self._contacts[id] = c
        self._reindex([c for id, (c, _) in self._was_contact.items() if id in self._contacts])
        for a, agent_state in self._was_agent.values():
            if agent_state is not None:
                self._time_work(a)
        for id, queue_state in self._was_queue.items():
            self._queues[id].put_back(queue_state)
        self._list_all()
        self.mark()

    @classmethod
    def restore(
        cls,
        contacts: Iterable[Mapping[str, Any]],
        agents: Iterable[Mapping[str, Any]],
        queues: Iterable[Mapping[str, Any]],
        now: float,
        journal: bool = True,
    ) -> Router:
        """A router equal to the one that folded these states. Deliver TimePassed next: much may have fallen due."""
        router = cls(journal=journal)
        folded_queues = list(queues)
        for folded in folded_queues:
            router._queue(folded["id"]).unfold(folded)
        for q in list(router._queues.values()):
            router._apply_rules(q)
        for folded in agents:
            a = Agent.unfold(folded)
            router._agents[a.id] = a
            now = max(now, a.since, a.accounted)
        for folded in contacts:
            c = Contact.unfold(folded)
            router._contacts[c.id] = c
            now = max(now, c.since)
        router._now = max([now, *(q.seen_at for q in router._queues.values())])
        for a in router._agents.values():
            router._enlist(a)
            router._time_work(a)
        router._reindex(list(router._contacts.values()))
        for folded in folded_queues:  # indexing ran the estimates' clocks
            router._queues[folded["id"]].unfold(folded)
        router._list_all()
        router.mark()
        return router

    def _reindex(self, contacts: list[Contact]) -> None:
        """Put contacts whose state was set from outside where that state says, without matching anybody."""
        self._trusting = True
        for c in contacts:
            came, jumped, first = c.came, c.jumped, c.first
            self._index_at(c, c.stood_at)
            c.came, c.jumped, c.first = came, jumped, first
            if c.phase is _OFFERED:
                self._ringing[c.id] = c
        for q in {c.queue: self._queues[c.queue] for c in contacts}.values():
            q.jumpers = [entry for entry in q.line if entry[4].jumped]
        self._hot_contacts = []
        self._trusting = False

    def _list_all(self) -> None:
        for q in [q for q in self._queues.values() if q.ratios]:
            self._check_ratio(q)
        self._kept = {}
        for a in self._agents.values():
            a.kept_for = ""
            self._list(a)
            if a.work and a.presence is _READY:
                self._best_for(a)
        self._hot_contacts = []
        self._hot_agents = {}
        self._changed = {}
        self._ratio_moved = {}

    # --- events: queues -----------------------------------------------------------------------------------

    def _on_queue_set(self, event: QueueSet) -> None:
        q = self._queue(event.rules.id)
        self._touch_queue(q)
        q.watch(self._now)
        waiting = [entry[4] for entry in q.line]
        for c in waiting:
            self._touch_contact(c)
            self._leave_spot(c)
        reselect = q.rules.selection is not event.rules.selection
        q.set_rules(event.rules)
        self._apply_rules(q)
        for c in waiting:
            self._index(c)
        if reselect:
            for heaps in q.idle.values():
                heaps.clear()
            for a in q.members.values():
                a.stamp += 1
                self._changed[a.id] = a
        self._ratio_moved[q.id] = q

    def _apply_rules(self, q: Queue) -> None:
        """Follow the rules into the indices: overflow by ratio. Groups of old rules empty themselves."""
        for target in q.overflowing:
            target.sources.pop(q.id, None)
        q.overflowing = ()
        ratios = {o.to: o.ratio for o in q.rules.overflow if o.ratio is not None and o.to != q.id}
        q.ratios = tuple((self._queue(to), ratio) for to, ratio in ratios.items())

    # --- events: agents -----------------------------------------------------------------------------------

    def _on_signed_in(self, event: AgentSignedIn) -> None:
        profile = event.profile
        a = self._agents.get(profile.id)
        if a is None:
            a = Agent(profile, self._now)
            self._touch_new_agent(a)
            self._agents[a.id] = a
            a.presence = machine.PRESENCE[_OFFLINE]["AgentSignedIn"]
            a.reason = "signed_in"
            self._enlist(a)
            return
        self._touch_agent(a)
        self._unlist(a)
        a.profile = profile
        self._enlist(a)
        a.stamp += 1
        self._changed[a.id] = a
        if a.presence is _READY:
            self._hot_agents[a.id] = a
        for c in list(a.exclusive.values()):
            self._restand(c)

    def _on_signed_out(self, event: AgentSignedOut) -> None:
        a = self._known_agent(event, event.agent)
        self._touch_agent(a)
        self._set_presence(a, _OFFLINE, event.reason)
        for id in list(a.work):
            self._drop(a, id)
        self._unlist(a)
        del self._agents[a.id]
        self._hot_agents.pop(a.id, None)
        self._changed.pop(a.id, None)
        self._let_go(a)

    def _drop(self, a: Agent, id: ContactId) -> None:
        """Give back one piece of work of an agent who has gone."""
        task = a.work[id]
        c = self._contacts.get(id)
        if c is not None and c.agent != a.id:
            c = None  # transferred: the agent was only writing up
        if c is not None:
            self._touch_contact(c)
        self._unwork(a, id)
        if task.doing == WRITES:
            self._out.append(EndWrapUp(id, a.id, "agent_gone"))
            if c is not None:
                self._end(c, _ON_AGENT_GONE, c.cause)
            return
        assert c is not None  # an offer, a dialling and a talk always have their contact
        if task.doing == RINGING:
            self._out.append(WithdrawOffer(id, a.id, c.offer, "agent_gone"))
            self._back_from_offer(c, _ON_AGENT_GONE)
        elif task.doing == DIALS:
            self._out.append(StopDialling(id, a.id, "agent_gone"))
            self._back_to_wait(c, _ON_AGENT_GONE)
        else:
            self._out.append(StopTalk(id, a.id, "agent_gone"))
            self._back_to_wait(c, _ON_AGENT_GONE)

    def _on_ready(self, event: AgentReady) -> None:
        a = self._known_agent(event, event.agent)
        if a.presence is _READY:
            return
        self._touch_agent(a)
        self._set_presence(a, _READY, "")
        if not a.work:
            a.idle_since = self._now
        self._hot_agents[a.id] = a

    def _on_paused(self, event: AgentPaused) -> None:
        a = self._known_agent(event, event.agent)
        if a.presence is _PAUSED and a.reason == event.reason:
            return
        self._touch_agent(a)
        self._set_presence(a, _PAUSED, event.reason)
        for id, task in list(a.work.items()):
            if task.doing == RINGING:
                c = self._contacts[id]
                self._touch_contact(c)
                self._unwork(a, id)
                self._out.append(WithdrawOffer(id, a.id, c.offer, "paused"))
                self._back_from_offer(c, _ON_OFFER_TAKEN_BACK)

    def _set_presence(self, a: Agent, presence: Presence, reason: str) -> None:
        now = self._now
        a.account(now)
        if (a.presence is _READY) != (presence is _READY):
            step = 1 if presence is _READY else -1
            for q in a.qs:
                self._touch_queue(q)
                q.watch(now)
                q.ready += step
                if q.ratios:
                    self._ratio_moved[q.id] = q
        a.presence = presence
        a.reason = reason
        a.since = now
        self._restamp(a)
        if presence is not _READY:
            self._hot_agents.pop(a.id, None)
            self._let_go(a)
            for c in list(a.exclusive.values()):
                self._restand(c)

    # --- events: coming and going of callers --------------------------------------------------------------

    def _on_queued(self, event: ContactQueued) -> None:
        if event.contact in self._contacts:
            raise IllegalEvent(event, "this contact is in hand already")
        q = self._queues.get(event.queue)
        if q is None or not q.known:
            raise IllegalEvent(event, "no such queue")
        rules = q.rules
        if not rules.open:
            self._out.append(RefuseContact(event.contact, _CAUSE_CLOSED))
            return
        if rules.limit is not None and q.waiting >= rules.limit and not event.emergency:
            self._out.append(RefuseContact(event.contact, _CAUSE_FULL))
            return
        c = Contact(event.contact, q.id, event.channel, self._now)
        self._touch_new_contact(c)
        c.needs = event.needs
        c.hard = event.hard
        c.head_start_s = event.head_start_s
        c.emergency = event.emergency
        c.preferred = event.preferred
        c.simulated = event.simulated
        self._contacts[c.id] = c
        self._join(c, q)
        if c.preferred and not c.emergency:
            c.only = c.preferred
            c.only_until = self._now + rules.preferred_s
        self._index(c)

    def _join(self, c: Contact, q: Queue) -> None:
        """Take a number in a queue; the time of first entry stays."""
        self._touch_queue(q)
        c.queue = q.id
        c.entered_at = self._now
        c.first = -1
        q.serial += 1
        c.seq = q.serial
        c.key = c.queued_at - (q.rules.head_start_s + c.head_start_s)
        c.rank()

    def _on_hung_up(self, event: CallerHungUp) -> None:
        c = self._contact_for(event, event.contact)
        phase = c.phase
        if phase is _WRAP_UP:
            return
        self._touch_contact(c)
        if phase is _TALKING or phase is _HELD:
            self._end_talk(c, "CallerHungUp", "caller_gone")
            return
        if phase is _OFFERED:
            self._withdraw(c, "caller_gone")
        elif phase is _DIALLING:
            self._stop_dialling(c, "caller_gone")
        kept = _CAUSE_CANCELLED if c.callback else _CAUSE_ABANDONED
        cause = _CAUSE_CALLBACK_FAILED if phase is _DIALLING else kept
        self._gave_up(c)
        self._end(c, "CallerHungUp", cause)

    def _on_lost(self, event: CallerLost) -> None:
        c = self._contact_for(event, event.contact)
        if c.lost_since is not None or c.phase is _WRAP_UP:
            return
        self._touch_contact(c)
        now = self._now
        rules = self._queues[c.queue].rules
        phase = c.phase
        c.lost_since = now
        if phase is _TALKING or phase is _HELD:
            c.until = now + rules.lost_talk_s
            self._time(c, c.until)
            return
        if phase is _DIALLING:
            return
        if phase is _OFFERED:
            self._withdraw(c, "caller_gone")
            self._move(c, "CallerLost", _CALLBACK if c.callback else _QUEUED)
        self._gave_up(c)
        c.until = now + (rules.lost_callback_s if c.callback else rules.lost_s)
        self._index(c)

    def _on_back(self, event: CallerBack) -> None:
        c = self._contact_for(event, event.contact)
        if c.lost_since is None:
            return
        self._touch_contact(c)
        c.lost_since = None
        if c.phase is _DIALLING:
            return
        c.until = None
        if c.phase is _QUEUED or c.phase is _CALLBACK:
            self._index(c)
        else:
            self._time(c, NEVER)

    def _on_callback_asked(self, event: CallbackAsked) -> None:
        c = self._contact_for(event, event.contact)
        self._touch_contact(c)
        if c.phase is _OFFERED:
            self._withdraw(c, "callback")
        c.callback = True
        c.not_before = event.not_before
        if c.phase is not _CALLBACK:
            self._move(c, "CallbackAsked", _CALLBACK)
        if c.lost_since is not None:
            c.until = c.lost_since + self._queues[c.queue].rules.lost_callback_s
        self._index(c)

    def _on_reordered(self, event: ContactReordered) -> None:
        c = self._contact_for(event, event.contact)
        self._touch_contact(c)
        q = self._queues[c.queue]
        before = c.entry
        self._lift(c)
        c.head_start_s = event.head_start_s
        if event.emergency is not None:
            c.emergency = event.emergency
        c.key = c.queued_at - (q.rules.head_start_s + c.head_start_s)
        c.rank()
        if c.entry > before:
            c.first = 0  # all who stand ahead now may have been behind: no position until the front
        if c.emergency:
            c.only = ()
        self._index(c)

    def _on_cancelled(self, event: ContactCancelled) -> None:
        c = self._contact_for(event, event.contact)
        self._touch_contact(c)
        if c.phase is _OFFERED:
            self._withdraw(c, "cancelled")
        elif c.phase is _DIALLING:
            self._stop_dialling(c, "cancelled")
        self._gave_up(c)
        self._end(c, "ContactCancelled", _CAUSE_CANCELLED)

    # --- events: offers -----------------------------------------------------------------------------------

    def _offered_to(self, event: OfferAccepted | OfferDeclined) -> tuple[Contact, Agent]:
        c = self._contact_for(event, event.contact)
        if c.agent != event.agent or c.offer != event.offer:
            raise IllegalEvent(event, "this offer is not running")
        return c, self._agents[event.agent]

    def _on_accepted(self, event: OfferAccepted) -> None:
        c, a = self._offered_to(event)
        self._touch_contact(c)
        self._touch_agent(a)
        now = self._now
        q = self._queues[c.queue]
        self._touch_queue(q)
        q.ring_s += (now - c.since - q.ring_s) * 0.05
        c.offer = ""
        c.only = ()
        c.direct = False
        self._ringing.pop(c.id, None)
        if c.callback:
            c.until = now + q.rules.dial_s
            a.account(now)
            a.work[c.id] = Task(DIALS, c.channel, c.until)
            self._move(c, "OfferAccepted", _DIALLING)
            self._index(c)
            self._out.append(DialPatient(c.id, a.id))
            return
        c.until = None
        self._start_talk(c, a, "OfferAccepted")

    def _start_talk(self, c: Contact, a: Agent, trigger: str) -> None:
        a.account(self._now)
        a.work[c.id] = Task(TALKS, c.channel, None)
        c.talk += 1
        c.until = None
        c.lost_since = None
        c.callback = False
        c.not_before = None
        self._move(c, trigger, _TALKING)
        self._index(c)
        self._out.append(StartTalk(c.id, a.id))

    def _on_declined(self, event: OfferDeclined) -> None:
        c, a = self._offered_to(event)
        self._touch_contact(c)
        self._touch_agent(a)
        self._out.append(WithdrawOffer(c.id, a.id, c.offer, "declined"))
        self._keep_from(c, a)
        self._unwork(a, c.id)
        self._back_from_offer(c, "OfferDeclined")

    def _keep_from(self, c: Contact, a: Agent) -> None:
        c.declined = {**c.declined, a.id: self._now + self._queues[c.queue].rules.declined_s}

    def _withdraw(self, c: Contact, reason: str) -> None:
        """Stop ringing the agent; the contact itself goes on as the caller decides."""
        a = self._agents[c.agent]
        self._touch_agent(a)
        self._out.append(WithdrawOffer(c.id, a.id, c.offer, reason))
        self._unwork(a, c.id)
        self._untake(c)

    def _untake(self, c: Contact) -> None:
        self._ringing.pop(c.id, None)
        if c.waited:  # nobody was taken from the line after all
            q = self._queues[c.queue]
            self._touch_queue(q)
            q.taken = max(q.taken - 1.0, 0.0)
            c.waited = False
        c.agent = ""
        c.offer = ""
        c.until = None

    def _back_from_offer(self, c: Contact, trigger: str) -> None:
        self._untake(c)
        self._back_to_wait(c, trigger)

    def _back_to_wait(self, c: Contact, trigger: str) -> None:
        """To its exact place: key, number and first entry are as they were."""
        c.agent = ""
        c.offer = ""
        c.until = None
        c.held_since = None
        self._move(c, trigger, _CALLBACK if c.callback else _QUEUED)
        if c.lost_since is not None:
            rules = self._queues[c.queue].rules
            c.until = c.lost_since + (rules.lost_callback_s if c.callback else rules.lost_s)
        self._index(c)

    # --- events: call-backs -------------------------------------------------------------------------------

    def _on_patient_answered(self, event: PatientAnswered) -> None:
        c = self._contact_for(event, event.contact)
        a = self._agents[c.agent]
        self._touch_contact(c)
        self._touch_agent(a)
        self._start_talk(c, a, "PatientAnswered")

    def _on_patient_unreached(self, event: PatientUnreached) -> None:
        c = self._contact_for(event, event.contact)
        self._touch_contact(c)
        self._stop_dialling(c, "unreached")
        c.tries += 1
        if event.retry_at is None:
            self._end(c, "PatientUnreached", _CAUSE_CALLBACK_FAILED)
            return
        c.not_before = event.retry_at
        self._back_to_wait(c, "PatientUnreached")

    def _stop_dialling(self, c: Contact, reason: str) -> None:
        a = self._agents[c.agent]
        self._touch_agent(a)
        self._out.append(StopDialling(c.id, a.id, reason))
        self._unwork(a, c.id)

    # --- events: talks ------------------------------------------------------------------------------------

    def _talk_of(self, event: TalkHeld | TalkResumed | TalkEnded | TalkTransferred) -> tuple[Contact, Agent]:
        c = self._contact_for(event, event.contact)
        if c.agent != event.agent:
            raise IllegalEvent(event, "another agent has this talk")
        return c, self._agents[event.agent]

    def _on_held(self, event: TalkHeld) -> None:
        c, a = self._talk_of(event)
        self._touch_contact(c)
        c.held_since = self._now
        self._move(c, "TalkHeld", _HELD)
        self._out.append(HoldTalk(c.id, a.id))

    def _on_resumed(self, event: TalkResumed) -> None:
        c, a = self._talk_of(event)
        self._touch_contact(c)
        c.held_since = None
        self._move(c, "TalkResumed", _TALKING)
        self._out.append(ResumeTalk(c.id, a.id))

    def _on_talk_ended(self, event: TalkEnded) -> None:
        c, _ = self._talk_of(event)
        self._touch_contact(c)
        self._end_talk(c, "TalkEnded", "ended")

    def _end_talk(self, c: Contact, trigger: str, reason: str) -> None:
        a = self._agents[c.agent]
        self._touch_agent(a)
        c.held_since = None
        c.lost_since = None
        c.until = None
        self._out.append(StopTalk(c.id, a.id, reason))
        self._write_up(c, a)
        task = a.work.get(c.id)
        if task is None:
            self._end(c, trigger, c.cause)
            return
        c.until = task.until
        self._move(c, trigger, _WRAP_UP)
        self._time(c, NEVER)

    def _write_up(self, c: Contact, a: Agent) -> None:
        """From talk to writing-up, or straight to free where the queue allows no time for it."""
        wrap_up_s = self._queues[c.queue].rules.wrap_up_s
        if wrap_up_s <= 0.0:
            self._unwork(a, c.id)
            return
        until = self._now + wrap_up_s
        a.account(self._now)
        a.work[c.id] = Task(WRITES, c.channel, until)
        heappush(self._timers, (until, 1, a.id, c.id))
        self._out.append(StartWrapUp(c.id, a.id, until))

    def _on_transferred(self, event: TalkTransferred) -> None:
        c, a = self._talk_of(event)
        q = self._queues.get(event.queue)
        if q is None or not q.known:
            raise IllegalEvent(event, "no such queue")
        other = self._agents.get(event.to_agent) if event.to_agent else None
        if event.to_agent:
            if other is None or other.presence is not _READY or other is a:
                raise IllegalEvent(event, "that agent is not ready")
            if other.profile.capacity.get(c.channel, 0) < 1:
                raise IllegalEvent(event, "that agent does not take this channel")
        elif not q.rules.open:
            raise IllegalEvent(event, "that queue is closed")
        self._touch_contact(c)
        self._touch_agent(a)
        self._out.append(StopTalk(c.id, a.id, "transferred"))
        self._write_up(c, a)
        lost_since = c.lost_since
        if event.needs is not None:
            c.needs = event.needs
        self._keep_from(c, a)
        self._join(c, q)
        c.only = (other.id,) if other is not None else ()
        c.direct = other is not None
        c.only_until = self._now + max(q.rules.preferred_s, q.rules.offer_s)
        c.lost_since = lost_since
        self._back_to_wait(c, "TalkTransferred")

    def _on_wrap_up_done(self, event: WrapUpDone) -> None:
        a = self._agents.get(event.agent)
        task = a.work.get(event.contact) if a is not None else None
        if a is None or task is None or task.doing != WRITES:
            raise IllegalEvent(event, "this agent is not writing this contact up")
        self._end_wrap_up(a, event.contact, "WrapUpDone", "saved")

    def _end_wrap_up(self, a: Agent, id: ContactId, trigger: str, reason: str) -> None:
        self._touch_agent(a)
        c = self._contacts.get(id)
        self._unwork(a, id)
        self._out.append(EndWrapUp(id, a.id, reason))
        if c is not None and c.phase is _WRAP_UP and c.agent == a.id:
            self._touch_contact(c)
            self._end(c, trigger, c.cause)

    # --- time ---------------------------------------------------------------------------------------------

    def _on_time_passed(self, event: TimePassed) -> None:
        timers = self._timers
        now = self._now
        while timers and timers[0][0] <= now:
            timer = heappop(timers)
            if not self._counts(timer):
                continue
            if timer[1]:
                self._end_wrap_up(self._agents[timer[2]], timer[3], _ON_WRAP_UP_EXPIRED, "expired")
            else:
                self._fall_due(self._contacts[timer[2]])

    def _counts(self, timer: tuple[float, int, str, str]) -> bool:
        due, kind, id, other = timer
        if kind:
            a = self._agents.get(id)
            task = a.work.get(other) if a is not None else None
            return task is not None and task.doing == WRITES and task.until == due
        c = self._contacts.get(id)
        return c is not None and c.due == due

    def _fall_due(self, c: Contact) -> None:
        self._touch_contact(c)
        c.due = NEVER
        phase = c.phase
        if phase is _OFFERED:
            a = self._agents[c.agent]
            self._touch_agent(a)
            self._out.append(WithdrawOffer(c.id, a.id, c.offer, "expired"))
            self._set_presence(a, machine.PRESENCE[_READY]["OfferExpired"], "no_answer")
            self._unwork(a, c.id)
            self._out.append(PauseAgent(a.id, "no_answer"))
            self._back_from_offer(c, _ON_OFFER_EXPIRED)
            self._take_back_rest(a)
        elif phase is _DIALLING:
            self._stop_dialling(c, "expired")
            c.tries += 1
            c.not_before = self._now + self._queues[c.queue].rules.retry_s
            self._back_to_wait(c, _ON_DIAL_EXPIRED)
        elif phase is _TALKING or phase is _HELD:
            c.cause = _CAUSE_LOST
            self._end_talk(c, _ON_LOST_TOO_LONG, "caller_lost")
        elif c.lost_since is not None:
            self._end(c, _ON_LOST_TOO_LONG, _CAUSE_LOST)
        else:
            self._index(c)

    def _take_back_rest(self, a: Agent) -> None:
        """An agent who let one offer ring out is not there: the others must not ring out too."""
        for id, task in list(a.work.items()):
            if task.doing == RINGING:
                c = self._contacts[id]
                self._touch_contact(c)
                self._unwork(a, id)
                self._out.append(WithdrawOffer(id, a.id, c.offer, "paused"))
                self._back_from_offer(c, _ON_OFFER_TAKEN_BACK)

    def _time(self, c: Contact, due: float) -> None:
        if c.due != due:
            c.due = due
            if due != NEVER:
                heappush(self._timers, (due, 0, c.id, ""))

    def _time_work(self, a: Agent) -> None:
        for id, task in a.work.items():
            if task.doing == WRITES and task.until is not None:
                heappush(self._timers, (task.until, 1, a.id, id))

    # --- the life of a contact ----------------------------------------------------------------------------

    def _contact_for(self, event: Any, id: ContactId) -> Contact:
        c = self._contacts.get(id)
        if c is None:
            raise IllegalEvent(event, "no such contact, or it has ended")
        if type(event).__name__ not in _MOVES[c.phase]:
            raise IllegalEvent(event, f"not while {c.phase.value}")
        return c

    def _known_agent(self, event: Any, id: AgentId) -> Agent:
        a = self._agents.get(id)
        if a is None:
            raise IllegalEvent(event, "this agent is not signed in")
        return a

    def _move(self, c: Contact, trigger: str, to: Phase) -> None:
        if to not in _MOVES[c.phase][trigger]:
            raise AssertionError(f"{c.phase} -> {to} by {trigger} is not in the table")
        c.phase = to
        c.since = self._now

    def _gave_up(self, c: Contact) -> None:
        """Count a loss from the line for the estimate."""
        if c.place != _NOWHERE:
            q = self._queues[c.queue]
            self._touch_queue(q)
            q.given_up += 1.0

    def _end(self, c: Contact, trigger: str, cause: EndCause) -> None:
        self._move(c, trigger, _ENDED)
        self._lift(c)
        self._time(c, NEVER)
        del self._contacts[c.id]
        c.entry = ()  # it names the contact itself: let both go at once, without the collector
        self._out.append(EndContact(c.id, cause))

    def _unwork(self, a: Agent, id: ContactId) -> None:
        now = self._now
        a.account(now)
        del a.work[id]
        if not a.work:
            a.idle_since = now
        self._restamp(a)
        if a.presence is _READY:
            self._hot_agents[a.id] = a

    # --- indices: contacts --------------------------------------------------------------------------------

    def _queue(self, id: QueueId) -> Queue:
        q = self._queues.get(id)
        if q is None:
            q = self._queues[id] = Queue(id)
        return q

    def _index(self, c: Contact) -> None:
        """Stand where the state says: in line or not, to be taken or not, counted once, the right timer running."""
        self._index_at(c, self._now)

    def _index_at(self, c: Contact, at: float) -> None:
        phase = c.phase
        q = self._queues[c.queue]
        if phase is _OFFERED:
            self._leave_spot(c)
            self._enter_line(c, q)
            self._count(c, q, _COUNT_RINGING)
            self._time(c, c.until if c.until is not None else NEVER)
            return
        if phase is not _QUEUED and phase is not _CALLBACK:
            self._lift(c)
            lasting = phase is _DIALLING or c.lost_since is not None
            self._time(c, c.until if lasting and c.until is not None else NEVER)
            return
        late = c.not_before is not None and c.not_before > at
        if c.lost_since is not None or late:
            self._leave_spot(c)
            self._leave_line(c)
            self._count(c, q, _COUNT_CALLBACK if c.callback else _COUNT_LOST)
            due = NEVER
            if c.lost_since is not None and c.until is not None:
                due = c.until
            elif c.not_before is not None:
                due = c.not_before
            self._time(c, due)
            return
        self._enter_line(c, q)
        self._count(c, q, _COUNT_CALLBACK if c.callback else _COUNT_QUEUED)
        self._leave_spot(c)
        self._stand(c, q, at)

    def _lift(self, c: Contact) -> None:
        self._leave_spot(c)
        self._leave_line(c)
        self._count(c, self._queues[c.queue], _UNCOUNTED)

    def _count(self, c: Contact, q: Queue, tally: int) -> None:
        was = c.tally
        if was == tally:
            return
        if was == _UNCOUNTED:
            q.waiting += 1
        elif was == _COUNT_RINGING:
            q.ringing -= 1
        elif was == _COUNT_CALLBACK:
            q.callbacks -= 1
        elif was == _COUNT_LOST:
            q.lost -= 1
        if tally == _UNCOUNTED:
            q.waiting -= 1
        elif tally == _COUNT_RINGING:
            q.ringing += 1
        elif tally == _COUNT_CALLBACK:
            q.callbacks += 1
        elif tally == _COUNT_LOST:
            q.lost += 1
        c.tally = tally

    def _enter_line(self, c: Contact, q: Queue) -> None:
        if c.in_line:
            return
        self._touch_queue(q)
        c.in_line = True
        q.serial += 1
        c.came = q.serial
        if c.first < 0:
            c.first = q.serial
        line = q.line
        entry = c.entry
        if not line or line[-1] < entry:
            line.append(entry)
            c.jumped = False
        else:
            insort(line, entry)
            insort(q.jumpers, entry)
            c.jumped = True
        if 0 < c.first < c.came:
            self._note_overtakers(c, q)

    def _note_overtakers(self, c: Contact, q: Queue) -> None:
        """One who comes back to an old place finds those ahead who came in the meantime, by right of a head start."""
        for entry in q.line:
            other = entry[4]
            if other is c:
                return
            if other.came > c.first and not other.jumped:
                self._touch_contact(other)
                other.jumped = True
                insort(q.jumpers, entry)

    def _leave_line(self, c: Contact) -> None:
        if not c.in_line:
            return
        c.in_line = False
        q = self._queues[c.queue]
        _remove(q.line, c.entry)
        if c.jumped:
            _remove(q.jumpers, c.entry)
            c.jumped = False

    def _stand(self, c: Contact, q: Queue, now: float) -> None:
        """Stand to be taken: by some agents alone while a window runs, else in the group of those like it."""
        c.stood_at = now
        rules = q.rules
        due = NEVER
        if c.declined:
            c.declined = {id: until for id, until in c.declined.items() if until > now}
            if c.declined:
                due = min(c.declined.values())
        by = 0
        for relax in rules.relax:
            at = c.entered_at + relax.after_s
            if at <= now:
                by += relax.by
            elif at < due:
                due = at
        serving = [q]
        for overflow in rules.overflow:
            if overflow.after_s is not None:
                at = c.entered_at + overflow.after_s
                if at <= now:
                    target = self._queue(overflow.to)
                    if target not in serving:
                        serving.append(target)
                elif at < due:
                    due = at
        group = self._group(c, q, serving, by)
        c.group = group
        c.place = _IN_GROUP
        if c.only:
            self._hold_for(c, group, now)
            if c.only and c.only_until < due:
                due = c.only_until
        self._touch_queue(q)
        q.watch(self._now)
        q.unassigned += 1
        if q.ratios:
            self._ratio_moved[q.id] = q
        if c.place == _IN_GROUP:
            line = group.line
            if not line:
                for served in group.serving:
                    served.groups[group.number] = group
            insort(line, c.entry)
        heappush(self._hot_contacts, c.entry)
        self._time(c, due)

    def _hold_for(self, c: Contact, group: Group, now: float) -> None:
        """Keep it for its agents alone, as long as the window runs and one of them is ready and may take it."""
        agents = self._agents
        only: list[Agent] = []
        if self._trusting:
            only = [agents[id] for id in c.only]
        elif now < c.only_until:
            for id in c.only:
                a = agents.get(id)
                if a is None or a.presence is not _READY or id in c.declined:
                    continue
                if c.direct or _serves(a, group):
                    only.append(a)
        c.only = tuple(a.id for a in only)
        if not only:
            c.direct = False
            return
        c.place = _HELD_FOR
        for a in only:
            a.exclusive[c.id] = c

    def _may_serve(self, a: Agent, group: Group) -> bool:
        """Whether this agent serves the group now, overflow by ratio included."""
        if _serves(a, group):
            return True
        over = any(q.id in a.profile.queues for q in group.home.overflowing)
        return over and group.suits(a.traits)

    def _leave_spot(self, c: Contact) -> None:
        if c.place == _NOWHERE:
            return
        q = self._queues[c.queue]
        self._touch_queue(q)
        q.watch(self._now)
        q.unassigned -= 1
        if q.ratios:
            self._ratio_moved[q.id] = q
        if c.place == _HELD_FOR:
            for id in c.only:
                a = self._agents.get(id)
                if a is not None:
                    a.exclusive.pop(c.id, None)
        elif c.group is not None:
            line = c.group.line
            if line[0] is c.entry:
                del line[0]
            else:
                _remove(line, c.entry)
            if not line:
                for served in c.group.serving:
                    del served.groups[c.group.number]
        c.place = _NOWHERE
        if c.whole and c.id in self._kept:
            for a in self._kept.pop(c.id).values():
                a.kept_for = ""
                self._hot_agents[a.id] = a

    def _restand(self, c: Contact) -> None:
        self._touch_contact(c)
        self._leave_spot(c)
        self._stand(c, self._queues[c.queue], self._now)

    def _group(self, c: Contact, q: Queue, serving: list[Queue], by: int) -> Group:
        key = (c.channel, c.needs, c.hard, by, len(serving), serving[-1].id)
        group = q.own.get(key)
        if group is None or group.serving != tuple(serving):
            self._group_count += 1
            needs = _relaxed(c.needs, c.hard, by)
            group = q.own[key] = Group(self._group_count, q, tuple(serving), c.channel, needs)
        return group

    # --- indices: agents ----------------------------------------------------------------------------------

    def _enlist(self, a: Agent) -> None:
        profile = a.profile
        channels = frozenset(channel for channel, most in profile.capacity.items() if most > 0)
        key = (frozenset(profile.skills.items()), channels)
        traits = self._traits.get(key)
        if traits is None:
            traits = self._traits[key] = Traits(len(self._traits), dict(profile.skills), channels)
            self._traits_of.append(traits)
        a.traits = traits
        a.qs = [self._queue(id) for id in sorted(profile.queues)]
        ready = a.presence is _READY
        for q in a.qs:
            q.members[a.id] = a
            if ready:
                self._touch_queue(q)
                q.watch(self._now)
                q.ready += 1
                if q.ratios:
                    self._ratio_moved[q.id] = q

    def _unlist(self, a: Agent) -> None:
        a.stamp += 1
        ready = a.presence is _READY
        for q in a.qs:
            del q.members[a.id]
            if ready:
                self._touch_queue(q)
                q.watch(self._now)
                q.ready -= 1
                if q.ratios:
                    self._ratio_moved[q.id] = q
        a.qs = []

    def _restamp(self, a: Agent) -> None:
        """Work or presence changed: where the agent stood free no longer holds."""
        a.share = a.occupancy()
        a.stamp += 1
        self._changed[a.id] = a

    def _list(self, a: Agent) -> None:
        """Stand among the free agents of every queue, for every channel with room."""
        if a.listed == a.stamp or a.presence is not _READY:
            return
        a.listed = a.stamp
        work = a.work
        load = len(work)
        if load and _whole_in_hand(a):
            return
        channels = [channel for channel in a.traits.channels if self._room(a, channel)]
        for q in a.qs:
            share = a.share if q.rules.selection is _BY_LEAST_OCCUPIED else 0.0
            entry: Free = (load, share, a.idle_since, a.id, a.stamp, a)
            for channel in channels:
                heaps = q.idle[channel]
                heap = heaps.get(a.traits.id)
                if heap is None:
                    heap = heaps[a.traits.id] = []
                elif len(heap) > 2 * len(q.members) + 16:
                    heap[:] = [e for e in heap if e[5].stamp == e[4]]
                    heapify(heap)
                heappush(heap, entry)

    def _room(self, a: Agent, channel: Channel) -> bool:
        """Whether the agent could take one more of this channel now."""
        work = a.work
        most = a.profile.capacity.get(channel, 0)
        if not work:
            return most > 0
        if channel is _IN_VOICE or channel is _IN_VIDEO:
            return False
        held = 0
        for task in work.values():
            if task.whole:
                return False
            if task.channel is channel:
                held += 1
        return held < most

    # --- matching -----------------------------------------------------------------------------------------

    def _match(self) -> None:
        if self._ratio_moved:
            self._check_ratios()
        hot = self._hot_agents
        contacts = self._hot_contacts
        if hot or contacts:
            if len(hot) == 1 and not contacts:
                _, a = hot.popitem()
                while (entry := self._best_for(a)) is not None:
                    self._offer(entry[4], a)
            elif len(contacts) == 1 and not hot and not self._changed and not contacts[0][4].emergency:
                self._match_one(contacts.pop())
            if hot or contacts:
                self._match_all()
        while self._ratio_moved:
            self._check_ratios()
            self._match_all()
        if self._changed:
            for a in self._changed.values():
                self._list(a)
            self._changed = {}

    def _match_one(self, entry: Entry) -> None:
        """The commonest case: one contact has come, and nothing else has moved."""
        if self._stands(entry):
            a = self._find_agent(entry[4])
            if a is not None:
                self._offer(entry[4], a)

    def _match_all(self) -> None:
        """Always the first contact in order for whom anybody is free, to the best agent for it."""
        contacts = self._hot_contacts
        agents = self._hot_agents
        for a in self._changed.values():
            self._list(a)
        for a in agents.values():
            self._list(a)
        while contacts or agents:
            while contacts and not self._stands(contacts[0]):
                heappop(contacts)
            best = contacts[0] if contacts else None
            taker: Agent | None = None
            for a in list(agents.values()):
                entry = self._best_for(a)
                if entry is None:
                    agents.pop(a.id, None)
                elif best is None or entry < best:
                    best = entry
                    taker = a
            if best is None:
                break
            found = self._find_agent(best[4]) or taker
            if found is None and best[4].emergency:
                found = self._take_back_for(best[4])
            if found is None:
                heappop(contacts)
                continue
            self._offer(best[4], found)
            self._list(found)

    def _stands(self, entry: Entry) -> bool:
        c = entry[4]
        return c.place != _NOWHERE and c.entry is entry and self._contacts.get(c.id) is c

    def _best_for(self, a: Agent) -> Entry | None:
        """The first contact in order that this agent may take, None when they may take none now.

        A voice caller before all texts keeps an agent with texts in hand from taking more.
        """
        if a.presence is not _READY:
            return None
        partly = False
        if a.work:
            if _whole_in_hand(a):
                return None
            partly = True
        traits = a.traits
        traits_id = traits.id
        best: Entry | None = None
        for q in a.qs:
            for group in q.groups.values():
                entry = group.line[0]
                if best is not None and best < entry:
                    continue
                suits = group.fits.get(traits_id)
                if suits is None:
                    suits = group.suits(traits)
                if not suits:
                    continue
                best = self._earlier(a, group, best, partly) if partly or entry[4].declined else entry
            if q.sources:
                best = self._best_of_sources(a, q, best, partly)
        for c in a.exclusive.values():
            if (best is None or c.entry < best) and c.id not in a.work:
                if partly and not c.whole and not self._room(a, c.channel):
                    continue
                best = c.entry
        if best is not None and partly and best[4].whole:
            self._keep_free(a, best[4])
            return None
        return best

    def _best_of_sources(self, a: Agent, q: Queue, best: Entry | None, partly: bool) -> Entry | None:
        """The same among the queues that overflow into this one by ratio."""
        for source in q.sources.values():
            for group in source.groups.values():
                if group.home is source and group.suits(a.traits):
                    best = self._earlier(a, group, best, partly)
        return best

    def _keep_free(self, a: Agent, caller: Contact) -> None:
        """Give this agent no more texts until the voice caller who stands first has been served."""
        if a.kept_for != caller.id:
            self._let_go(a)
            a.kept_for = caller.id
            self._kept.setdefault(caller.id, {})[a.id] = a

    def _let_go(self, a: Agent) -> None:
        kept = self._kept.get(a.kept_for)
        if kept is not None:
            kept.pop(a.id, None)
            if not kept:
                del self._kept[a.kept_for]
        a.kept_for = ""

    def _earlier(self, a: Agent, group: Group, best: Entry | None, partly: bool) -> Entry | None:
        entry = group.line[0]
        if best is not None and best < entry:
            return best
        if partly and not group.whole and not self._room(a, group.channel):
            return best
        for entry in group.line:
            if best is not None and best < entry:
                return best
            c = entry[4]
            if c.declined and a.id in c.declined:
                continue
            if partly and c.id in a.work:
                continue
            return entry
        return best

    def _find_agent(self, c: Contact) -> Agent | None:
        """The free agent whose turn it is to take this contact: of its own queue first, then where it overflows to."""
        group = c.group
        assert group is not None
        if c.place == _HELD_FOR:
            return self._find_only(c)
        for q in (*group.serving, *group.home.overflowing):
            best: Free | None = None
            heaps = q.idle[c.channel]
            for traits_id, heap in heaps.items():
                if not heap:
                    continue
                suits = group.fits.get(traits_id)
                if suits is None:
                    suits = group.suits(self._traits_of[traits_id])
                if not suits:
                    continue
                free = self._first_free(heap, c)
                if free is not None and (best is None or free < best):
                    best = free
            if best is not None:
                free_agent: Agent = best[5]
                return free_agent
        return None

    def _first_free(self, heap: list[Free], c: Contact) -> Free | None:
        while heap:
            free = heap[0]
            a = free[5]
            if a.stamp != free[4]:
                heappop(heap)
            elif (a.work or c.declined) and not self._takes(a, c):
                return self._first_free_of_rest(heap, c)
            else:
                return free
        return None

    def _first_free_of_rest(self, heap: list[Free], c: Contact) -> Free | None:
        best: Free | None = None
        for free in heap:
            a = free[5]
            if a.stamp == free[4] and (best is None or free < best) and self._takes(a, c):
                best = free
        return best

    def _takes(self, a: Agent, c: Contact) -> bool:
        """Whether a free agent may take this very contact: not declined, not in hand, no voice caller before it."""
        if a.id in c.declined or c.id in a.work:
            return False
        if not a.work:
            return True
        if not self._room(a, c.channel):
            return False
        before = self._voice_before(a, c)
        if before is not None:
            self._keep_free(a, before)
            return False
        return True

    def _voice_before(self, a: Agent, c: Contact) -> Contact | None:
        """The first voice caller before `c` whom this agent, busy with texts, will have to serve."""
        best: Entry = c.entry
        for q in a.qs:
            for group in q.groups.values():
                if group.whole and group.suits(a.traits):
                    best = _earlier_in(group, best, a)
            for source in q.sources.values():
                for group in source.groups.values():
                    if group.home is source and group.whole and group.suits(a.traits):
                        best = _earlier_in(group, best, a)
        for other in a.exclusive.values():
            if other.whole and other.entry < best:
                best = other.entry
        first: Contact = best[4]
        return None if first is c else first

    def _find_only(self, c: Contact) -> Agent | None:
        best: Agent | None = None
        for id in c.only:
            a = self._agents[id]
            if not self._room(a, c.channel) or not self._takes(a, c):
                continue
            if best is None or (a.idle_since, a.id) < (best.idle_since, best.id):
                best = a
        return best

    def _take_back_for(self, c: Contact) -> Agent | None:
        """An emergency with nobody free: the agent last rung for another contact, if they may take this one."""
        latest: Contact | None = None
        for other in self._ringing.values():
            if other.emergency or (latest is not None and (latest.since, latest.id) >= (other.since, other.id)):
                continue
            a = self._agents[other.agent]
            assert c.group is not None
            fits = a.id in c.only if c.place == _HELD_FOR else self._may_serve(a, c.group)
            if not fits or a.id in c.declined or c.id in a.work:
                continue
            alone = len(a.work) == 1
            if alone or (not c.whole and not other.whole and other.channel is c.channel):
                latest = other
        if latest is None:
            return None
        a = self._agents[latest.agent]
        self._touch_contact(latest)
        self._touch_agent(a)
        self._out.append(WithdrawOffer(latest.id, a.id, latest.offer, "emergency"))
        self._unwork(a, latest.id)
        self._back_from_offer(latest, _ON_OFFER_TAKEN_BACK)
        return a

    def _offer(self, c: Contact, a: Agent) -> None:
        self._touch_contact(c)
        self._touch_agent(a)
        now = self._now
        q = self._queues[c.queue]
        if now > c.entered_at:
            self._touch_queue(q)
            q.watch(now)
            forget = _FORGET
            q.taken = q.taken * forget + 1.0
            q.exposure *= forget
            q.given_up *= forget
            q.waited *= forget
            c.waited = True
        c.offers += 1
        c.offer = f"{c.id}:{c.offers}"
        c.agent = a.id
        c.until = now + q.rules.offer_s
        a.account(now)
        a.work[c.id] = Task(RINGING, c.channel, c.until)
        self._restamp(a)
        self._move(c, _ON_OFFER_MADE, _OFFERED)
        self._index(c)
        self._ringing[c.id] = c
        self._out.append(OfferContact(c.id, a.id, c.offer, c.until))

    # --- overflow by ratio --------------------------------------------------------------------------------

    def _check_ratios(self) -> None:
        moved = self._ratio_moved
        self._ratio_moved = {}
        for q in moved.values():
            self._check_ratio(q)

    def _check_ratio(self, q: Queue) -> None:
        now_over = tuple(target for target, ratio in q.ratios if q.unassigned > ratio * q.ready)
        if now_over == q.overflowing:
            return
        for target in q.overflowing:
            if target not in now_over:
                target.sources.pop(q.id, None)
                for kept in self._kept.values():  # the voice caller they are kept for may be of this queue
                    for a in kept.values():
                        a.kept_for = ""
                        self._hot_agents[a.id] = a
                self._kept = {}
        fresh = [target for target in now_over if target not in q.overflowing]
        q.overflowing = now_over
        for target in fresh:
            target.sources[q.id] = q
            for a in target.members.values():
                if a.presence is _READY and (not a.work or len(a.traits.channels) > 1):
                    self._hot_agents[a.id] = a

    # --- journal ------------------------------------------------------------------------------------------

    def _touch_contact(self, c: Contact) -> None:
        if self._journal and c.id not in self._was_contact:
            self._was_contact[c.id] = (c, c.copy())

    def _touch_new_contact(self, c: Contact) -> None:
        if self._journal and c.id not in self._was_contact:
            self._was_contact[c.id] = (c, None)

    def _touch_agent(self, a: Agent) -> None:
        if self._journal and a.id not in self._was_agent:
            self._was_agent[a.id] = (a, a.copy())

    def _touch_new_agent(self, a: Agent) -> None:
        if self._journal and a.id not in self._was_agent:
            self._was_agent[a.id] = (a, None)

    def _touch_queue(self, q: Queue) -> None:
        if self._journal and q.id not in self._was_queue:
            self._was_queue[q.id] = q.copy()

    # --- views --------------------------------------------------------------------------------------------

    def _view_agent(self, a: Agent) -> AgentView:
        return AgentView(
            id=a.id,
            presence=a.presence,
            reason=a.reason,
            since=a.since,
            doing=self._doing(a),
            work=tuple(a.work),
            until={id: task.until for id, task in a.work.items()},
            idle_since=a.idle_since if a.presence is _READY and not a.work else None,
            occupied_s=a.busy_s,
            idle_s=a.idle_s,
            profile=a.profile,
        )

    def _doing(self, a: Agent) -> str:
        tasks = a.work
        if not tasks:
            return "idle" if a.presence is _READY else a.presence.value
        doing = {task.doing for task in tasks.values()}
        if TALKS in doing:
            held = all(self._contacts[id].phase is _HELD for id, t in tasks.items() if t.doing == TALKS)
            return "held" if held else TALKS
        return next(word for word in (DIALS, RINGING, WRITES) if word in doing)

    def _view_queue(self, q: Queue) -> QueueView:
        return QueueView(
            id=q.id,
            rules=q.rules,
            waiting=len(q.line),
            ringing=q.ringing,
            callbacks=q.callbacks,
            lost=q.lost,
            ready=q.ready,
            idle=sum(1 for a in q.members.values() if a.presence is _READY and not a.work),
            oldest=q.line[0][4].queued_at if q.line else None,
            overflow_to=tuple(target.id for target in q.overflowing),
        )


def _view_contact(c: Contact) -> ContactView:
    return ContactView(
        id=c.id,
        queue=c.queue,
        channel=c.channel,
        phase=c.phase,
        queued_at=c.queued_at,
        entered_at=c.entered_at,
        head_start_s=c.head_start_s,
        emergency=c.emergency,
        needs=c.needs,
        hard=c.hard,
        preferred=c.preferred,
        agent=c.agent,
        offer=c.offer,
        until=c.until,
        since=c.since,
        lost_since=c.lost_since,
        held_since=c.held_since,
        not_before=c.not_before,
        callback=c.callback,
        tries=c.tries,
        talk=c.talk,
        simulated=c.simulated,
        order_key=c.entry[:3],
    )


def _serves(a: Agent, group: Group) -> bool:
    """Whether this agent serves the group, whatever the ratios of the moment."""
    return group.suits(a.traits) and any(q.id in a.profile.queues for q in group.serving)


def _earlier_in(group: Group, best: Entry, a: Agent) -> Entry:
    """The first entry of the group before `best` that the agent has not declined, else `best`."""
    for entry in group.line:
        if not entry < best:
            return best
        if a.id not in entry[4].declined:
            return entry
    return best


def _whole_in_hand(a: Agent) -> bool:
    for task in a.work.values():  # noqa: SIM110 - on the hottest path; any() costs twice as much
        if task.whole:
            return True
    return False


def _remove(line: list[Entry], entry: Entry) -> None:
    at = bisect_left(line, entry)
    assert line[at] is entry
    del line[at]


def _relaxed(needs: tuple[Need, ...], hard: frozenset[str], by: int) -> tuple[tuple[str, int], ...]:
    """The needs that are left, as (skill, least), after all but the hard ones fell by `by`."""
    left = ((need.skill, need.least if need.skill in hard else need.least - by) for need in needs)
    return tuple(sorted((skill, least) for skill, least in left if least >= 1))


_HANDLERS: dict[type[Event], Callable[[Router, Any], None]] = {
    QueueSet: Router._on_queue_set,
    AgentSignedIn: Router._on_signed_in,
    AgentSignedOut: Router._on_signed_out,
    AgentReady: Router._on_ready,
    AgentPaused: Router._on_paused,
    ContactQueued: Router._on_queued,
    CallerHungUp: Router._on_hung_up,
    CallerLost: Router._on_lost,
    CallerBack: Router._on_back,
    CallbackAsked: Router._on_callback_asked,
    OfferAccepted: Router._on_accepted,
    OfferDeclined: Router._on_declined,
    PatientAnswered: Router._on_patient_answered,
    PatientUnreached: Router._on_patient_unreached,
    TalkHeld: Router._on_held,
    TalkResumed: Router._on_resumed,
    TalkEnded: Router._on_talk_ended,
    TalkTransferred: Router._on_transferred,
    WrapUpDone: Router._on_wrap_up_done,
    ContactReordered: Router._on_reordered,
    ContactCancelled: Router._on_cancelled,
    TimePassed: Router._on_time_passed,
}
