"""The patient's side: starting a call, waiting, being called back, talking, rating. One page holds one contact."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from django.conf import settings

from careline.base.errors import CareError
from careline.care.contacts import actions as contacts
from careline.care.directory.profiles import PERSON
from careline.core.acd.model import (
    CallbackAsked,
    CallerBack,
    CallerHungUp,
    CallerLost,
    Channel,
    Command,
    ContactQueued,
    ContactView,
    EndCause,
    EndContact,
    PatientAnswered,
    PatientUnreached,
    Phase,
    Presence,
    RefuseContact,
)
from careline.faces.live.board import Board
from careline.faces.live.errors import BadRequest, LineClosed, NoCall, QueueFull, TooLate, TooMany
from careline.faces.live.http import Body
from careline.faces.live.hub import Listener
from careline.faces.live.limits import Buckets
from careline.faces.live.opening import Opening, Wish, known_contact, open_contact, texts_of, web_contacts
from careline.faces.live.render import NO_PLACE, call_state, ended_state, gist

log = structlog.get_logger(__name__)

# A page gone in one of these is a lost caller. One that waits for its call-back must be open to ring: it keeps its
# place, and is rung once it is back.
KEPT_WHILE = frozenset({Phase.QUEUED, Phase.OFFERED, Phase.TALKING, Phase.HELD, Phase.CALLBACK})
SWEEP_S = 1.0
FORGET_S = 900.0  # an ended call's page is answered from memory so long, then from the database


@dataclass(slots=True)
class Page:
    """A patient's page (or the place kept for it)."""

    contact: str
    token_hash: str
    queue: str
    language: str
    channel: str
    listeners: set[Listener] = field(default_factory=set)
    opened: bool = False  # it has had a stream at least once
    told: tuple[Any, ...] = ()
    look_at: float = 0.0
    gone: asyncio.TimerHandle | None = None
    ringing: asyncio.TimerHandle | None = None
    cause: str = ""
    ended_at: float | None = None


def channel_name(contact: str) -> str:
    return f"contact:{contact}"


