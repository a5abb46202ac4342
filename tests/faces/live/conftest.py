"""A small clinic with one line, people at its desks, and the live process on a real socket.

The switchboard here is the real router without a database: what the live process does with commits is what is tested.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import date
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections

from careline.base.accounts.models import Posting, Role, User
from careline.base.organisations.models import Organisation
from careline.care.directory.models import PhoneLine, Queue, Topic
from careline.care.directory.profiles import all_queue_rules
from careline.core.acd.model import Command, Event, QueueSet, TimePassed
from careline.core.acd.router import Router
from careline.faces.live.app import Live, build
from careline.faces.live.board import Patience
from careline.faces.live.limits import Rate


@dataclass(frozen=True)
class Committed:
    position: int
    event: Event
    commands: tuple[Command, ...]
    at: float


@dataclass
class MemorySwitchboard:
    """The real router; a commit is a list. `later` is added to the clock."""

    router: Router = field(default_factory=Router)
    ledger: list[Committed] = field(default_factory=list)
    later: float = 0.0
    active: bool = True
    failure: Exception | None = None

    def __post_init__(self) -> None:
        self._listeners: list[Callable[[Any], None]] = []
        self._results: dict[str, list[Command]] = {}
        self.facts: list[Callable[[Any], None]] = []
        self.outbox = SimpleNamespace(listen=self.facts.append)
        self.pokes = 0
        self._news = asyncio.Event()

    def now(self) -> float:
        return time.time() + self.later

    def listen(self, fn: Callable[[Any], None]) -> None:
        self._listeners.append(fn)

    def poke(self) -> None:
        self.pokes += 1

    async def submit(self, event: Event, *, key: str | None = None) -> list[Command]:
        if self.failure is not None:
            raise self.failure
        if key is not None and key in self._results:
            return self._results[key]
        commands = self.router.handle(event, self.now())
        if key is not None:
            self._results[key] = commands
        done = Committed(len(self.ledger) + 1, event, tuple(commands), self.now())
        self.ledger.append(done)
        for listener in self._listeners:
            listener(done)
        self._news.set()
        return commands

    async def until(self, kind: type) -> Any:
        """The first event of this kind, so far or to come."""
        async with asyncio.timeout(5):
            while not (found := self.events(kind)):
                self._news.clear()
                await self._news.wait()
        return found[0]

    async def pass_time(self, seconds: float) -> None:
        self.later += seconds
        await self.submit(TimePassed())

    def events(self, kind: type) -> list[Any]:
        return [done.event for done in self.ledger if isinstance(done.event, kind)]


QUICK = Patience(
    page_gone_s=0.6,
    desk_gone_s=0.3,
    desk_left_s=0.1,
    restart_s=5.0,
    ring_s=0.3,
    ring_again_s=60.0,
    calls=Rate(burst=10, per_minute=0.01),
)


@dataclass
class Clinic:
    organisation: Organisation
    queue: Queue
    line: PhoneLine
    topic: Topic
    urgent: Topic
    other: Organisation  # a neighbour, whose people see nothing of this one
    other_queue: Queue


@pytest.fixture
def clinic(transactional_db) -> Clinic:
    root = Organisation.objects.create(code="city", name="City", kind=Organisation.Kind.NETWORK)
    here = Organisation.objects.create(code="river", name="River", kind=root.Kind.CLINIC, parent=root, languages=["uk"])
    other = Organisation.objects.create(code="hill", name="Hill", kind=root.Kind.CLINIC, parent=root, languages=["uk"])
    queue = Queue.objects.create(organisation=here, code="calls", name="Calls", wrap_up_s=30)
    line = PhoneLine.objects.create(
        organisation=here, code="river-1", name="River", languages=["uk", "en"], queue=queue, number="+48005550122"
    )
    topic = Topic.objects.create(organisation=root, code="booking", names={"en": "Booking"})
    urgent = Topic.objects.create(organisation=root, code="unwell", names={"en": "I feel unwell"}, urgent=True)
    other_queue = Queue.objects.create(organisation=other, code="calls", name="Calls")
    return Clinic(here, queue, line, topic, urgent, other, other_queue)


@dataclass
class Staff:
    user: User
    posting: Posting
    cookie: str

    @property
    def id(self) -> str:
        return str(self.user.id)


@pytest.fixture
def staff(clinic) -> Callable[..., Staff]:
    """staff("oksana", Role.OPERATOR) -> somebody signed in at the clinic (or at `at`)."""

    def make(name: str, role: Role = Role.OPERATOR, at: Organisation | None = None) -> Staff:
        user = User.objects.create(username=name, first_name=name.title(), language="en")
        user.set_unusable_password()
        user.save()
        posting = Posting.objects.create(
            user=user, organisation=at or clinic.organisation, role=role, valid_from=date(2020, 1, 1)
        )
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "careline.base.accounts.backends.AccountBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session["posting"] = str(posting.pk)
        session.save()
        return Staff(user, posting, session.session_key)

    return make


class Events:
    """What one stream has said so far."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.seen: list[tuple[str, Any]] = []
        self.last_id = ""
        self.over = False
        self._news = asyncio.Event()

    async def read(self) -> None:
        rest = ""
        with contextlib.suppress(httpx.HTTPError):
            async for chunk in self.response.aiter_text():
                rest += chunk
                *blocks, rest = rest.split("\n\n")
                for block in blocks:
                    self._hear(block)
        self.over = True
        self._news.set()

    def _hear(self, block: str) -> None:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if "event" in fields:
            self.last_id = fields["id"]
            self.seen.append((fields["event"], json.loads(fields["data"])))
            self._news.set()

    def all(self, name: str) -> list[Any]:
        return [data for event, data in self.seen if event == name]

    async def until(self, name: str, fits: Callable[[Any], bool] = lambda data: True) -> Any:
        """The first `name` event so far, or to come, that fits."""
        async with asyncio.timeout(5):
            while True:
                for event, data in self.seen:
                    if event == name and fits(data):
                        return data
                assert not self.over, f"the stream ended without {name}: {self.seen}"
                self._news.clear()
                await self._news.wait()

    async def end(self) -> None:
        async with asyncio.timeout(5):
            while not self.over:
                self._news.clear()
                await self._news.wait()


