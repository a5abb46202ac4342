"""What faces that show figures have in common: who reads, in whose time, one answer a second for all who may see it."""

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
from careline.base.organisations.words import calling

SHARED_S = 1.0  # a tick sends every screen of a place here at once; one answer serves them all
MOST_KEPT = 2000
T = TypeVar("T")
Who = Callable[[HttpRequest], Reader]

_answers: dict[tuple[Any, ...], tuple[float, Any]] = {}
_making: dict[tuple[Any, ...], threading.Lock] = {}
_lock = threading.Lock()


def page(*rights: str, who: Who = reader_of) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A view that gets the reader after the request, needs the rights, and speaks the organisation's local time
    and its word for whom it serves.

    Raises NotAllowed (RefusalMiddleware says it in place).
    """

    def wrap(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @functools.wraps(view)
        def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            reader = who(request)
            for right in rights:
                reader.require(right)
            with timezone.override(ZoneInfo(timezone_of(reader))), calling(word_of(reader)):
                response = view(request, reader, *args, **kwargs)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return asked

    return wrap


def timezone_of(reader: Reader) -> str:
    return shared(
        ("timezone", reader.organisation_id),
        lambda: str(Organisation.objects.values_list("timezone", flat=True).get(pk=reader.organisation_id)),
        for_s=60.0,
    )


def word_of(reader: Reader) -> str:
    """What the reader's organisation calls those it serves: patient or client."""
    return shared(
        ("word", reader.organisation_id),
        lambda: str(Organisation.objects.values_list("patient_word", flat=True).get(pk=reader.organisation_id)),
        for_s=60.0,
    )


def shared(key: tuple[Any, ...], make: Callable[[], T], for_s: float = SHARED_S) -> T:
    """The answer made less than `for_s` ago in this process, else a new one; while one thread makes it others wait."""
    if (kept := _kept(key, for_s)) is not None:
        return kept[0]
    with _lock:
        making = _making.setdefault(key, threading.Lock())
    with making:
        if (kept := _kept(key, for_s)) is not None:
            return kept[0]
        answer = make()
        with _lock:
            if len(_answers) > MOST_KEPT:
                _answers.clear()
                _making.clear()
            _answers[key] = (time.monotonic(), answer)
        return answer


def same_for(reader: Reader, name: str) -> tuple[Any, ...]:
    """The key of what readers of one place and role all see alike."""
    return (name, reader.path, reader.site_id, reader.role, reader.language)


def _kept(key: tuple[Any, ...], for_s: float) -> tuple[Any] | None:
    with _lock:
        made_at, answer = _answers.get(key, (None, None))
    fresh = made_at is not None and time.monotonic() - made_at < for_s
    return (answer,) if fresh else None


def forget() -> None:
    """Drop what is shared: after a change its maker must see at once, and in tests, each with its own database."""
    with _lock:
        _answers.clear()
        _making.clear()
