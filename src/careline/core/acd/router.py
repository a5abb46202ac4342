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

from collections.abc import Iterable, Mapping
from heapq import heappop
from typing import Any, Final

from careline.core.acd.centre import Centre
from careline.core.acd.duty import enlist, list_free, stand_anew, unlist
from careline.core.acd.hearing import HANDLERS
from careline.core.acd.matching import best_for, check_ratio, match_now
from careline.core.acd.model import (
    AgentId,
    AgentView,
    Changes,
    Command,
    ContactId,
    ContactView,
    Event,
    IllegalEvent,
    Phase,
    Place,
    Presence,
    QueueId,
    QueueView,
)
from careline.core.acd.places import apply_rules, lift, settle_at
from careline.core.acd.state import Agent, Contact
from careline.core.acd.views import place_of, view_agent, view_contact, view_queue

# Members by short names: looking one up on its enum costs on the hottest paths.
_OFFERED: Final = Phase.OFFERED
_READY: Final = Presence.READY


class Router(Centre):
    """One fair queue over all queues. `journal=False` saves the copies for `changes` and `rollback` (simulation)."""

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
            HANDLERS[type(event)](self, event)
        except IllegalEvent:
            self._now = before
            raise
        match_now(self)
        return self._out

    def next_due(self) -> float | None:
        """When TimePassed is needed next (epoch seconds), or None."""
        timers = self._timers
        while timers:
            if self.counts(timers[0]):
                return timers[0][0]
            heappop(timers)
        return None

    def contact(self, id: ContactId) -> ContactView | None:
        c = self._contacts.get(id)
        return None if c is None else view_contact(c)

    def agent(self, id: AgentId) -> AgentView | None:
        a = self._agents.get(id)
        return None if a is None else view_agent(self, a)

    def queue(self, id: QueueId) -> QueueView | None:
        q = self._queues.get(id)
        return None if q is None or not q.known else view_queue(self, q)

    def contacts(self) -> list[ContactView]:
        return [view_contact(c) for c in self._contacts.values()]

    def agents(self) -> list[AgentView]:
        return [view_agent(self, a) for a in self._agents.values()]

    def queues(self) -> list[QueueView]:
        return [view_queue(self, q) for q in self._queues.values() if q.known]

    def waiting(self, queue: QueueId) -> list[ContactId]:
        """Whose turn comes in this queue, in order; the first of them may be ringing already."""
        q = self._queues.get(queue)
        return [] if q is None else [entry[3] for entry in q.line]

    def place(self, contact: ContactId, now: float) -> Place:
        """What may be told to a waiting caller; see `views.place_of`."""
        return place_of(self, contact, now)

    def changes(self) -> Changes:
        """Folded states of all that was touched since the last mark; None where it has ended or signed out."""
        contacts: dict[ContactId, Mapping[str, Any] | None] = {}
        for contact in self._was_contact:
            c = self._contacts.get(contact)
            contacts[contact] = c.fold() if c is not None else None
        agents: dict[AgentId, Mapping[str, Any] | None] = {}
        for agent in self._was_agent:
            a = self._agents.get(agent)
            agents[agent] = a.fold() if a is not None else None
        queues: dict[QueueId, Mapping[str, Any] | None] = {}
        for queue in self._was_queue:
            q = self._queues[queue]
            queues[queue] = q.fold() if q.known else None
        return Changes(contacts, agents, queues)

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
                lift(self, c)
                self._ringing.pop(id, None)
        for id in self._was_agent:
            if (a := self._agents.pop(id, None)) is not None:
                unlist(self, a)
        self._now = self._marked_at
        for id, queue_state in self._was_queue.items():
            q = self._queues[id]
            selection = q.rules.selection
            q.put_back(queue_state)
            apply_rules(self, q)
            if q.rules.selection is not selection:
                stand_anew(self, q)
        for a, agent_state in self._was_agent.values():
            if agent_state is not None:
                a.put_back(agent_state)
                self._agents[a.id] = a
                enlist(self, a)
        for id, (c, contact_state) in self._was_contact.items():
            if contact_state is None:
                self._contacts.pop(id, None)
                continue
            c.put_back(contact_state)
            self._contacts[id] = c
        self._reindex([c for id, (c, _) in self._was_contact.items() if id in self._contacts])
        for a, agent_state in self._was_agent.values():
            if agent_state is not None:
                self.time_work(a)
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
            router.queue_named(folded["id"]).unfold(folded)
        for q in list(router._queues.values()):
            apply_rules(router, q)
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
            enlist(router, a)
            router.time_work(a)
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
            settle_at(self, c, c.stood_at)
            c.came, c.jumped, c.first = came, jumped, first
            if c.phase is _OFFERED:
                self._ringing[c.id] = c
        for q in {c.queue: self._queues[c.queue] for c in contacts}.values():
            q.jumpers = [entry for entry in q.line if entry[4].jumped]
        self._hot_contacts = []
        self._trusting = False

    def _list_all(self) -> None:
        for q in [q for q in self._queues.values() if q.ratios]:
            check_ratio(self, q)
        self._kept = {}
        for a in self._agents.values():
            a.kept_for = ""
            list_free(self, a)
            if a.work and a.presence is _READY:
                best_for(self, a)
        self._hot_contacts = []
        self._hot_agents = {}
        self._changed = {}
        self._ratio_moved = {}
