"""The ASGI application of the live process: `/live/*`, nothing else. docs/reference/live.md is its contract."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from django.utils import translation
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from careline.base.accounts import sessions
from careline.base.accounts.rights import NotSignedIn
from careline.base.errors import CareError, DatabaseAway, NotFound, outage
from careline.faces.live.board import Board, Patience
from careline.faces.live.calls import Calls
from careline.faces.live.desks import Desks
from careline.faces.live.errors import NoSuchAddress, Starting, WrongMethod
from careline.faces.live.follow import Follower
from careline.faces.live.http import (
    address_of,
    body_of,
    check_csrf,
    check_origin,
    is_local,
    language_of,
    refusal,
)
from careline.faces.live.places import read_places
from careline.faces.live.saving import Saving
from careline.faces.live.stream import send_events
from careline.faces.live.who import Badge, badge_of

if TYPE_CHECKING:
    from careline.switchboard.engine import Switchboard
    from careline.switchboard.facts import Fact

log = structlog.get_logger(__name__)

CALL_COOKIE = "careline_call"
SESSIONS_EVERY_S = 30.0
TICKS_EVERY_S = 0.2
SAVING_EVERY_S = 0.25
PROJECTED_AFTER_S = 1.5  # should the projector be stuck, desks look again all the same
KNOWN_BADGES_S = 30.0
GOES_ON = frozenset(("signal", "hold", "resume", "end", "text", "pause", "sign_out", "decline"))  # at a locked desk too


class Live:
    """Everything behind the addresses. `start` once the switchboard is active, `stop` before it stops."""

    def __init__(self, switchboard: Switchboard, patience: Patience | None = None) -> None:
        self.board = Board(switchboard, patience=patience)
        self.calls = Calls(self.board)
        self.desks = Desks(self.board)
        self.follower = Follower(self.board, self.calls, self.desks)
        self.saving = Saving(self.board)
        self._loops: list[asyncio.Task[None]] = []
        self._badges: dict[str, tuple[Badge, float]] = {}
        self._worked: dict[str, float] = {}  # session -> when its person last pressed a button, as far as written
        switchboard.listen(self._committed)
        switchboard.outbox.listen(self._told)

    async def start(self) -> None:
        """Stand where the switchboard stands, then open the doors."""
        self.board.places = await self.board.orm(read_places)
        self.follower.restore()
        self.board.ready = True
        await self.calls.restore()
        await self.desks.restore()
        self._loops = [
            asyncio.create_task(_every(TICKS_EVERY_S, self.board.ticks.send_due)),
            asyncio.create_task(_every(PROJECTED_AFTER_S, self.board.ticks.projected)),
            asyncio.create_task(_every(SAVING_EVERY_S, self.saving.look)),
            asyncio.create_task(_every(1.0, self._sweep)),
            asyncio.create_task(_every(self.board.hub.limits.heartbeat_s, self.board.hub.heartbeat)),
            asyncio.create_task(_every(10.0, self._tidy)),
            asyncio.create_task(_every(SESSIONS_EVERY_S, self.desks.check_sessions)),
        ]

    def stop(self) -> None:
        """End every stream: the browsers turn to whoever is active next."""
        self.board.ready = False
        for loop in self._loops:
            loop.cancel()
        self.calls.close()
        self.desks.close()
        self.board.close()

    def _sweep(self) -> None:
        if not self.saving.waits:
            self.calls.sweep()

    def _committed(self, done: Any) -> None:
        if self.board.ready:
            self.follower.committed(done)

    def _told(self, fact: Fact) -> None:
        """Facts of the web process that change what desks show."""
        if fact.kind == "directory_changed":
            self.board.soon(self._read_places())
        elif self.board.ready:
            self.follower.told(fact.kind, fact.data)

    async def _read_places(self) -> None:
        self.board.places = await self.board.orm(read_places)
        self.follower.everything_changed()

    def _tidy(self) -> None:
        self.board.hub.tidy()
        self.board.ticks.tidy()
        self.calls.tidy()
        self.desks.tidy()
        limit = self.board.clock() - KNOWN_BADGES_S
        self._badges = {key: known for key, known in self._badges.items() if known[1] > limit}
        self._worked = {key: at for key, at in self._worked.items() if at > limit}

    # --- who asks

    async def badge(self, request: Request, *, again: bool = True) -> Badge:
        """The signed-in person. A check of the last half minute is good enough for a button (`again=False`)."""
        session_key = request.cookies.get(settings.SESSION_COOKIE_NAME, "")
        if not session_key:
            raise NotSignedIn
        known = self._badges.get(session_key)
        now = self.board.clock()
        if known is None or again or known[1] < now - KNOWN_BADGES_S:
            known = self._badges[session_key] = (await self.board.orm(badge_of, session_key), now)
        return known[0]

    # --- the patient's page

    async def start_call(self, request: Request) -> Response:
        check_origin(request)
        body = await body_of(request)
        cookie = request.cookies.get(CALL_COOKIE, "")
        contact, token, new = await self.calls.start(body, address_of(request), cookie, is_local(request))
        response = JSONResponse({"contact": contact}, status_code=201 if new else 200)
        response.set_cookie(
            CALL_COOKIE,
            token,
            max_age=12 * 3600,
            path="/live/call",
            secure=settings.TLS,
            httponly=True,
            samesite="lax",
        )
        return response

    async def act_in_call(self, request: Request) -> Response:
        check_origin(request)
        page = await self.calls.page(request.cookies.get(CALL_COOKIE, ""))
        await self.calls.act(page, await body_of(request))
        return JSONResponse({})

    async def call_events(self, request: Request, send: Send) -> None:
        page = await self.calls.page(request.cookies.get(CALL_COOKIE, ""))
        listener = self.calls.listen(page, last_id(request))
        try:
            await send_events(self.board.hub, listener, request.receive, send)
        finally:
            self.calls.left(page, listener)

    # --- the desk

    async def act_at_desk(self, request: Request) -> Response:
        check_csrf(request)
        badge = await self.badge(request, again=False)
        body = await body_of(request)
        await self._at_work(badge, body.text("action", 40))
        return JSONResponse(await self.desks.act(badge, body))

    async def _at_work(self, badge: Badge, action: str) -> None:
        """A pressed button is work and keeps the session open. Raises NotSignedIn when it has locked: what has begun
        may go on and be ended, nothing new may be begun."""
        now = self.board.clock()
        if action == "signal" or self._worked.get(badge.session_key, 0.0) > now - SESSIONS_EVERY_S:
            return
        if not await self.board.orm(sessions.still_open, badge.session_key):
            if action not in GOES_ON:
                raise NotSignedIn
            return
        self._worked[badge.session_key] = now

    async def desk_events(self, request: Request, send: Send) -> None:
        badge = await self.badge(request)
        listener = await self.desks.listen(badge, last_id(request))
        try:
            await send_events(self.board.hub, listener, request.receive, send)
        finally:
            self.desks.left(badge, listener)

    # --- neighbours

    async def poke(self, request: Request) -> Response:
        """The web process wrote to the outbox."""
        if not is_local(request):
            raise NotFound
        self.board.switchboard.poke()
        return Response(status_code=204)

    async def metrics(self, request: Request) -> Response:
        if not is_local(request):
            raise NotFound
        return Response(self.board.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    async def health(self, request: Request) -> Response:
        """200 when calls are taken here; 503 while another process is active, or the database is away."""
        if self.board.ready and self.board.switchboard.active and not self.saving.waits:
            return PlainTextResponse("active\n")
        return PlainTextResponse("standby\n", status_code=503, headers={"Retry-After": "1"})


def build(switchboard: Switchboard, *, patience: Patience | None = None) -> tuple[Starlette, Live]:
    """The application, and what starts and stops it."""
    live = Live(switchboard, patience)
    routes = [
        Route("/live/call", Answer(live, live.start_call), methods=["POST"]),
        Route("/live/call/actions", Answer(live, live.act_in_call), methods=["POST"]),
        Route("/live/call/events", Stream(live, live.call_events), methods=["GET"]),
        Route("/live/desk/actions", Answer(live, live.act_at_desk), methods=["POST"]),
        Route("/live/desk/events", Stream(live, live.desk_events), methods=["GET"]),
        Route("/live/poke", Answer(live, live.poke, always=True), methods=["POST"]),
        Route("/live/metrics", Answer(live, live.metrics, always=True), methods=["GET"]),
        Route("/live/healthz", Answer(live, live.health, always=True), methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={404: nowhere, 405: nowhere}), live


async def nowhere(request: Request, failure: Exception) -> Response:
    error = WrongMethod() if getattr(failure, "status_code", 404) == 405 else NoSuchAddress()
    response = refusal(error, language_of(request))
    response.headers.update(getattr(failure, "headers", None) or {})  # which methods it takes
    return response


class Answer:
    """One address that answers with a response; a named refusal is said in the reader's language."""

    def __init__(self, live: Live, act: Callable[[Request], Awaitable[Response]], *, always: bool = False) -> None:
        self._live = live
        self._act = act
        self._always = always

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not (self._always or self._live.board.ready):
            await not_yet(scope)(scope, receive, send)
            return
        request = Request(scope, receive)
        with named_refusals(self._live, request) as refused:
            try:
                response = await self._act(request)
            except ClientDisconnect:  # gone in the middle of its own request: it will ask again, with the same key
                return
        await (refused.response or response)(scope, receive, send)


