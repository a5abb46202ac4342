"""How a part of the desk is asked for: who reads, in whose time, and what several desks may share for a second."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from careline.base.accounts.rights import Reader, reader_of
from careline.base.organisations.models import Organisation

SHARED_S = 1.0  # a tick sends every desk of a site here at once; one answer serves them all
T = TypeVar("T")

_answers: dict[tuple[Any, ...], tuple[float, Any]] = {}
_lock = threading.Lock()


def part(*rights: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A view of the desk: gets the reader after the request, needs the rights, and speaks the site's local time.

    Raises NotAllowed (RefusalMiddleware says it in place).
    """

    def wrap(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @functools.wraps(view)
        def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            reader = reader_of(request)
            for right in rights:
                reader.require(right)
            with timezone.override(ZoneInfo(timezone_of(reader))):
                response = view(request, reader, *args, **kwargs)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return asked

    return wrap


def timezone_of(reader: Reader) -> str:
    return shared(
        ("timezone", reader.organisation_id),
        lambda: Organisation.objects.values_list("timezone", flat=True).get(pk=reader.organisation_id),
        for_s=60.0,
    )


def shared(key: tuple[Any, ...], make: Callable[[], T], for_s: float = SHARED_S) -> T:
    """The answer made less than `for_s` ago in this process, else a new one: what every holder of the key may see."""
    now = time.monotonic()
    with _lock:
        made_at, answer = _answers.get(key, (0.0, None))
        if made_at and now - made_at < for_s:
            return answer
    answer = make()
    with _lock:
        if len(_answers) > 2000:
            _answers.clear()
        _answers[key] = (time.monotonic(), answer)
    return answer


def same_for(reader: Reader, name: str) -> tuple[Any, ...]:
    """The key of what readers of one place and role all see alike."""
    return (name, reader.path, reader.site_id, reader.role, reader.language)


def forget() -> None:
    """Drop what is shared: tests, each with its own database."""
    with _lock:
        _answers.clear()