@dataclass
class Browser:
    """A browser at the live process: its cookies, its key for each request."""

    base: str
    cookies: dict[str, str]
    closing: contextlib.AsyncExitStack
    language: str = "en"

    def __post_init__(self) -> None:
        self.http = httpx.AsyncClient(base_url=self.base, cookies=self.cookies, trust_env=False, timeout=10)

    async def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        token = "t" * 32
        given = {"Origin": self.base, "Accept-Language": self.language, "X-CSRFToken": token, **headers}
        self.http.cookies.set(settings.CSRF_COOKIE_NAME, token)
        return await self.http.post(path, json={"key": str(uuid.uuid4()), **(body or {})}, headers=given)

    async def listen(self, path: str, last_id: str = "") -> Events:
        """An open stream; it ends with the test, or with `gone`."""
        stack = contextlib.AsyncExitStack()
        headers = {"Last-Event-ID": last_id} if last_id else {}
        response = await stack.enter_async_context(self.http.stream("GET", path, headers=headers, timeout=None))
        assert response.status_code == 200, (await response.aread()).decode()
        events = Events(response)
        reading = asyncio.create_task(events.read())

        async def gone() -> None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await stack.aclose()

        events.gone = gone  # type: ignore[attr-defined]
        self.closing.push_async_callback(gone)
        return events


@dataclass
class Running:
    base: str
    live: Live
    switchboard: MemorySwitchboard
    closing: contextlib.AsyncExitStack

    def browser(self, **cookies: str) -> Browser:
        return Browser(self.base, cookies, self.closing)

    def desk(self, person: Staff) -> Browser:
        return Browser(self.base, {settings.SESSION_COOKIE_NAME: person.cookie}, self.closing)

    async def call(self, browser: Browser | None = None, **wish: Any) -> tuple[Browser, Events, str]:
        """A patient's page with a call of its own: (browser, its stream, contact)."""
        browser = browser or self.browser()
        answer = await browser.post("/live/call", {"line": "river-1", "language": "uk", "channel": "voice", **wish})
        assert answer.status_code == 201, answer.text
        return browser, await browser.listen("/live/call/events"), answer.json()["contact"]

    async def work(self, person: Staff) -> tuple[Browser, Events]:
        """A desk whose operator is ready."""
        browser = self.desk(person)
        events = await browser.listen("/live/desk/events")
        assert (await browser.post("/live/desk/actions", {"action": "ready"})).status_code == 200
        return browser, events


async def start(switchboard: MemorySwitchboard, patience: Patience = QUICK) -> AsyncIterator[Running]:
    app, live = build(switchboard, patience=patience)  # type: ignore[arg-type]
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.create_task(server.serve())
    await live.start()
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with contextlib.AsyncExitStack() as closing:
        yield Running(f"http://127.0.0.1:{port}", live, switchboard, closing)
    live.stop()
    server.should_exit = True
    await serving


@pytest.fixture
def switchboard(clinic) -> MemorySwitchboard:
    made = MemorySwitchboard()
    for rules in all_queue_rules():
        made.router.handle(QueueSet(rules), made.now())
    return made


@pytest_asyncio.fixture
async def running(switchboard) -> AsyncIterator[Running]:
    async for each in start(switchboard):
        yield each


async def in_db(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The database beside the event loop, with a connection that is closed again."""

    def call() -> Any:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    return await asyncio.to_thread(call)


@pytest.fixture
def staff_at_work(running, staff):
    """await staff_at_work("oksana") -> (browser, stream, who) of somebody who is ready."""

    async def make(name: str, role: Role = Role.OPERATOR) -> tuple[Browser, Events, Staff]:
        person = await in_db(staff, name, role)
        browser, events = await running.work(person)
        return browser, events, person

    return make
