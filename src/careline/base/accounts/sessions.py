"""How long a session stays open while nobody touches it, for the web and the live process alike.

An idle session is locked, not ended: its person must sign in again before the web process shows anything, but the
session and what hangs on it (the live connection, a talk) go on. Only what a person does renews it. What a page fetches
by itself says so with the header `X-Careline-Background: 1` and renews nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.utils import timezone

from careline.base.accounts.models import User, WorkSession
from careline.base.accounts.rights import SESSION_POSTING, NotSignedIn, Reader, reader_in_session
from careline.base.accounts.rules import idle
from careline.base.prepared import Prepared

_seen = Prepared(lambda key: WorkSession.objects.filter(session_key=key).values_list("seen_at", flat=True), key=str)
RENEW_EVERY = timedelta(seconds=30)  # one write, not one a click
CLOCKS_DIFFER = timedelta(seconds=5)  # of two processes of one installation
BACKGROUND_HEADER = "X-Careline-Background"


@dataclass(frozen=True, slots=True)
class SessionAtWork:
    """A session seen from outside a request. `locked`: idle, so nothing new may be begun; a talk may go on."""

    reader: Reader
    locked: bool


def idle_limit() -> timedelta:
    return timedelta(seconds=settings.SESSION_IDLE_S)


def session_at_work(session_key: str) -> SessionAtWork:
    """The reader behind a session cookie. Raises a NotAllowed when it is over or its posting has ended."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)  # checks the password hash too: a changed password ends every other session
    if not isinstance(user, User):
        raise NotSignedIn
    reader = reader_in_session(user, request.session.get(SESSION_POSTING))
    return SessionAtWork(reader, is_locked(session_key, timezone.now()))


def is_locked(session_key: str, now: datetime) -> bool:
    seen_at = seen(session_key, now)
    return seen_at is not None and idle(seen_at, now, idle_limit())


def renew(session_key: str, user: User, now: datetime, *, seen_before: datetime | None = None) -> None:
    """The person did something. `seen_before` spares the write when the last one is recent enough."""
    if seen_before is None or now - seen_before > RENEW_EVERY:
        WorkSession.objects.update_or_create(session_key=session_key, defaults={"user": user, "seen_at": now})


def touch(session_key: str) -> None:
    """The person did something outside the web process (answered, held, ended). A locked session stays locked."""
    now = timezone.now()
    renewable = WorkSession.objects.filter(session_key=session_key, seen_at__gt=now - idle_limit())
    renewable.filter(seen_at__lt=now - RENEW_EVERY).update(seen_at=now)


def still_open(session_key: str) -> bool:
    """`touch`, and whether the session may begin something new. Two queries."""
    touch(session_key)
    return not is_locked(session_key, timezone.now())


def clear_ended_sessions() -> int:
    """Forget sessions that outlived their cookie. Returns how many."""
    ended_before = timezone.now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    deleted, _ = WorkSession.objects.filter(seen_at__lt=ended_before).delete()
    return deleted


def seen(session_key: str, now: datetime) -> datetime | None:
    """When its person last did something. A moment still to come was written before the clock was set back: it counts
    as now, once, or the session would stay open untouched until the clock is there again."""
    seen_at = _seen.first(key=session_key)
    if seen_at is not None and seen_at > now + CLOCKS_DIFFER:
        WorkSession.objects.filter(session_key=session_key, seen_at__gt=now).update(seen_at=now)
        return now
    return seen_at
