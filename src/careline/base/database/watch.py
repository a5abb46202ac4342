"""How long one waits for a database that says nothing.

A PostgreSQL that was killed refuses at once. One that is frozen (a stopped process, a disk or a machine that hangs)
answers neither yes nor no, and its socket stays open: whoever asked would wait for ever, and with them every thread
that serves people. So after a while of silence a second connection is tried. Where that is answered, the question is
merely a long one, and the wait goes on; where it is not, the database is away, and is said to be.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg import conninfo

SILENT_S = 3.0  # so long a question may go without any answer before somebody looks
CONNECT_S = 2  # libpq knows no shorter patience
LOOK_AGAIN_S = 1.0
AWAY = "the database does not answer"


class Watch:
    """What the threads of one process know together of their database. `silent_s` None: wait as long as it takes."""

    def __init__(self, silent_s: float | None = None) -> None:
        self.silent_s = silent_s
        self._away = False
        self._look_at = 0.0
        self._looking = threading.Lock()

    def expect_answers(self, silent_s: float = SILENT_S) -> None:
        """From now on nobody in this process waits for a silent database."""
        self.silent_s = silent_s

    def refuse_while_away(self, address: str) -> None:
        """Raises OperationalError while the database is away: one looks, once a second, and nobody else waits."""
        if not self._away:
            return
        if self._looking.acquire(blocking=False):
            try:
                if time.monotonic() >= self._look_at:
                    self._away = not answers(address)
                    self._look_at = time.monotonic() + LOOK_AGAIN_S
            finally:
                self._looking.release()
        if self._away:
            raise psycopg.OperationalError(AWAY)

    def look(self, address: str) -> None:
        """Somebody has waited too long. Raises OperationalError when it is the database's fault."""
        with self._looking:
            if not (self._away or answers(address)):
                self._away = True
                self._look_at = time.monotonic() + LOOK_AGAIN_S
            if self._away:
                raise psycopg.OperationalError(AWAY)


watch = Watch()


def answers(address: str) -> bool:
    """Does anyone greet a new connection there, or at least refuse it?"""
    try:
        psycopg.connect(address, connect_timeout=CONNECT_S).close()
    except psycopg.errors.ConnectionTimeout:
        return False
    except psycopg.OperationalError:
        return True  # it says no, which is an answer: the one who waits will hear its own
    return True


class Connection(psycopg.Connection[Any]):
    """A connection whose every wait is watched."""

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        if watch.silent_s is None:
            return super().wait(gen, *args, **kwargs)
        return super().wait(self._watched(gen, watch.silent_s), *args, **kwargs)

    def _watched(self, gen: Generator[Any, Any, Any], silent_s: float) -> Generator[Any, Any, Any]:
        """The same conversation; psycopg passes by ten times a second while nothing comes."""
        heard_at = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    heard_at = time.monotonic()
                elif time.monotonic() - heard_at > silent_s:
                    self._look()
                    heard_at = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value

    def _look(self) -> None:
        try:
            watch.look(self.address)
        except psycopg.OperationalError:
            self.pgconn.finish()  # what it was asked is lost: it must not answer somebody else's question later
            raise

    @property
    def address(self) -> str:
        known = {each.keyword.decode(): each.val.decode() for each in self.pgconn.info if each.val}
        return conninfo.make_conninfo("", **{name: value for name, value in known.items() if name != "client_encoding"})


def connect(*args: Any, **kwargs: Any) -> Connection:
    """As `psycopg.connect`. Where answers are expected, a silent database is refused soon."""
    if watch.silent_s is None:
        return Connection.connect(*args, **kwargs)
    kwargs.setdefault("connect_timeout", CONNECT_S)
    address = conninfo.make_conninfo("", **{k: v for k, v in kwargs.items() if isinstance(v, str | int) and k in NAMES})
    watch.refuse_while_away(address)
    try:
        return Connection.connect(*args, **kwargs)
    except psycopg.errors.ConnectionTimeout:
        watch.look(address)
        raise


NAMES = frozenset(option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults())
