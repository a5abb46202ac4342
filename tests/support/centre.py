"""A call centre for tests that run the real live process: its people, its line, the process itself and a front."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from psycopg.conninfo import make_conninfo

from careline.base.accounts.models import Posting, Role, User
from careline.base.organisations.models import Organisation
from careline.care.directory.models import PhoneLine, Queue

CSRF = "c" * 32


@dataclass(frozen=True)
class Centre:
    organisation: Organisation
    queue: Queue
    line: PhoneLine


def open_centre(code: str = "centre", **queue: object) -> Centre:
    """One organisation with one queue and one line that never closes."""
    organisation = Organisation.objects.create(
        code=code, name=code.title(), kind=Organisation.Kind.NETWORK, languages=["uk"]
    )
    made = Queue.objects.create(organisation=organisation, code="calls", name="Calls", **queue)
    line = PhoneLine.objects.create(
        organisation=organisation, code=f"{code}-1", name=code.title(), languages=["uk"], queue=made
    )
    return Centre(organisation, made, line)


def employ(centre: Centre, count: int, role: Role = Role.OPERATOR, prefix: str = "operator") -> dict[str, str]:
    """That many people with a posting, signed in: {user id: session key}."""
    users = [
        User(username=f"{prefix}{n}", first_name=f"{prefix.title()} {n}", language="en", password="!")
        for n in range(count)
    ]
    User.objects.bulk_create(users)
    Posting.objects.bulk_create(
        Posting(user=user, organisation=centre.organisation, role=role, valid_from=date(2020, 1, 1)) for user in users
    )
    return {str(user.id): sign_in(user) for user in users}


def sign_in(user: User) -> str:
    """A session as the sign-in page makes it. Returns its key."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "careline.base.accounts.backends.AccountBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    session.save()
    return str(session.session_key)


def cookies(session_key: str) -> dict[str, str]:
    return {settings.SESSION_COOKIE_NAME: session_key, settings.CSRF_COOKIE_NAME: CSRF}


def database_url() -> str:
    """The test database, as another process reaches it."""
    own = connection.settings_dict
    named = {"dbname": own["NAME"], "user": own["USER"], "password": own["PASSWORD"], "host": own["HOST"]}
    parts = {name: value for name, value in {**named, "port": own["PORT"], **own.get("OPTIONS", {})}.items() if value}
    return make_conninfo(**parts)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LiveProcess:
    """`careline live` on a port of its own; it can be killed and started again."""

    def __init__(self, log: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "DATABASE_URL": database_url(),
            "CARELINE_SECRET_KEY": settings.SECRET_KEY,
            "CARELINE_CALLS_PER_MINUTE": "100000",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns at once; `wait` for it to be active."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "careline.app.live", "--port", str(self.port)],
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def wait(self, seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert self.process is not None
            assert self.process.poll() is None, self._log.read_text()[-3000:]
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/live/healthz", trust_env=False).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"not active after {seconds} s: {self._log.read_text()[-3000:]}")

    def kill(self) -> None:
        """As the kernel does it: no goodbye."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Politely. Returns the exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def memory_mib(self) -> float:
        """Resident memory, MiB."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
        return int(kib) / 1024


@contextlib.contextmanager
def live_process(log: Path, **environment: str) -> Iterator[LiveProcess]:
    process = LiveProcess(log, **environment)
    process.start()
    try:
        process.wait()
        yield process
    finally:
        process.stop()
