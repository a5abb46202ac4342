"""Whole stories in real browsers against the whole product, as `careline serve` runs it, in a home of its own."""

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
import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

PASSWORD = "careline-demo"
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
# Every page keeps its peer connections, so that a test can ask them what they hear.
KEEP_PEERS = """
window.peers = [];
const Plain = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Plain { constructor(...given) { super(...given); window.peers.push(this); } };
"""
HEARD = """async () => {
  const sum = { sent: 0, received: 0, energy: 0 };
  for (const peer of window.peers.filter((each) => each.connectionState === "connected")) {
    for (const row of (await peer.getStats()).values()) {
      if (row.type === "outbound-rtp" && row.kind === "audio") sum.sent += row.packetsSent;
      if (row.type === "inbound-rtp" && row.kind === "audio") {
        sum.received += row.packetsReceived;
        sum.energy += row.totalAudioEnergy;
      }
    }
  }
  return sum;
}"""
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
]


@dataclass
class Product:
    """A running Careline with the sample networks."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    database: str

    def rows(self, query: str, *values: object) -> list[tuple]:
        with psycopg.connect(self.database) as connection:
            return connection.execute(query, values).fetchall()

    def run(self, statement: str) -> None:
        with psycopg.connect(self.database) as connection:
            connection.execute(statement)

    def child(self, name: str) -> int:
        """The process id of one child ("web", "live", "front")."""
        children = json.loads((self.home / "run" / "children.json").read_text())
        return next(int(each["pid"]) for each in children.values() if each.get("name") == name)


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    """Started once for all journeys. CARELINE_JOURNEY_HOME and _URL name one that already runs, for writing journeys."""
    if running := os.environ.get("CARELINE_JOURNEY_HOME"):
        environment = {**{k: v for k, v in os.environ.items() if k != "DATABASE_URL"}, "CARELINE_HOME": running}
        url = os.environ["CARELINE_JOURNEY_URL"]
        yield Product(url, Path(running), subprocess.Popen(["true"]), database_of(environment))
        return
    with tempfile.TemporaryDirectory(prefix="careline-journey-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # as root, PostgreSQL runs as a user who must be able to enter
        home = Path(folder) / "home"
        port = three_free_ports()
        environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "CARELINE_HOME": str(home),
            "CARELINE_DEMO": "1",
            "CARELINE_CALLS_PER_MINUTE": "1000",
            "PORT": str(port),
        }
        log = Path(folder) / "serve.log"
        with log.open("wb") as out:
            command = [sys.executable, "-m", "careline.app.cli", "serve"]
            process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: answers(f"{url}/live/healthz") and answers(f"{url}/readyz"), 240, process, log)
            load_samples(environment)
            yield Product(url, home, process, database_of(environment))
        finally:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def three_free_ports() -> int:
    for port in range(18000, 19000, 10):
        with suppress(OSError):
            for each in range(port, port + 3):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", each))
            return port
    raise AssertionError("no free ports between 18000 and 19000")


def answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(url, trust_env=False, timeout=2).status_code == 200
    return False


def wait_for(ready: Callable[[], bool], seconds: float, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None, log.read_text()[-4000:]
        assert time.monotonic() < until, log.read_text()[-4000:]
        time.sleep(0.1)


def load_samples(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "careline.app.cli", "load-sample", "all"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def database_of(environment: dict[str, str]) -> str:
    command = [
        sys.executable,
        "-c",
        "import os; from careline.app import cli; cli.at_home(); print(os.environ['DATABASE_URL'])",
    ]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
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
    contexts: list[BrowserContext] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def page(self, width: int, height: int, locale: str) -> Page:
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            permissions=["microphone", "camera"],
            base_url=self.product.url,
        )
        context.set_default_timeout(30_000)
        context.add_init_script(KEEP_PEERS)
        self.contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.broken.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self._console(page, said.type, said.text))
        return page

    def _console(self, page: Page, kind: str, text: str) -> None:
        if kind == "error" and "Content Security Policy" in text:
            self.broken.append(f"{page.url}: {text}")

    def staff(self, username: str, width: int = 1440, height: int = 900) -> Page:
        """Somebody who has signed in and stands at their first screen."""
        page = self.page(width, height, "en-GB")
        page.goto("/accounts/login/")
        page.fill("[name=login]", username)
        page.fill("[name=password]", PASSWORD)
        page.click("form:has([name=password]) .btn--go")
        page.wait_for_url(lambda url: "/accounts/login" not in url)
        return page

    def patient(self, line: str, language: str, locale: str = "uk-UA") -> Page:
        page = self.page(390, 844, locale)
        page.goto(f"/call/{line}/{language}/")
        return page


@pytest.fixture
def people(browser: Browser, product: Product) -> Iterator[People]:
    people = People(browser, product)
    yield people
    for context in people.contexts:
        context.close()
    assert people.broken == []


def wait_until(page: Page, ready: Callable[[], bool], seconds: float = 30.0) -> float:
    """Lets the page work until `ready`. Returns the seconds it took; fails when it takes longer than allowed."""
    began = time.monotonic()
    while not ready():
        assert time.monotonic() - began < seconds, "did not happen in time"
        page.wait_for_timeout(50)
    return time.monotonic() - began


def hears(page: Page) -> bool:
    """Packets go out, packets come in, and what comes in is a sound."""
    heard = page.evaluate(HEARD)
    return bool(heard["sent"] > 10 and heard["received"] > 10 and heard["energy"] > 0)


def picture(page: Page, name: str) -> None:
    """A screenshot for the docs, made by the journey itself."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")