def tokens_for(key: str) -> list[str]:
    """The page's token, made from the key of its first request: the same request again, even to the next process
    after a crash, finds the same contact. Nobody can make it without our secret. After the first, those that our
    earlier secrets would have made: the request may come again after the secret has changed."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    made = [hashlib.sha256(b"careline.live.call" + secret.encode()).digest() for secret in secrets]
    return [hmac.new(secret, key.encode(), "sha256").hexdigest() for secret in made]


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Calls:
    """All pages with a living contact."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._pages: dict[str, Page] = {}
        self._by_token: dict[str, Page] = {}
        self._calls = Buckets(board.patience.calls, board.clock)
        self._signals = Buckets(board.patience.signals, board.clock)

    # --- starting

    async def start(self, body: Body, address: str, cookie: str, local: bool) -> tuple[str, str, bool]:
        """(contact, token, whether it is new). Raises the named refusals of docs/reference/live.md."""
        key = body.id("key")
        simulated = body.flag("simulated") and local and settings.DEMO
        wish = Wish(
            line=body.text("line", 60),
            language=body.text("language", 8),
            topic=body.optional("topic", 60),
            channel=Channel(_one_of(body.text("channel", 10), Channel.VOICE, Channel.VIDEO, Channel.TEXT)),
            name=body.optional("name"),
            number=body.optional("number"),
            simulated=simulated,
            prefers=body.id("prefers") if simulated and body.has("prefers") else "",
        )
        page = self._by_token.get(hash_of(cookie)) if cookie else None
        if page and page.ended_at is None:
            return page.contact, cookie, False  # a browser holds one call: pressed twice, it keeps its place
        if not wish.simulated and not self._calls.take(address):
            raise TooMany
        tokens = {hash_of(token): token for token in tokens_for(key)}
        opening = await self._board.orm(open_contact, wish, list(tokens), key, self._board.clock())
        commands = await self._queue(opening, wish, key)
        _refuse(opening, commands)
        return opening.contact, tokens[opening.token_hash], True

    async def _queue(self, opening: Opening, wish: Wish, key: str) -> list[Command]:
        self._keep(Page(opening.contact, opening.token_hash, opening.queue, wish.language, wish.channel))
        event = ContactQueued(
            contact=opening.contact,
            queue=opening.queue,
            channel=wish.channel,
            needs=opening.needs,
            hard=opening.hard,
            head_start_s=opening.head_start_s,
            emergency=opening.urgent,
            preferred=(wish.prefers,) if wish.prefers else (),
            simulated=wish.simulated,
        )
        commands = await self._board.submit(event, f"call:{key}")
        self._watch_page(self._pages[opening.contact])
        return commands

    # --- listening

    async def page(self, cookie: str) -> Page:
        """The page of a cookie. Raises NoCall."""
        if not cookie:
            raise NoCall
        token_hash = hash_of(cookie)
        page = self._by_token.get(token_hash)
        if page is None:
            known = await self._board.orm(known_contact, token_hash)
            if known is None:
                raise NoCall
            page = Page(known.contact, token_hash, known.queue, known.language, known.channel)
            page.cause, page.ended_at = known.cause or EndCause.COMPLETED, self._board.clock()
            if self._board.router.contact(page.contact) is not None:
                page.cause, page.ended_at = "", None
            self._keep(page)
        return page

    def listen(self, page: Page, last_id: str) -> Listener:
        """A stream of the page: its state, what it missed, and the lines of a text talk so far."""
        listener = self._board.hub.listen([channel_name(page.contact)], last_id, lambda: self._fresh(page), owner=page)
        page.listeners.add(listener)
        page.opened = True
        self._watch_page(page)
        view = self._board.router.contact(page.contact)
        if view is not None and view.lost_since is not None:
            self._board.soon(self._tell(CallerBack(page.contact)))
        return listener

    def left(self, page: Page, listener: Listener) -> None:
        """A stream of the page is over."""
        page.listeners.discard(listener)
        self._watch_page(page)

    def _fresh(self, page: Page) -> Iterator[tuple[str, Any]]:
        state = self.state(page)
        page.told = gist(state)
        yield "state", state
        if page.channel == Channel.TEXT:
            self._board.soon(self._tell_lines(page))

    async def _tell_lines(self, page: Page) -> None:
        """What was written so far. Lines have ids: one that is shown already is not shown again."""
        for line in await self._board.orm(texts_of, page.contact):
            for listener in page.listeners:
                self._board.hub.tell(listener, "text", line)

    def state(self, page: Page) -> dict[str, Any]:
        now = self._board.clock()
        view = self._board.router.contact(page.contact)
        if view is None:
            return ended_state(page.contact, page.cause or EndCause.COMPLETED, page.channel, now)
        waits = view.phase in (Phase.QUEUED, Phase.OFFERED, Phase.CALLBACK)
        place = self._board.router.place(page.contact, now) if waits else NO_PLACE
        if waits and PERSON in view.hard and not self._somebody_for(view):
            place = replace(place, wait_low_s=None, wait_high_s=None)  # measured on those who will not take this one
        return call_state(view, place, self._board.first_names, now)

    def _somebody_for(self, view: ContactView) -> bool:
        """In the demo: is any real operator at work for this caller's queue?"""
        queue = self._board.router.queue(view.queue)
        theirs = {view.queue, *(each.to for each in (queue.rules.overflow if queue else ()))}
        return any(
            PERSON in agent.profile.skills and agent.presence != Presence.OFFLINE and theirs & agent.profile.queues
            for agent in self._board.router.agents()
        )

    # --- doing

    async def act(self, page: Page, body: Body) -> None:
        """One action of the page. Raises the named refusals."""
        key = f"{page.contact}:{body.id('key')}"
        match body.text("action", 40):
            case "hang_up":
                await self._board.submit(CallerHungUp(page.contact), key)
            case "callback":
                not_before = body.number("not_before", 0, 1e11) if body.has("not_before") else None
                await self._board.submit(CallbackAsked(page.contact, not_before), key)
            case "callback_answer":
                await self._board.submit(PatientAnswered(page.contact), key)
            case "callback_decline":
                await self._board.submit(self._unreached(page), key)
            case "signal":
                self._signal(page, body.object("data"), key)
            case "text":
                await self._text(page, body.text("text", 4000), key)
            case "rate":
                rating = round(body.number("rating", 1, 5))
                await self._board.orm(contacts.rate_contact, page.contact, rating, key=key)
            case _:
                raise BadRequest

    def _signal(self, page: Page, data: dict[str, Any], key: str) -> None:
        view = self._board.router.contact(page.contact)
        if view is None or view.phase not in (Phase.TALKING, Phase.HELD) or not view.agent:
            raise TooLate
        if not self._signals.take(page.contact):
            raise TooMany
        if self._board.keys.first(key):
            told = {
                "contact": page.contact,
                "talk": view.talk,
                "data": self._board.relay.with_servers(data, self._board.clock()),
            }
            self._board.hub.publish(f"agent:{view.agent}", "signal", told)

    async def _text(self, page: Page, text: str, key: str) -> None:
        view = self._board.router.contact(page.contact)
        if view is None or view.phase == Phase.WRAP_UP:
            raise TooLate
        if not self._signals.take(page.contact):
            raise TooMany
        await say(self._board, page.contact, view.agent, None, text, key)

    def _unreached(self, page: Page) -> PatientUnreached:
        """Rung in vain (or put off): again later with the same place, until we have tried often enough."""
        view = self._board.router.contact(page.contact)
        last = view is not None and view.tries + 1 >= self._board.patience.rings
        return PatientUnreached(page.contact, None if last else self._board.clock() + self._board.patience.ring_again_s)

    # --- what the switchboard did

    def changed(self, contact: str, commands: Iterable[Command]) -> None:
        """Tell the page at once; start and stop its clocks."""
        page = self._pages.get(contact)
        if page is None:
            return
        for command in commands:
            if isinstance(command, EndContact | RefuseContact) and command.contact == contact:
                page.cause, page.ended_at = command.cause, self._board.clock()
        view = self._board.router.contact(contact)
        if view is not None and view.phase == Phase.DIALLING:
            page.ringing = page.ringing or self._board.later(self._board.patience.ring_s, lambda: self._rang_out(page))
        elif page.ringing:
            page.ringing.cancel()
            page.ringing = None
        self._push(page)
        self._watch_page(page)

    def sweep(self) -> None:
        """Once a second: places and waits that have moved. Those far back move less, and are told less often."""
        now = self._board.clock()
        for page in self._pages.values():
            if page.listeners and page.look_at <= now and page.ended_at is None:
                self._push(page, even_if_same=False)

    def _push(self, page: Page, even_if_same: bool = True) -> None:
        if not page.listeners and page.gone is None and page.told == ():
            return  # nobody has ever listened: the first state goes out with the stream itself
        state = self.state(page)
        page.look_at = self._board.clock() + _interval(state["position"], page.contact)
        told = gist(state)
        if even_if_same or told != page.told:
            page.told = told
            self._board.hub.publish(channel_name(page.contact), "state", state)

    async def _rang_out(self, page: Page) -> None:
        page.ringing = None
        await self._tell(self._unreached(page))

    # --- pages that go

    def _watch_page(self, page: Page, more_s: float = 0.0) -> None:
        """Without a stream for a while the caller is lost; the switchboard keeps the place."""
        view = self._board.router.contact(page.contact)
        absent = not page.listeners and view is not None and view.phase in KEPT_WHILE and view.lost_since is None
        if absent and page.gone is None:
            patience = self._board.patience
            wait = (patience.page_gone_s if page.opened else patience.page_opens_s) + more_s
            page.gone = self._board.later(wait, lambda: self._lost(page))
        elif not absent and page.gone:
            page.gone.cancel()
            page.gone = None

    async def _lost(self, page: Page) -> None:
        page.gone = None
        if not page.listeners:
            await self._tell(CallerLost(page.contact))

    async def _tell(self, event: CallerLost | CallerBack | PatientUnreached) -> None:
        """News of ours; when it no longer fits, something else was quicker."""
        try:
            await self._board.submit(event)
        except TooLate as error:
            log.debug("late news", contact=event.contact, why=str(error.__cause__))
        except CareError:
            self._board.later(1.0, lambda: self._tell(event))  # the database is away: say it again

    # --- keeping

    def _keep(self, page: Page) -> None:
        self._pages.setdefault(page.contact, page)
        self._by_token.setdefault(page.token_hash, self._pages[page.contact])

    async def restore(self) -> None:
        """After a start: a page for every living web contact, each given time to come back."""
        living = [view.id for view in self._board.router.contacts()]
        for known in await self._board.orm(web_contacts, living):
            self._keep(Page(known.contact, known.token_hash, known.queue, known.language, known.channel))
        for page in self._pages.values():
            self.changed(page.contact, ())
            if page.gone:
                page.gone.cancel()
                page.gone = None
            self._watch_page(page, self._board.patience.restart_s)

    def tidy(self) -> None:
        limit = self._board.clock() - FORGET_S
        for page in [p for p in self._pages.values() if p.ended_at and p.ended_at < limit and not p.listeners]:
            del self._pages[page.contact]
            self._by_token.pop(page.token_hash, None)
        self._calls.tidy()
        self._signals.tidy()

    def close(self) -> None:
        for page in self._pages.values():
            for timer in (page.gone, page.ringing):
                if timer:
                    timer.cancel()


