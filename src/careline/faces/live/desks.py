"""The operators' side: streams of the desk, the phone's buttons, and what a supervisor may order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog

from careline.base.accounts.rights import Reader
from careline.base.audit.actions import record
from careline.base.errors import CareError, NotAllowed, ReasonNeeded
from careline.care.directory import actions as directory
from careline.core.acd.model import (
    AgentPaused,
    AgentReady,
    AgentSignedIn,
    AgentSignedOut,
    ContactCancelled,
    ContactReordered,
    Event,
    OfferAccepted,
    OfferDeclined,
    Phase,
    Presence,
    TalkEnded,
    TalkHeld,
    TalkResumed,
    TalkTransferred,
    WrapUpDone,
)
from careline.faces.live.board import Board
from careline.faces.live.calls import channel_name, say
from careline.faces.live.errors import BadRequest, TooLate, TooMany
from careline.faces.live.http import Body
from careline.faces.live.hub import Listener
from careline.faces.live.limits import Buckets
from careline.faces.live.render import phone
from careline.faces.live.ticks import channel_of
from careline.faces.live.who import Badge, first_names, look_again, profile_of

log = structlog.get_logger(__name__)

TALKS = (Phase.TALKING, Phase.HELD)
AGENT = frozenset(
    "ready pause sign_out answer decline hold resume end wrap_up_done transfer signal text".split()  # noqa: SIM905
)
SUPERVISOR = frozenset("force reorder close_queue open_queue cancel broadcast".split())  # noqa: SIM905
VANISHED = "vanished"  # the pause reason of an operator whose browser is gone


@dataclass(slots=True)
class Desk:
    """One person's open desks (tabs), and the clock that runs once all are gone."""

    agent: str
    listeners: set[Listener] = field(default_factory=set)
    gone: asyncio.TimerHandle | None = None
    posting: str = ""  # the posting the router's profile was made from, as far as this process knows


def agent_channel(agent: str) -> str:
    return f"agent:{agent}"


