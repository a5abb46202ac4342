"""What must always be true of the router, said a second time in the plainest way.

`audit` looks at one moment and works everything out anew by brute force; `Witness` follows events and commands from
outside, as a desk or a telephone would see them, and remembers what callers were promised. Property tests and
`benchmarks.acd_random` use both; neither is fast nor meant to be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from careline.core.acd.model import (
    AgentSignedOut,
    Channel,
    Command,
    ContactReordered,
    DialPatient,
    EndContact,
    EndWrapUp,
    Event,
    OfferContact,
    Phase,
    Presence,
    StartTalk,
    StartWrapUp,
    StopDialling,
    StopTalk,
    TalkTransferred,
    TimePassed,
    WithdrawOffer,
)
from careline.core.acd.router import Router
from careline.core.acd.state import DIALS, RINGING, TALKS, WRITES, Agent, Contact

WHOLE = (Channel.VOICE, Channel.VIDEO)
_WAITING = (Phase.QUEUED, Phase.CALLBACK)


def snapshot(router: Router) -> dict[str, Any]:
    """All that counts of a router, comparable with ==: folded states, orders, timers due, and who stands free where."""
    return {
        "contacts": {id: c.fold() for id, c in router._contacts.items()},
        "agents": {id: a.fold() for id, a in router._agents.items()},
        "queues": {id: q.fold() for id, q in router._queues.items() if q.known},
        "lines": {id: [e[3] for e in q.line] for id, q in router._queues.items() if q.line},
        "counts": {
            id: (q.waiting, q.unassigned, q.ringing, q.callbacks, q.lost, q.ready, [t.id for t in q.overflowing])
            for id, q in router._queues.items()
            if q.known
        },
        "due": {id: (c.due, c.place) for id, c in router._contacts.items()},
        "free": {
            (q.id, channel): sorted(
                e[:4] for heap in heaps.values() for e in heap if e[5].stamp == e[4] and q.members.get(e[3]) is e[5]
            )
            for q in router._queues.values()
            for channel, heaps in q.idle.items()
            if any(e[5].stamp == e[4] for heap in heaps.values() for e in heap)
        },
    }


def offerable(c: Contact, now: float) -> bool:
    return c.phase in _WAITING and c.lost_since is None and (c.not_before is None or c.not_before <= now)


def may_serve(router: Router, a: Agent, c: Contact, now: float) -> bool:
    """Whether rules and skills let this agent serve this contact at `now`, by nothing but the rules themselves."""
    if a.presence is not Presence.READY or a.profile.capacity.get(c.channel, 0) < 1 or a.id in c.declined:
        return False
    if c.id in a.work:
        return False
    if c.only and now < c.only_until:
        if a.id in c.only and c.direct:
            return True
        if a.id not in c.only:
            return False
    q = router._queues[c.queue]
    queues = {q.id}
    for overflow in q.rules.overflow:
        if overflow.after_s is not None and now >= c.entered_at + overflow.after_s:
            queues.add(overflow.to)
        if overflow.ratio is not None and overflow.to != q.id and q.unassigned > overflow.ratio * q.ready:
            queues.add(overflow.to)
    if not queues & a.profile.queues:
        return False
    by = sum(r.by for r in q.rules.relax if now >= c.entered_at + r.after_s)
    for need in c.needs:
        least = need.least if need.skill in c.hard else need.least - by
        if least >= 1 and a.profile.skills.get(need.skill, 0) < least:
            return False
    return True


def has_room(a: Agent, channel: Channel) -> bool:
    """Whether capacity lets this agent take one more."""
    if channel in WHOLE:
        return not a.work
    if any(task.channel in WHOLE for task in a.work.values()):
        return False
    return sum(1 for task in a.work.values() if task.channel is channel) < a.profile.capacity.get(channel, 0)


def audit(router: Router, now: float) -> Iterator[str]:
    """Every broken promise of this moment, as a sentence; nothing when all is well. `now` as last given to handle."""
    yield from _audit_work(router)
    yield from _audit_lines(router)
    yield from _audit_leases(router)
    due = router.next_due()
    if due is None or due > now:  # with a timer overdue the router rightly still lives in the moment before
        yield from _audit_matching(router, now)


def _audit_work(router: Router) -> Iterator[str]:
    doing = {
        Phase.OFFERED: RINGING,
        Phase.DIALLING: DIALS,
        Phase.TALKING: TALKS,
        Phase.HELD: TALKS,
        Phase.WRAP_UP: WRITES,
    }
    for c in router._contacts.values():
        expected = doing.get(c.phase)
        if expected is None:
            if c.agent:
                yield f"{c.id} waits and still holds agent {c.agent}"
            continue
        a = router._agents.get(c.agent)
        if a is None or c.id not in a.work or a.work[c.id].doing != expected:
            yield f"{c.id} is {c.phase} with {c.agent}, who does not know"
    for a in router._agents.values():
        for id, task in a.work.items():
            other = router._contacts.get(id)
            mine = other is not None and other.agent == a.id and doing.get(other.phase) == task.doing
            if not mine and task.doing != WRITES:
                yield f"agent {a.id} is leaked: {task.doing} for {id}"
        yield from _audit_capacity(a)
        if a.presence is Presence.OFFLINE:
            yield f"agent {a.id} is kept though offline"
        if a.busy_s + a.idle_s < 0.0:
            yield f"agent {a.id} has negative time"


def _audit_capacity(a: Agent) -> Iterator[str]:
    whole = sum(1 for task in a.work.values() if task.channel in WHOLE)
    if whole and len(a.work) > 1:
        yield f"agent {a.id} does something beside a voice talk"


def _audit_lines(router: Router) -> Iterator[str]:
    now = router._now
    for q in router._queues.values():
        stand = [c for c in router._contacts.values() if c.queue == q.id and (c.in_line or c.phase is Phase.OFFERED)]
        order = sorted(stand, key=_order)
        if [e[3] for e in q.line] != [c.id for c in order]:
            yield f"line of {q.id} is {[e[3] for e in q.line]}, should be {[c.id for c in order]}"
        kept = [c for c in router._contacts.values() if c.queue == q.id and c.phase in (*_WAITING, Phase.OFFERED)]
        if q.waiting != len(kept):
            yield f"{q.id} counts {q.waiting} waiting, there are {len(kept)}"
        standing = [c for c in stand if c.phase in _WAITING]
        if q.unassigned != len(standing):
            yield f"{q.id} counts {q.unassigned} unassigned, there are {len(standing)}"
        for c in standing:
            if not offerable(c, now):
                yield f"{c.id} stands in line though it cannot be taken"
        ready = sum(1 for a in router._agents.values() if q.id in a.profile.queues and a.presence is Presence.READY)
        if q.ready != ready:
            yield f"{q.id} counts {q.ready} ready, there are {ready}"
        for heaps in q.idle.values():
            for heap in heaps.values():
                for e in heap:
                    if e[5].stamp == e[4] and (e[5].id not in router._agents or e[5].presence is not Presence.READY):
                        yield f"agent {e[3]} stands free in {q.id} and is not ready"


def _order(c: Contact) -> tuple[int, float, int, str]:
    return (0, c.queued_at, c.seq, c.id) if c.emergency else (1, c.key, c.seq, c.id)


def _audit_leases(router: Router) -> Iterator[str]:
    contacts = {(timer[0], timer[2]) for timer in router._timers if timer[1] == 0}
    writes = {(timer[0], timer[2], timer[3]) for timer in router._timers if timer[1] == 1}
    for c in router._contacts.values():
        ends = c.phase in (Phase.OFFERED, Phase.DIALLING) or c.lost_since is not None
        if ends and (c.until is None or (c.until, c.id) not in contacts or c.due != c.until):
            yield f"{c.id} ({c.phase}, lost since {c.lost_since}) has no end: until {c.until}, due {c.due}"
    for a in router._agents.values():
        for id, task in a.work.items():
            if task.doing == WRITES and (task.until, a.id, id) not in writes:
                yield f"agent {a.id} writes up {id} without an end"


def _audit_matching(router: Router, now: float) -> Iterator[str]:
    waiting = sorted((c for c in router._contacts.values() if offerable(c, now)), key=_order)
    for a in router._agents.values():
        if a.presence is not Presence.READY:
            continue
        kept_free = False  # for a voice caller who stands before
        for c in waiting:
            if not may_serve(router, a, c, now):
                continue
            if has_room(a, c.channel) and not kept_free:
                yield f"{c.id} waits while {a.id} is free for it"
                break
            kept_free = kept_free or c.channel in WHOLE


def _same_room(w: Contact, c: Contact) -> bool:
    """Whether they ask for the same room: a text slot is of no use to a request, a voice talk needs the whole agent."""
    return w.channel is c.channel or w.channel in WHOLE or c.channel in WHOLE


class Witness:
    """Follows one router from outside. `broken` collects every promise that was not kept."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self.holds: dict[str, dict[str, str]] = {}  # agent -> contact -> doing, from commands alone
        self.offers: dict[str, OfferContact] = {}
        self.promised: dict[str, tuple[str, float, float]] = {}  # contact -> queue, queued_at, key
        self.told: dict[str, tuple[tuple[str, int], int]] = {}  # contact -> queue and number there, position told
        self.numbers: dict[str, set[str]] = {}

    def saw(self, router: Router, event: Event, commands: list[Command], now: float) -> None:
        """Follow one handled event."""
        for command in commands:
            self._follow(command)
        offered = [command for command in commands if isinstance(command, OfferContact)]
        for offer in offered:
            self._in_turn(router, offer, router._now)
            self._within_capacity(router, offer)
        if isinstance(event, TimePassed):
            for offer in self.offers.values():
                if offer.until <= router._now:
                    self.broken.append(f"offer {offer.offer} outlived its lease")
        self._place_kept(router, event)
        if isinstance(event, AgentSignedOut) and self.holds.get(event.agent):
            self.broken.append(f"agent {event.agent} signed out holding {self.holds[event.agent]}")

    def _follow(self, command: Command) -> None:
        broken = self.broken
        if isinstance(command, OfferContact):
            running = self.offers.get(command.contact)
            if running is not None:
                broken.append(f"{command.contact} is offered to {command.agent} and {running.agent}")
            self.offers[command.contact] = command
            self._take(command.agent, command.contact, RINGING)
        elif isinstance(command, WithdrawOffer):
            if self.offers.pop(command.contact, None) is None:
                broken.append(f"withdrew an offer that does not run: {command}")
            self._leave(command.agent, command.contact)
        elif isinstance(command, DialPatient | StartTalk):
            rung = self.offers.pop(command.contact, None)
            if rung is not None and rung.agent != command.agent:
                broken.append(f"{command.agent} took the offer of {rung.agent}")
            if command.contact not in self.holds.get(command.agent, {}):
                broken.append(f"{command.agent} got {command.contact} without being reserved")
            self._take(command.agent, command.contact, DIALS if isinstance(command, DialPatient) else TALKS)
        elif isinstance(command, StartWrapUp):
            self._take(command.agent, command.contact, WRITES)
        elif isinstance(command, StopTalk | StopDialling | EndWrapUp):
            self._leave(command.agent, command.contact)
        elif isinstance(command, EndContact):
            for agent, held in self.holds.items():
                if held.get(command.contact, WRITES) != WRITES:
                    broken.append(f"{command.contact} ended in the hands of {agent}")
            self.promised.pop(command.contact, None)
            self.told.pop(command.contact, None)

    def _take(self, agent: str, contact: str, doing: str) -> None:
        self.holds.setdefault(agent, {})[contact] = doing

    def _leave(self, agent: str, contact: str) -> None:
        if self.holds.get(agent, {}).pop(contact, None) is None:
            self.broken.append(f"{agent} left {contact} without having it")

    def agree(self, router: Router) -> None:
        """The desks' view (from commands) and the router's must be the same."""
        theirs = {id: {k: t.doing for k, t in a.work.items()} for id, a in router._agents.items() if a.work}
        ours = {id: held for id, held in self.holds.items() if held}
        if theirs != ours:
            self.broken.append(f"desks see {ours}, the router {theirs}")

    def _within_capacity(self, router: Router, offer: OfferContact) -> None:
        c, a = router._contacts.get(offer.contact), router._agents.get(offer.agent)
        if c is None or a is None:
            return
        held = sum(1 for task in a.work.values() if task.channel is c.channel)
        if a.presence is Presence.READY and held > a.profile.capacity.get(c.channel, 0):
            self.broken.append(f"{a.id} was given {c.id} over capacity")

    def _in_turn(self, router: Router, offer: OfferContact, now: float) -> None:
        """Nobody who stood before the offered contact, and whom this agent may serve, is still waiting."""
        c = router._contacts.get(offer.contact)
        a = router._agents.get(offer.agent)
        due = router.next_due()
        if c is None or a is None or c.agent != a.id or (due is not None and due <= now):
            return
        for w in router._contacts.values():
            if w is c or not offerable(w, now) or not _order(w) < _order(c) or not may_serve(router, a, w, now):
                continue
            if not _same_room(w, c):
                continue
            self.broken.append(f"{c.id} was taken by {a.id} before {w.id}")
        if not c.emergency:
            self._overtaking_is_bounded(router, c, a, now)

    def _overtaking_is_bounded(self, router: Router, c: Contact, a: Agent, now: float) -> None:
        """Whom c overtakes came at most the difference of the head starts before it."""
        mine = c.queued_at - c.key
        for w in router._contacts.values():
            if w.emergency or not offerable(w, now) or w.queued_at >= c.queued_at or not may_serve(router, a, w, now):
                continue
            if not _same_room(w, c):
                continue
            if c.queued_at - w.queued_at > mine - (w.queued_at - w.key) + 1e-6:
                self.broken.append(f"{c.id} overtook {w.id} by more than its head start")

    def _place_kept(self, router: Router, event: Event) -> None:
        """Queue, time of entry and key change only by a transfer or a supervisor's word."""
        id = getattr(event, "contact", "")
        c = router._contacts.get(id)
        if c is None:
            return
        promise = (c.queue, c.queued_at, c.key)
        was = self.promised.get(id)
        if was is not None and was != promise:
            if was[1] != c.queued_at:
                self.broken.append(f"{id} lost its time of entry by {event}")
            if not isinstance(event, TalkTransferred | ContactReordered):
                self.broken.append(f"{id} lost its place by {event}")
        self.promised[id] = promise

    def ask_places(self, router: Router, now: float) -> None:
        """Ask every waiting caller's place, as the live page does: a position once told never grows."""
        for c in router._contacts.values():
            place = router.place(c.id, now)
            low, high = place.wait_low_s, place.wait_high_s
            if (low is None) != (high is None) or (low is not None and high is not None and not 0.0 <= low <= high):
                self.broken.append(f"{c.id} is told a wait of {low}..{high}")
            if c.lost_since is not None or place.position is None:
                continue
            stay = (c.queue, c.seq)
            before, last = self.told.get(c.id, (stay, place.position))
            if before == stay and place.position > last:
                self.broken.append(f"{c.id} was told {last}, now {place.position}")
            self.told[c.id] = (stay, place.position)
