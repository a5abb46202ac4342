"""Keeps children running: starts them, starts again what dies, stops all of them. Knows nothing of what they do.

Every child leads a process group of its own, so that a Ctrl-C in a terminal reaches only us, and so that what a killed
child leaves behind can be ended with it. Which children run is written down at every start: after a `kill -9` of the
supervisor they go on serving, and the next start ends them before it starts its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Protocol

import structlog

from careline.app import processes
from careline.app.failures import ChildFailed
from careline.app.places import private_write
from careline.app.postgres import Cluster

log = structlog.get_logger("careline.supervisor")

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 10.0
STEADY_S = 30.0  # a child that ran this long has recovered: its next death counts as a first one
HOPELESS = 5  # deaths in a row before it was ever ready
STOP_S = 5.0
LOG_LIMIT = 20 * 2**20


class Child(Protocol):
    """One thing to keep running."""

    name: str

    def start(self) -> int: ...  # gives the pid
    def ended(self) -> int | None: ...  # the exit code, None while it runs
    def ready(self) -> bool: ...
    def ask_to_stop(self) -> None: ...
    def force(self) -> None: ...


@dataclass
class Command:
    """A child that is a command. `log_file` takes what it says; without one it speaks where we do."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    is_ready: Callable[[], bool] = lambda: True
    log_file: Path | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> int:
        with self._output() as output:
            self.process = subprocess.Popen(
                list(self.command),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
            )
        return self.process.pid

    def _output(self) -> contextlib.AbstractContextManager[IO[bytes] | None]:
        if self.log_file is None:
            return contextlib.nullcontext()
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_LIMIT:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        return self.log_file.open("ab")

    def ended(self) -> int | None:
        assert self.process is not None
        code = self.process.poll()
        if code is not None:
            end_group(self.process.pid)
        return code

    def ready(self) -> bool:
        return self.ended() is None and self.is_ready()

    def ask_to_stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def force(self) -> None:
        if self.process:
            end_group(self.process.pid)


@dataclass
class Database:
    """The child that is PostgreSQL. A fast shutdown is an interrupt; it is never killed while it still writes."""

    cluster: Cluster
    name: str = "postgres"

    def start(self) -> int:
        self.cluster.end_leftover()
        return self.cluster.spawn().pid

    def ended(self) -> int | None:
        assert self.cluster.process is not None
        return self.cluster.process.poll()

    def ready(self) -> bool:
        return self.cluster.ready()

    def ask_to_stop(self) -> None:
        if self.cluster.process and self.cluster.process.poll() is None:
            self.cluster.process.send_signal(signal.SIGINT)

    def force(self) -> None:
        self.cluster.stop()


@dataclass
class Patience:
    """How long to wait before a child is started again: doubling while it keeps dying, from the start once it held."""

    deaths: int = 0
    started_at: float = 0.0

    def started(self, now: float) -> None:
        self.started_at = now

    def died(self, now: float) -> float:
        """The wait in seconds after a death at `now`."""
        self.deaths = 1 if now - self.started_at > STEADY_S else self.deaths + 1
        return float(min(FIRST_WAIT_S * 2 ** (self.deaths - 1), LONGEST_WAIT_S))


class Signals:
    """INT, TERM and HUP ask us to stop, USR1 to take a new key; a child's death wakes us. One pipe carries all of it
    into `wait`."""

    def __init__(self, also: Callable[[], bool] = lambda: False) -> None:
        self.stopping = False
        self._renewing = False
        self._also = also
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGUSR1, self._renew)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _renew(self, number: int, frame: FrameType | None) -> None:
        self._renewing = True

    def renew_asked(self) -> bool:
        """True once for each time that USR1 came."""
        asked, self._renewing = self._renewing, False
        return asked

    def stop_asked(self) -> bool:
        self.stopping = self.stopping or self._also()
        return self.stopping

    def wait(self, patience_s: float) -> None:
        """Until a signal comes, at most `patience_s` seconds."""
        if select.select([self._read], [], [], max(0.0, patience_s))[0]:
            with contextlib.suppress(BlockingIOError):
                os.read(self._read, 4096)


@dataclass
class Kept:
    child: Child
    patience: Patience = field(default_factory=Patience)
    again_at: float | None = None  # when to start it again; None while it runs
    was_ready: bool = False