class Stream:
    """One address that answers with events for as long as the browser stays."""

    def __init__(self, live: Live, run: Callable[[Request, Send], Awaitable[None]]) -> None:
        self._live = live
        self._run = run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._live.board.ready:
            await not_yet(scope)(scope, receive, send)
            return
        request = Request(scope, receive)
        with named_refusals(self._live, request) as refused:
            if self._live.saving.waits:
                raise DatabaseAway  # what the router says now may never be written: nobody is shown it for the first time
            await self._run(request, send)
        if refused.response:
            await refused.response(scope, receive, send)


def not_yet(scope: Scope) -> Response:
    """While we start, every browser knocks again and again: the answer must cost next to nothing."""
    headers = dict(scope["headers"])
    return _not_yet(headers.get(b"accept-language", b"").decode("latin-1")[:100])


@lru_cache(maxsize=512)
def _not_yet(accepted: str) -> Response:
    request = HttpRequest()
    request.META["HTTP_ACCEPT_LANGUAGE"] = accepted
    return refusal(Starting(), translation.get_language_from_request(request))


class _Refused:
    response: Response | None = None


@contextlib.contextmanager
def named_refusals(live: Live, request: Request) -> Any:
    refused = _Refused()
    try:
        yield refused
    except (CareError, OperationalError, InterfaceError) as failure:
        error = failure if isinstance(failure, CareError) else outage(failure)
        live.board.metrics.refused.labels(error.code).inc()
        refused.response = refusal(error, language_of(request))


def last_id(request: Request) -> str:
    """EventSource's own header, or (a page that has just been loaded anew) the parameter of the same meaning."""
    return request.headers.get("last-event-id", "") or request.query_params.get("last", "")


async def _every(seconds: float, work: Callable[[], Any]) -> None:
    """Again and again; a failure is logged and the next turn comes all the same."""
    while True:
        await asyncio.sleep(seconds)
        try:
            result = work()
            if asyncio.iscoroutine(result):
                await result
        except Exception:
            log.exception("a recurring task failed")
