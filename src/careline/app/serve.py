"""`careline serve` and `careline demo`: the whole of Careline under one supervisor, on one address."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from logging import config as logging_config
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

import psycopg
import structlog

from careline.app import front, keys, logs
from careline.app.failures import DatabaseAway, PreparingFailed, StartFailed
from careline.app.parent import parent_stopping
from careline.app.places import PACKAGE, Home, default_home, private_write
from careline.app.postgres import Cluster
from careline.app.supervisor import Command, Database, Signals, Supervisor, end_leftovers
from careline.app.traffic import process as traffic
from careline.base.keys import CURRENT
from careline.base.keys import fingerprint as fingerprint_of

log = structlog.get_logger("careline.serve")

READY_S = 180.0
DATABASE_S = 60.0
STANDBY_LOADS_S = 5.0
MEMORY = Path("/dev/shm")  # noqa: S108  (looked at before it is used: metrics_folder)


@dataclass
class Service:
    """One run of Careline: what `serve` and `demo` put together."""

    home: Home
    addresses: front.Addresses
    signals: Signals
    demo: bool = False
    quiet: bool = False  # children speak into files, for a person who watches the terminal
    metrics: Path | None = field(default=None, init=False)

    def run(self) -> None:
        self.home.prepare()
        with self.home.claimed():
            if ended := end_leftovers(self.register):
                log.warning("leftovers_ended", children=ended)
            self.addresses.refuse_taken()
            supervisor = Supervisor(self.signals, self.register)
            try:
                environment = self._start(supervisor)
                supervisor.run(lambda: self._take_new_key(supervisor, environment))
            finally:
                supervisor.stop()
                if self.metrics:
                    shutil.rmtree(self.metrics, ignore_errors=True)

    @property
    def register(self) -> Path:
        return self.home.run / "children.json"

    def _start(self, supervisor: Supervisor) -> dict[str, str]:
        """Gives the environment of all children: who changes it there changes it for the next one started."""
        began = time.monotonic()
        environment = self._environment(self._database(supervisor))
        if self.signals.stop_asked():
            return environment
        report = self._prepared(environment)
        if report is None:
            return environment
        for child in self._children(environment):
            supervisor.add(child)
        supervisor.wait_all_ready(READY_S)
        if self.signals.stop_asked():
            return environment
        self._welcome(report["sign_ins"], time.monotonic() - began)
        for child in self._late_children(environment):
            supervisor.add(child)
        keys.mark(self.home, environment[CURRENT])
        return environment

    def _take_new_key(self, supervisor: Supervisor, environment: dict[str, str]) -> None:
        """After `careline rotate-key`: everyone is started again with the new key and the old one beside it.

        First live, which signs nothing that web must read; then web, whose sessions live must read. The standby is
        first of all: when it has loaded, it takes over from the active one, and no talk is cut.
        """
        environment.update(keys.environment(self.home))
        for name in ("live-standby", "live", "web", "jobs", "demo-traffic"):
            supervisor.restart(name, READY_S)
            if name == "live-standby":
                supervisor.look_on(STANDBY_LOADS_S)
            if self.signals.stop_asked():
                return
        keys.mark(self.home, environment[CURRENT])
        log.info("new_key_taken")

    def _database(self, supervisor: Supervisor) -> str:
        """The URL of a database that answers: the given one, else our own, started now."""
        if given := os.environ.get("DATABASE_URL"):
            self._await(given)
            return given
        port = os.environ.get("CARELINE_POSTGRES_PORT")
        cluster = Cluster(self.home, port=int(port) if port else None)
        if cluster.major is None:
            self._say("making the database ...")
        cluster.check()
        database = Database(cluster)
        database.start()
        assert cluster.process is not None
        supervisor.add(database, running_pid=cluster.process.pid)
        cluster.wait_ready(stopped=self.signals.stop_asked)
        if not self.signals.stop_asked():
            cluster.furnish()
        return cluster.url()

    def _await(self, url: str) -> None:
        deadline = time.monotonic() + DATABASE_S
        while not self.signals.stop_asked():
            try:
                psycopg.connect(url, connect_timeout=3).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise DatabaseAway(reason=str(error).strip().splitlines()[-1]) from None
                self.signals.wait(1.0)

    def _environment(self, database_url: str) -> dict[str, str]:
        at = self.addresses
        self.metrics = metrics_folder(self.home)
        return {
            **os.environ,
            "DATABASE_URL": database_url,
            **keys.environment(self.home),
            "CARELINE_FILES": os.environ.get("CARELINE_FILES") or str(self.home.files),
            "CARELINE_STATIC": str(self.home.static),
            "CARELINE_DEMO": "1" if self.demo else os.environ.get("CARELINE_DEMO", ""),
            "CARELINE_SPEAK": os.environ.get("CARELINE_SPEAK", "browser" if self.demo else "person"),
            "CARELINE_WEB_WORKERS": os.environ.get("CARELINE_WEB_WORKERS") or self._workers(),
            "CARELINE_TLS": "1" if at.lan else os.environ.get("CARELINE_TLS", ""),
            "CARELINE_HOSTS": ",".join(at.hosts),
            "CARELINE_LIVE_PORT": str(at.live),
            "CARELINE_LIVE_URL": f"http://127.0.0.1:{at.live}",
            "CARELINE_URL": at.url,
            "PORT": str(at.port),
            "PROMETHEUS_MULTIPROC_DIR": str(self.metrics),
            "PYTHONUNBUFFERED": "1",
        }

    def _workers(self) -> str:
        """A demo has few readers and should start fast; a centre uses its cores."""
        return "1" if self.demo else str(min(4, os.cpu_count() or 1))

    def _prepared(self, environment: dict[str, str]) -> dict[str, Any] | None:
        """What `prepare` reports; from the last time when nothing changed since. None when asked to stop meanwhile."""
        file = self.home.run / "prepared.json"
        state = self._state(environment)
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
            last: dict[str, Any] = json.loads(file.read_text())
            if last["state"] == state:
                return last
        if not self._prepare(environment, file):
            return None
        report: dict[str, Any] = json.loads(file.read_text())
        report["state"] = self._state(environment)
        private_write(file, json.dumps(report))
        keys.forget_ended(self.home)  # what was sealed with them is sealed anew
        return report

    def _state(self, environment: dict[str, str]) -> list[object]:
        """Changes whenever there may be something to prepare: with the program, the database's schema, the key."""
        with psycopg.connect(environment["DATABASE_URL"]) as connection:
            known = connection.execute("SELECT to_regclass('django_migrations')::text").fetchone()
            query = "SELECT count(*), max(applied)::text FROM django_migrations"
            applied = connection.execute(query).fetchone() if known and known[0] else None
        day = datetime.now(UTC).date().isoformat() if self.demo else ""  # a demonstration is opened day by day
        key = fingerprint_of(environment[CURRENT])
        return [fingerprint(PACKAGE), list(applied or ()), self.demo, day, self.home.static.exists(), key]

    def _prepare(self, environment: dict[str, str], report: Path) -> bool:
        """Runs `prepare`; False when we were asked to stop meanwhile. Raises PreparingFailed."""
        command = [sys.executable, "-m", "careline.app.prepare", "--report", str(report)]
        process = subprocess.Popen(
            [*command, *(["--demo"] if self.demo else [])],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        while process.poll() is None:
            if self.signals.stop_asked():
                process.terminate()
                process.wait()
                return False
            self.signals.wait(0.2)
        if process.returncode:
            raise PreparingFailed
        return True

    def _children(self, environment: dict[str, str]) -> Iterator[Command]:
        at = self.addresses
        yield self._child(
            "web", web_command(at.web, environment["CARELINE_WEB_WORKERS"]), environment, lambda: front.healthy(at.web)
        )
        yield self._child("live", careline("live"), environment, lambda: front.answers(at.live))
        private_write(self.home.run / "Caddyfile", front.caddyfile(at, self.home.root / "caddy"))
        caddy = [front.caddy(), "run", "--adapter", "caddyfile", "--config", str(self.home.run / "Caddyfile")]
        yield self._child("front", caddy, environment, lambda: front.answers(at.port))

    def _late_children(self, environment: dict[str, str]) -> Iterator[Command]:
        """What nobody waits for, started once Careline answers: a second live process, loaded and ready, which takes
        over within a second; the worker of background jobs; a demo's simulated people."""
        yield self._child("live-standby", careline("live"), environment)
        yield self._child("jobs", careline("procrastinate", "worker", "--delete-jobs", "successful"), environment)
        if traffic.wanted(environment, self.demo):
            yield self._child("demo-traffic", careline("demo-traffic"), environment)

    def _child(
        self, name: str, command: list[str], environment: dict[str, str], ready: Callable[[], bool] = lambda: True
    ) -> Command:
        log_file = self.home.logs / f"{name}.log" if self.quiet else None
        return Command(name, command, environment, ready, log_file)

    def _welcome(self, sign_ins: list[list[str]], took_s: float) -> None:
        log.info("ready", url=self.addresses.url, took_s=round(took_s, 1), home=str(self.home.root))
        trust = self._how_to_trust()
        if not self.quiet:
            if trust:
                print("\n".join(trust), flush=True)
            return
        self._say("")
        self._say(f"Careline answers on {self.addresses.url}  (after {took_s:.1f} s; Ctrl-C stops it)")
        if sign_ins:
            self._say(sign_in_table(sign_ins))
        for line in trust:
            self._say(line)
        self._say(f"Logs: {self.home.logs}")

    def _how_to_trust(self) -> list[str]:
        """For people at the terminal, where browsers do not know by themselves that they may trust us."""
        if not self.addresses.lan or self.addresses.certificate:
            return []
        root = front.root_certificate(self.home.root / "caddy")
        return [
            "Browsers and telephones trust this address once they have the root certificate of this machine:",
            f"    {root}",
            f"    SHA-256 {front.fingerprint_of(root)}",
            "Copy that file (never root.key beside it) to each and add it as a trusted authority: as a profile on iOS, under",
            "Security > CA certificate on Android, under Authorities in a browser. More: docs/how-to/trust-the-certificate.md",
        ]

    def _say(self, text: str) -> None:
        if self.quiet:
            with contextlib.suppress(OSError):  # the terminal may be gone: that is no reason to stop
                print(text, flush=True)


def metrics_folder(home: Home, memory: Path = MEMORY) -> Path:
    """Empty and ours alone, in memory where the machine has such a place. The processes map their figures' files, and
    a write to a mapped file that the disk has no room for does not fail: it kills the process (SIGBUS)."""
    name = f"careline-{hashlib.sha256(str(home.root).encode()).hexdigest()[:16]}"
    in_memory, on_disk = memory / name, home.run / "metrics"
    for folder in (in_memory, on_disk):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        in_memory.mkdir(mode=0o700)
    except OSError:  # no such place, or somebody else's folder of that name
        on_disk.mkdir(mode=0o700)
        return on_disk
    return in_memory


def web_command(port: int, workers: str) -> list[str]:
    """granian, with as many threads in each worker as CARELINE_WEB_THREADS says. Only one of them computes at a time:
    more than two make answers uneven; a worker alone needs some who wait while a long answer is written."""
    threads = os.environ.get("CARELINE_WEB_THREADS") or ("4" if workers == "1" else "2")
    options = ["--interface", "wsgi", "--http", "1", "--no-ws", "--host", "127.0.0.1", "--port", str(port)]
    options += ["--workers", workers, "--blocking-threads", threads, "--respawn-failed-workers"]
    options += ["--respawn-interval", "0.2", "--workers-kill-timeout", "1", "--log-level", "warning"]
    return [sys.executable, "-m", "granian", *options, "careline.app.wsgi:application"]


def fingerprint(folder: Path) -> str:
    """Changes with any file of the program and with the version of Django under it."""
    seen = hashlib.sha256(metadata.version("django").encode())
    for path in sorted(folder.rglob("*")):
        if path.suffix not in {".pyc", ".mo"} and path.is_file():
            stat = path.stat()
            seen.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return seen.hexdigest()


def careline(*words: str) -> list[str]:
    return [sys.executable, "-m", "careline.app.cli", *words]


def sign_in_table(sign_ins: list[list[str]]) -> str:
    """Who may sign in, a line for each role and a column for each network, under the passwords they use."""
    networks = list(dict.fromkeys(network for network, *_ in sign_ins))
    names = {(network, role): user for network, role, user, _ in reversed(sign_ins)}
    roles = list(dict.fromkeys(role for _, role, *_ in sign_ins))
    rows = [[role, *(names.get((network, role), "") for network in networks)] for role in roles]
    passwords = " or ".join(dict.fromkeys(password for *_, password in sign_ins))
    return f"Sign in with the password {passwords} as\n" + table(["", *networks], rows)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Columns for a terminal, wide enough for their longest entry; a Chinese character takes two cells."""
    lines = [heads, *rows]
    widths = [max(cells(line[column]) for line in lines) for column in range(len(heads))]
    padded = (map(pad, line, widths) for line in lines)
    return "\n".join("  " + "  ".join(line).rstrip() for line in padded)


def pad(text: str, width: int) -> str:
    return text + " " * (width - cells(text))


def cells(text: str) -> int:
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def listen() -> None:
    """Logging for the supervisor, which runs without Django."""
    logs.configure()
    logging_config.dictConfig(logs.configuration())


def main(name: str, arguments: list[str]) -> int:
    described = "Everything on one address, with sample networks." if name == "demo" else "Everything on one address."
    parser = argparse.ArgumentParser(prog=f"careline {name}", description=described)
    parser.add_argument("--with-parent", action="store_true", help="stop when the program that started this one stops")
    chosen = parser.parse_args(arguments)
    if name == "demo":
        os.environ.setdefault("CARELINE_LOG", "plain")
        os.environ.setdefault("CARELINE_LOG_LEVEL", "WARNING")
    listen()
    signals = Signals(also=parent_stopping() if chosen.with_parent else lambda: False)
    demo = name == "demo"
    service = Service(Home(default_home()), front.Addresses.from_environment(), signals, demo=demo, quiet=demo)
    try:
        service.run()
    except StartFailed:
        if signals.stop_asked():
            return 0
        raise
    return 0
