"""What the router knows: contacts, agents, queues, timers, and how touched things were at the last mark."""

from __future__ import annotations

from heapq import heappush
from typing import Any, Final

from careline.core.acd import machine
from careline.core.acd.model import AgentId, Command, ContactId, Event, IllegalEvent, Phase, QueueId
from careline.core.acd.state import NEVER, WRITES, Agent, Contact, Entry, Queue, Traits

# Members by short names: looking one up on its enum costs on the hottest paths.
_MOVES: Final = machine.MOVES


class Centre:
    """The state all rules work on. Names with an underscore are this package's own."""

    def __init__(self, journal: bool = True) -> None:
        self._now = 0.0
        self._journal = journal
        self._contacts: dict[ContactId, Contact] = {}
        self._agents: dict[AgentId, Agent] = {}
        self._queues: dict[QueueId, Queue] = {}
        self._traits: dict[tuple[Any, ...], Traits] = {}
        self._bits: dict[tuple[str, int], int] = {}  # (skill, least) -> its bit in `asks` and `has`
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

    def queue_named(self, id: QueueId) -> Queue:
        q = self._queues.get(id)
        if q is None:
            q = self._queues[id] = Queue(id)
        return q

    def contact_for(self, event: Event, id: ContactId, trigger: str) -> Contact:
        c = self._contacts.get(id)
        if c is None:
            raise IllegalEvent(event, "no such contact, or it has ended")
        if trigger not in _MOVES[c.phase]:
            raise IllegalEvent(event, f"not while {c.phase.value}")
        return c

    def known_agent(self, event: Event, id: AgentId) -> Agent:
        a = self._agents.get(id)
        if a is None:
            raise IllegalEvent(event, "this agent is not signed in")
        return a

    def move(self, c: Contact, trigger: str, to: Phase) -> None:
        if to not in _MOVES[c.phase][trigger]:
            raise AssertionError(f"{c.phase} -> {to} by {trigger} is not in the table")
        c.phase = to
        c.since = self._now

    def set_timer(self, c: Contact, due: float) -> None:
        if c.due != due:
            c.due = due
            if due != NEVER:
                heappush(self._timers, (due, 0, c.id, ""))

    def time_work(self, a: Agent) -> None:
        for id, task in a.work.items():
            if task.doing == WRITES and task.until is not None:
                heappush(self._timers, (task.until, 1, a.id, id))

    def counts(self, timer: tuple[float, int, str, str]) -> bool:
        due, kind, id, other = timer
        if kind:
            a = self._agents.get(id)
            task = a.work.get(other) if a is not None else None
            return task is not None and task.doing == WRITES and task.until == due
        c = self._contacts.get(id)
        return c is not None and c.due == due

    def touch_contact(self, c: Contact) -> None:
        if self._journal and c.id not in self._was_contact:
            self._was_contact[c.id] = (c, c.copy())

    def touch_new_contact(self, c: Contact) -> None:
        if self._journal and c.id not in self._was_contact:
            self._was_contact[c.id] = (c, None)

    def touch_agent(self, a: Agent) -> None:
        if self._journal and a.id not in self._was_agent:
            self._was_agent[a.id] = (a, a.copy())

    def touch_new_agent(self, a: Agent) -> None:
        if self._journal and a.id not in self._was_agent:
            self._was_agent[a.id] = (a, None)

    def touch_queue(self, q: Queue) -> None:
        if self._journal and q.id not in self._was_queue:
            self._was_queue[q.id] = q.copy()
