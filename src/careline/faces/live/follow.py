"""After every commit: who must be told, and what has to be fetched again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from careline.core.acd.model import AgentSignedIn, Command, Event, QueueSet
from careline.faces.live.board import Board
from careline.faces.live.calls import Calls
from careline.faces.live.desks import Desks
from careline.faces.live.ticks import channel_of, lineage

if TYPE_CHECKING:
    from careline.switchboard.engine import Committed


class Follower:
    """Listens to the switchboard. Nothing here may fail or wait: the next commit stands behind it."""

    def __init__(self, board: Board, calls: Calls, desks: Desks) -> None:
        self._board = board
        self._calls = calls
        self._desks = desks
        self._queue_of: dict[str, str] = {}  # where a contact was last, for its end to be told there
        self._paths_of: dict[str, frozenset[str]] = {}  # where an agent works, for their leaving to be told there
        self._paths: dict[frozenset[str], frozenset[str]] = {}  # of a set of queues (many agents have the same)

    def restore(self) -> None:
        self._queue_of = {view.id: view.queue for view in self._board.router.contacts()}

    def committed(self, done: Committed) -> None:
        """Push states to the pages and phones concerned; mark what changed for the others."""
        words: list[Event | Command] = [done.event, *done.commands]
        contacts = _named(words, "contact")
        agents = _named(words, "agent") | _named(words, "to_agent")
        if isinstance(done.event, AgentSignedIn):
            agents.add(done.event.profile.id)
        if isinstance(done.event, QueueSet):
            self._board.ticks.mark(self._board.places.path(done.event.rules.id), "queues", "wallboard")
        for contact in contacts:
            self._contact_changed(contact, done.commands)
            view = self._board.router.contact(contact)
            if view is not None and view.agent:
                agents.add(view.agent)
        for agent in agents:
            self._agent_changed(agent)

    def _contact_changed(self, contact: str, commands: Iterable[Command]) -> None:
        before = self._queue_of.get(contact, "")
        view = self._board.router.contact(contact)
        if view is not None:
            self._queue_of[contact] = view.queue
        else:
            self._queue_of.pop(contact, None)
        for queue in {before, self._queue_of.get(contact, "")} - {""}:
            path = self._board.places.path(queue)
            self._board.ticks.mark(path, "queues")
            self._board.ticks.mark_projected(path, "contacts", "wallboard", f"contact:{contact}")
        self._calls.changed(contact, commands)

    def _agent_changed(self, agent: str) -> None:
        view = self._board.router.agent(agent)
        if view is not None:
            self._paths_of[agent] = self._paths_to(view.profile.queues)
        for path in self._paths_of.get(agent, ()):
            self._board.ticks.mark(path, "agents", "wallboard")
        self._desks.changed(agent)

    def _paths_to(self, queues: frozenset[str]) -> frozenset[str]:
        paths = self._paths.get(queues)
        if paths is None:
            paths = self._paths[queues] = self._board.places.paths(queues)
        return paths

    # --- what the web process told

    def told(self, kind: str, data: Mapping[str, Any]) -> None:
        """Facts of the web process: only ticks follow from them."""
        path = self._board.places.organisations.get(str(data.get("organisation", "")), "")
        contact = str(data.get("contact", ""))
        path = path or self._board.places.path(self._queue_of.get(contact, ""))
        self._board.ticks.mark_projected(path, "contacts", "wallboard", *([f"contact:{contact}"] if contact else []))
        if kind.startswith("unwell"):
            self._board.ticks.mark(path, "unwell")
            told = {"alert": str(data.get("alert", "")), "over": data.get("step") == "come"}
            self._board.hub.publish_to(self._listening_above(path), "unwell", told)

    def everything_changed(self) -> None:
        """The directory was changed: every desk looks again."""
        self._paths.clear()
        for path in set(self._board.places.organisations.values()):
            self._board.ticks.mark(path, "queues", "agents", "notices", "wallboard")

    def _listening_above(self, path: str) -> list[str]:
        return [channel_of(place) for place in lineage(path)]


def _named(words: Iterable[Event | Command], name: str) -> set[str]:
    """The ids that these words carry under `name`."""
    found: set[Any] = {getattr(word, name, "") for word in words}
    return found - {""}