class Supervisor:
    """Runs children in the order given. `register` is the file that tells the next start what ran."""

    def __init__(self, signals: Signals, register: Path) -> None:
        self.signals = signals
        self.register = register
        self.kept: list[Kept] = []
        self.pids: dict[str, int] = {}

    def add(self, child: Child, *, running_pid: int | None = None) -> None:
        """Takes a child in and starts it, unless it runs already."""
        kept = Kept(child)
        self.kept.append(kept)
        if running_pid is None:
            self._start(kept)
        else:
            kept.patience.started(time.monotonic())
            self._write_down(child.name, running_pid)

    def _start(self, kept: Kept) -> None:
        kept.again_at = None
        kept.patience.started(time.monotonic())
        pid = kept.child.start()
        self._write_down(kept.child.name, pid)
        log.info("child_started", child=kept.child.name, pid=pid)

    def _write_down(self, name: str, pid: int) -> None:
        self.pids[name] = pid
        listed = [{"name": n, "pid": p, "started": processes.identity(p)} for n, p in self.pids.items()]
        try:
            private_write(self.register, json.dumps(listed))
        except OSError as error:  # a full disk must not keep a dead child from being started again
            log.warning("register_unwritten", reason=error.strerror)

    def wait_all_ready(self, patience_s: float) -> None:
        """Until every child is ready or we are asked to stop. Raises ChildFailed for one that never comes up."""
        deadline = time.monotonic() + patience_s
        while not self.signals.stop_asked():
            late = [kept for kept in self.kept if not self._ready(kept)]
            if not late:
                return
            hopeless = next((kept for kept in late if kept.patience.deaths >= HOPELESS), None)
            if hopeless or time.monotonic() > deadline:
                raise ChildFailed(name=(hopeless or late[0]).child.name)
            self.look_after()
            self.signals.wait(0.05)

    def _ready(self, kept: Kept) -> bool:
        kept.was_ready = kept.was_ready or (kept.again_at is None and kept.child.ready())
        return kept.was_ready

    def run(self, renew: Callable[[], None] = lambda: None) -> None:
        """Keeps all children running until we are asked to stop; calls `renew` when asked to."""
        while not self.signals.stop_asked():
            if self.signals.renew_asked():
                renew()
            self.signals.wait(self.look_after())

    def restart(self, name: str, patience_s: float) -> None:
        """Stops the child of that name, if there is one, and waits until it is there again and ready, or until
        `patience_s` seconds are over (then it goes on being looked after like any that died)."""
        kept = next((each for each in self.kept if each.child.name == name), None)
        if kept is None:
            return
        before, deadline = self.pids[name], time.monotonic() + patience_s
        asked_until = time.monotonic() + STOP_S
        kept.child.ask_to_stop()
        while time.monotonic() < deadline and not self.signals.stop_asked():
            if self.pids[name] != before and kept.again_at is None and kept.child.ready():
                return
            if self.pids[name] == before and time.monotonic() > asked_until and kept.child.ended() is None:
                kept.child.force()
            self.look_after()
            self.signals.wait(0.05)
        log.warning("child_not_restarted", child=name)

    def look_on(self, for_s: float) -> None:
        """Looks after the children for so long, and does nothing else."""
        until = time.monotonic() + for_s
        while time.monotonic() < until and not self.signals.stop_asked():
            self.signals.wait(min(self.look_after(), until - time.monotonic()))

    def look_after(self) -> float:
        """One round: notes deaths, starts again what is due. The seconds until the next round."""
        for kept in self.kept:
            now = time.monotonic()
            if kept.again_at is None and (code := kept.child.ended()) is not None:
                wait_s = kept.patience.died(now)
                kept.again_at = now + wait_s
                log.warning("child_ended", child=kept.child.name, code=code, again_in_s=round(wait_s, 1))
            if kept.again_at is not None and kept.again_at <= now:
                self._start_again(kept)
        due = [kept.again_at for kept in self.kept if kept.again_at is not None]
        return min([1.0, *(at - time.monotonic() for at in due)])

    def _start_again(self, kept: Kept) -> None:
        try:
            self._start(kept)
        except OSError as error:  # a full disk or no process to be had: later may be better
            wait_s = kept.patience.died(time.monotonic())
            kept.again_at = time.monotonic() + wait_s
            log.error("child_not_started", child=kept.child.name, reason=error.strerror, again_in_s=round(wait_s, 1))

    def stop(self) -> None:
        """Asks everyone but the database to stop, all at once, then stops the database, and leaves nothing behind."""
        database = [kept.child for kept in self.kept if isinstance(kept.child, Database)]
        others = [kept.child for kept in self.kept if not isinstance(kept.child, Database)]
        for group in (others, database):
            for child in group:
                child.ask_to_stop()
            self._wait_ended(group)
            for child in group:
                child.force()
        self.register.unlink(missing_ok=True)
        log.info("stopped")

    def _wait_ended(self, children: Sequence[Child]) -> None:
        deadline = time.monotonic() + STOP_S
        while any(child.ended() is None for child in children) and time.monotonic() < deadline:
            self.signals.wait(0.05)


def end_group(leader: int) -> None:
    """Kills what is left of the group that `leader` led. Its number is not given again while any of it lives."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def end_leftovers(register: Path, keep: Sequence[str] = ("postgres",)) -> list[str]:
    """Ends the children of a supervisor that was killed; their names. The database ends its own leftovers, gently."""
    try:
        listed = json.loads(register.read_text())
    except (FileNotFoundError, ValueError):
        return []
    ended = []
    for entry in listed:
        if entry["name"] in keep or not _still_ours(entry):
            continue
        processes.end(entry["pid"], (signal.SIGTERM, STOP_S))
        end_group(entry["pid"])
        ended.append(entry["name"])
    register.unlink(missing_ok=True)
    return ended


def _still_ours(entry: dict[str, object]) -> bool:
    """The leader itself, or (its number free) members of its group that outlived it."""
    pid = int(str(entry["pid"]))
    started = processes.identity(pid)
    if started is not None:
        return started == entry["started"]
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