async def say(board: Board, contact: str, agent: str | None, by_agent: str | None, text: str, key: str) -> None:
    """A line of a text talk: kept first, then shown to both sides. The same key twice is said once."""
    line = await board.orm(contacts.save_text, contact, by_agent, text, key=key)
    if not board.keys.first(key):
        return
    told = {
        "contact": contact,
        "id": str(line.id),
        "at": line.at.timestamp(),
        "by": "agent" if by_agent else "patient",
        "text": line.text,
    }
    board.hub.publish_to([channel_name(contact)] + ([f"agent:{agent}"] if agent else []), "text", told)


def _interval(position: int | None, contact: str) -> float:
    """Seconds until the next look. With ten thousand waiting this comes to a few hundred looks a second."""
    if position is None or position <= 20:
        return SWEEP_S
    spread = (hash(contact) & 0xFF) / 0xFF  # so that pages that came together do not stay together
    return 4.0 + spread if position <= 200 else 14.0 + 4.0 * spread


def _refuse(opening: Opening, commands: list[Command]) -> None:
    for command in commands:
        if isinstance(command, RefuseContact):
            if command.cause == EndCause.FULL:
                raise QueueFull
            raise LineClosed(opens_at=opening.opens_at)


def _one_of(value: str, *allowed: str) -> str:
    if value not in allowed:
        raise BadRequest
    return value
