"""Whole stories in real browsers against the whole product, as `careline serve` runs it, in a home of its own.

Every test has a town of its own in that product, so that nobody hears another test's callers and every figure can be
counted. With CARELINE_PICTURES set the journeys also write the pictures of docs/pictures; a plain run changes no file.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from careline.app.settings import database
from careline.care.contacts.models import LiveState
from tests.journeys.towns import Town, found
from tests.support.centre import cookies, sign_in
from tests.support.chromium import LEAN, disabled

CHROMIUM_FLAGS = [
    *LEAN,
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    disabled("WebRtcHideLocalIpsWithMdns"),
]
# Every page keeps its peer connections, so that a test can ask them what they hear and see.
KEEP_PEERS = """
window.peers = [];
const Plain = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Plain { constructor(...given) { super(...given); window.peers.push(this); } };
"""
# The network was taken away on purpose, or the browser was closed while it asked for something.
EXPECTED = ("Failed to load resource", "Response Status Error Code", "htmx:afterRequest", "htmx:send")
READY_S = 240.0
HEARD_S = 30.0

expect.set_options(timeout=15_000)


@dataclass
class Product:
    """A running Careline. `database` is its URL."""

    url: str
    home: Path
    database: str

    def child(self, name: str) -> int:
        """The process id of one of its processes: "web", "live", "live-standby", "front". 0 while it is not there."""
        children = json.loads((self.home / "run" / "children.json").read_text())
        return next((int(each["pid"]) for each in children if each["name"] == name), 0)

    def secret(self) -> str:
        return str(json.loads((self.home / "keys.json").read_text())["secret_key"])

    def live_url(self) -> str:
        return f"http://127.0.0.1:{int(self.url.rsplit(':', 1)[1]) + 2}"

    def careline(self, *command: str) -> str:
        """What a command of the product's own command line prints."""
        environment = {**at_home(self.home), "CARELINE_DEMO": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "careline.app.cli", *command], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


def at_home(home: Path) -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if name != "DATABASE_URL"}, "CARELINE_HOME": str(home)}


@pytest.fixture(scope="package")
def product() -> Iterator[Product]:
    """Started once for all journeys. CARELINE_JOURNEY_HOME and _URL name one that already runs, for writing journeys."""
    if running := os.environ.get("CARELINE_JOURNEY_HOME"):
        yield Product(os.environ["CARELINE_JOURNEY_URL"], Path(running), database_of(Path(running)))
        return
    with tempfile.TemporaryDirectory(prefix="careline-journey-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # as root, PostgreSQL runs as a user who must be able to enter
        home, port, log = Path(folder) / "home", free_ports(), Path(folder) / "serve.log"
        environment = {
            **at_home(home),
            "CARELINE_DEMO": "1",
            "CARELINE_CALLS_PER_MINUTE": "100000",
            "PORT": str(port),
        }
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "careline.app.cli", "serve"], env=environment, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: answers(f"{url}/live/healthz") and answers(f"{url}/readyz"), process, log)
            yield Product(url, home, database_of(home))
        finally:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def free_ports() -> int:
    """The first of three free neighbours: front, web and live. Each worker of xdist looks in a range of its own."""
    first = 18000 + 300 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for port in range(first, first + 300, 10):
        with suppress(OSError):
            for each in range(port, port + 3):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", each))
            return port
    raise AssertionError(f"no free ports between {first} and {first + 300}")


def answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(url, trust_env=False, timeout=2).status_code == 200
    return False


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY_S
    while not ready():
        assert process.poll() is None, log.read_text()[-4000:]
        assert time.monotonic() < until, log.read_text()[-4000:]
        time.sleep(0.1)


def database_of(home: Path) -> str:
    script = "import os; from careline.app import cli; cli.at_home(); print(os.environ['DATABASE_URL'])"
    done = subprocess.run([sys.executable, "-c", script], env=at_home(home), capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def inside(product, settings, django_db_blocker, monkeypatch) -> Iterator[None]:
    """Django in this process stands on the product's own database and keys, and not on the tests'."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in this thread, beside our reads
    settings.SECRET_KEY = product.secret()
    settings.LIVE_URL = product.live_url()
    default = connections.settings["default"]
    before = dict(default)
    connections["default"].close()
    default.update(database(product.database))
    try:
        with django_db_blocker.unblock():
            yield
            connections["default"].close()
    finally:
        default.clear()
        default.update(before)


@pytest.fixture
def town(inside, request) -> Town:
    """A town in the country, of this test's own; the switchboard has heard of it."""
    town = found(request.node.name)
    until = time.monotonic() + HEARD_S
    while not LiveState.objects.filter(subject=town.queue.pk).exists():
        assert time.monotonic() < until, "the switchboard has not heard of the new queue"
        time.sleep(0.05)
    return town


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@dataclass
class People:
    """Opens browsers for people, and fails the test at its end if a page of theirs broke."""

    browser: Browser
    product: Product
    town: Town
    contexts: list[BrowserContext] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def somebody(self, width: int = 1440, height: int = 900, **more: object) -> Page:
        """A browser at the product's address."""
        context = self.browser.new_context(
            **{
                "viewport": {"width": width, "height": height}, "locale": "en-GB", "base_url": self.product.url,
                "permissions": ["microphone", "camera"], "reduced_motion": "reduce", **more,
            }
        )  # fmt: skip
        context.set_default_timeout(15_000)
        context.add_init_script(KEEP_PEERS)
        self.contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.broken.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self._console(page, said.type, said.text))
        return page

    def _console(self, page: Page, kind: str, text: str) -> None:
        if kind == "error" and not text.startswith(EXPECTED):
            self.broken.append(f"{page.url}: {text}")

    def staff(self, name: str, at: str = "/desk/", width: int = 1440, height: int = 900, **more: object) -> Page:
        """Somebody of the town who has signed in, at this page."""
        page = self.somebody(width, height, **more)
        given = cookies(sign_in(self.town.people[name]))
        page.context.add_cookies([{"name": n, "value": v, "url": self.product.url} for n, v in given.items()])
        page.goto(at)
        return page

    def operator(self, name: str) -> Page:
        """At the desk, ready for calls."""
        desk = self.staff(name)
        desk.wait_for_selector("body[data-state=offline]")
        desk.keyboard.press("F2")
        return desk

    def patient(self, language: str = "uk", width: int = 390, height: int = 844) -> Page:
        """At the clinic's page, on a phone."""
        page = self.somebody(width, height)
        page.goto(f"/call/{self.town.line.code}/{language}/")
        return page


@pytest.fixture
def people(browser: Browser, product: Product, town: Town) -> Iterator[People]:
    people = People(browser, product, town)
    yield people
    for context in people.contexts:
        context.close()
    assert people.broken == []