class Desks:
    """All desks, and those operators whose desk is missing."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._desks: dict[str, Desk] = {}
        self._actions = Buckets(board.patience.desk_actions, board.clock)
        self._signals = Buckets(board.patience.signals, board.clock)

    # --- listening

    async def listen(self, badge: Badge, last_id: str) -> Listener:
        """A stream of the desk: the phone's state, what was missed, and ticks of everything the posting covers."""
        agent = badge.agent
        if agent not in self._board.first_names:
            self._board.first_names |= await self._board.orm(first_names, [agent])
        await self._keep_profile(badge)
        desk = self._desk(agent)
        names = [agent_channel(agent), channel_of(badge.reader.path)]
        listener = self._board.hub.listen(names, last_id, lambda: self._fresh(agent), owner=badge)
        desk.listeners.add(listener)
        self._watch(desk)
        return listener

    def left(self, badge: Badge, listener: Listener) -> None:
        desk = self._desk(badge.agent)
        desk.listeners.discard(listener)
        self._watch(desk)

    def _fresh(self, agent: str) -> Iterator[tuple[str, Any]]:
        yield "phone", self.phone(agent)

    def phone(self, agent: str) -> dict[str, Any]:
        view = self._board.router.agent(agent)
        work = [(each, self._board.router.contact(each)) for each in (view.work if view else ())]
        return phone(agent, view, work, self._board.clock())

    async def _keep_profile(self, badge: Badge) -> None:
        """Someone who works in another posting than before serves other queues from now on."""
        desk = self._desk(badge.agent)
        before, desk.posting = desk.posting, str(badge.reader.posting_id)
        view = self._board.router.agent(badge.agent)
        if before and before != desk.posting and view is not None and view.presence != Presence.OFFLINE:
            profile = await self._board.orm(profile_of, badge.reader)
            await self._tell(AgentSignedIn(profile))

    # --- sessions

    async def check_sessions(self) -> None:
        """Every half minute. Whose session has ended is told so, and the stream ends; a talk goes on."""
        listeners = [each for each in self._board.hub.listeners if isinstance(each.owner, Badge)]
        held = await self._board.orm(look_again, {each.owner for each in listeners})
        for listener in listeners:
            badge = held.get(listener.owner.session_key)
            if badge is None:
                self._board.hub.tell(listener, "signed_out", {})
                listener.close()
            else:
                listener.owner = badge

    # --- doing

    async def act(self, badge: Badge, body: Body) -> dict[str, Any]:
        """One action of a desk. Raises the named refusals of docs/reference/live.md."""
        action, key = body.text("action", 40), f"{badge.agent}:{body.id('key')}"
        if action != "signal" and not self._actions.take(badge.agent):
            raise TooMany
        if action in AGENT:
            badge.reader.require("calls.take")
            return await self._act_as_agent(action, badge, body, key)
        if action in SUPERVISOR:
            badge.reader.require("supervise")
            return await self._act_as_supervisor(action, badge, body, key)
        raise BadRequest

    async def _act_as_agent(self, action: str, badge: Badge, body: Body, key: str) -> dict[str, Any]:
        agent = badge.agent
        match action:
            case "ready":
                await self._sign_in(badge, key)
                await self._board.submit(AgentReady(agent), key)
            case "pause":
                reason = body.text("reason", 40)
                await self._sign_in(badge, key)
                await self._board.submit(AgentPaused(agent, reason), key)
            case "sign_out":
                await self._board.submit(AgentSignedOut(agent, "signed_out"), key)
            case "signal":
                self._signal(agent, body, key)
            case "text":
                await self._text(agent, body, key)
            case _:
                await self._board.submit(self._phone_event(action, badge, body), key)
        return {}

    def _phone_event(self, action: str, badge: Badge, body: Body) -> Event:
        """The buttons that act on one contact. Whether it is theirs to press, the router knows."""
        agent, contact = badge.agent, self._contact_meant(badge.agent, body)
        match action:
            case "answer":
                return OfferAccepted(contact, agent, body.text("offer", 80))
            case "decline":
                reason = body.optional("reason", 60) or "declined"
                return OfferDeclined(contact, agent, body.text("offer", 80), reason)
            case "hold":
                return TalkHeld(contact, agent)
            case "resume":
                return TalkResumed(contact, agent)
            case "end":
                return TalkEnded(contact, agent)
            case "wrap_up_done":
                return WrapUpDone(contact, agent)
            case "transfer":
                return self._transfer(badge, contact, body)
        raise BadRequest

    def _contact_meant(self, agent: str, body: Body) -> str:
        """The contact named, or the only one in hand."""
        if body.has("contact"):
            return body.id("contact")
        view = self._board.router.agent(agent)
        if view is None or len(view.work) != 1:
            raise BadRequest
        return view.work[0]

    def _transfer(self, badge: Badge, contact: str, body: Body) -> TalkTransferred:
        if body.has("agent"):
            view = self._board.router.contact(contact)
            if view is None:
                raise TooLate
            return TalkTransferred(contact, badge.agent, view.queue, body.id("agent"))
        queue = body.id("queue")
        if not self._board.places.same_network(badge.reader, queue):
            raise NotAllowed
        return TalkTransferred(contact, badge.agent, queue)

    async def _sign_in(self, badge: Badge, key: str) -> None:
        """Whoever starts work is signed in with the profile of the posting they work in."""
        view = self._board.router.agent(badge.agent)
        if view is None or view.presence == Presence.OFFLINE:
            profile = await self._board.orm(profile_of, badge.reader)
            await self._board.submit(AgentSignedIn(profile), f"in:{key}")
            self._desk(badge.agent).posting = str(badge.reader.posting_id)

    def _signal(self, agent: str, body: Body, key: str) -> None:
        contact = body.id("contact")
        view = self._board.router.contact(contact)
        if view is None or view.agent != agent or view.phase not in TALKS:
            raise TooLate
        if body.has("talk") and body.number("talk", 0, 1e6) != view.talk:
            raise TooLate
        if not self._signals.take((agent, contact)):
            raise TooMany
        if self._board.keys.first(key):
            data = self._board.relay.with_servers(body.object("data"), self._board.clock())
            told = {"talk": view.talk, "data": data}
            self._board.hub.publish(channel_name(contact), "signal", told)

    async def _text(self, agent: str, body: Body, key: str) -> None:
        contact = body.id("contact")
        view = self._board.router.contact(contact)
        if view is None or view.agent != agent or view.phase not in TALKS:
            raise TooLate
        await say(self._board, contact, agent, agent, body.text("text", 4000), key)

    # --- what a supervisor orders

    async def _act_as_supervisor(self, action: str, badge: Badge, body: Body, key: str) -> dict[str, Any]:
        reader = badge.reader
        match action:
            case "force":
                await self._force(reader, body, key)
            case "reorder":
                await self._reorder(reader, body, key)
            case "cancel":
                contact = self._covered_contact(reader, body)
                await self._board.submit(ContactCancelled(contact, badge.agent, _reason(body)), key)
                await self._audit(reader, "contact.cancelled", "contact", contact, body)
            case "close_queue":
                await self._board.orm(directory.close_queue, reader, UUID(body.id("queue")), _reason(body))
            case "open_queue":
                await self._board.orm(directory.open_queue, reader, UUID(body.id("queue")), _reason(body))
            case "broadcast":
                await self._broadcast(reader, body.text("text", 500), key)
        return {}

    async def _force(self, reader: Reader, body: Body, key: str) -> None:
        agent, reason, by = body.id("agent"), _reason(body), str(reader.user_id)
        view = self._board.router.agent(agent)
        if view is None:
            raise TooLate
        if not any(self._board.places.covers(reader, queue) for queue in view.profile.queues):
            raise NotAllowed
        event: Event
        match body.text("presence", 20):
            case Presence.READY:
                event = AgentReady(agent, by)
            case Presence.PAUSED:
                event = AgentPaused(agent, reason, by)
            case Presence.OFFLINE:
                event = AgentSignedOut(agent, reason)
            case _:
                raise BadRequest
        await self._board.submit(event, key)
        await self._audit(reader, "agent.forced", "agent", agent, body)

    async def _reorder(self, reader: Reader, body: Body, key: str) -> None:
        contact = self._covered_contact(reader, body)
        event = ContactReordered(
            contact=contact,
            head_start_s=body.number("head_start_s", -86_400, 86_400),
            by=str(reader.user_id),
            reason=_reason(body),
            emergency=body.flag("emergency") if body.has("emergency") else None,
        )
        await self._board.submit(event, key)
        await self._audit(reader, "contact.reordered", "contact", contact, body)

    async def _broadcast(self, reader: Reader, text: str, key: str) -> None:
        """To every desk posted at the supervisor's organisation or below it."""
        if not self._board.keys.first(key):
            return
        await self._board.orm(record, reader, "desk.broadcast", "organisation", [reader.organisation_id])
        here = channel_of(reader.path)
        below = [name for name in self._board.hub.names() if name.startswith(here)]
        told = {"id": key, "by": self._board.first_names.get(str(reader.user_id), ""), "text": text}
        self._board.hub.publish_to(below, "notice", {**told, "at": self._board.clock()})

    def _covered_contact(self, reader: Reader, body: Body) -> str:
        contact = body.id("contact")
        view = self._board.router.contact(contact)
        if view is None:
            raise TooLate
        if not self._board.places.covers(reader, view.queue):
            raise NotAllowed
        return contact

    async def _audit(self, reader: Reader, action: str, subject: str, id: str, body: Body) -> None:
        await self._board.orm(record, reader, action, subject, [id], _reason(body))

    # --- what the switchboard did

    def changed(self, agent: str) -> None:
        """Show this agent's phone anew, on every tab."""
        self._board.hub.publish(agent_channel(agent), "phone", self.phone(agent))
        if desk := self._desks.get(agent):
            self._watch(desk)

    # --- desks that go

    def _watch(self, desk: Desk, more_s: float = 0.0) -> None:
        """Without a stream a ready operator is paused after a while, and later signed out. A talk is never touched."""
        view = self._board.router.agent(desk.agent)
        here = bool(desk.listeners) or view is None or view.presence == Presence.OFFLINE
        if here and desk.gone:
            desk.gone.cancel()
            desk.gone = None
        elif not here and desk.gone is None:
            wait = self._board.patience.desk_gone_s + more_s
            desk.gone = self._board.later(wait, lambda: self._vanished(desk))

    async def _vanished(self, desk: Desk) -> None:
        desk.gone = None
        view = self._board.router.agent(desk.agent)
        if desk.listeners or view is None:
            return
        if view.presence == Presence.READY:
            await self._tell(AgentPaused(desk.agent, VANISHED))
        if view.presence != Presence.OFFLINE:
            rest = self._board.patience.desk_left_s
            desk.gone = desk.gone or self._board.later(rest, lambda: self._left_for_good(desk))

    async def _left_for_good(self, desk: Desk) -> None:
        desk.gone = None
        view = self._board.router.agent(desk.agent)
        if desk.listeners or view is None or view.presence == Presence.OFFLINE:
            return
        if view.work:
            self._watch(desk)
        else:
            await self._tell(AgentSignedOut(desk.agent, VANISHED))

    async def _tell(self, event: Event) -> None:
        try:
            await self._board.submit(event)
        except TooLate as error:
            log.debug("late news", why=str(error.__cause__))
        except CareError:
            self._board.later(1.0, lambda: self._tell(event))

    async def restore(self) -> None:
        """After a start: everyone the router believes at work is given time to come back."""
        agents = [view.id for view in self._board.router.agents() if view.presence != Presence.OFFLINE]
        self._board.first_names |= await self._board.orm(first_names, agents)
        for agent in agents:
            self._watch(self._desk(agent), self._board.patience.restart_s)

    def tidy(self) -> None:
        for agent in [each.agent for each in self._desks.values() if not each.listeners and not each.gone]:
            del self._desks[agent]
        self._actions.tidy()
        self._signals.tidy()

    def close(self) -> None:
        for desk in self._desks.values():
            if desk.gone:
                desk.gone.cancel()

    def _desk(self, agent: str) -> Desk:
        return self._desks.setdefault(agent, Desk(agent))


def _reason(body: Body) -> str:
    reason = body.optional("reason", 200)
    if not reason:
        raise ReasonNeeded
    return reason
