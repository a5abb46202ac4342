"""Telling another process what has happened: a row in the caller's own transaction, and a poke once it is committed.

The poke only saves time. The reader also polls, so a lost poke loses nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from careline.base.outbox.models import OutboxRow

POKE_TIMEOUT_S = 0.2
KEEP_DONE = timedelta(days=2)

log = logging.getLogger(__name__)
# One thread: pokes are alike, and a live process that is down must not pile up threads in the web process.
_messenger = ThreadPoolExecutor(max_workers=1, thread_name_prefix="poke")
_poke_queued = threading.Event()  # one poke tells of every fact committed before it leaves


def tell(to: str, kind: str, key: str, **data: Any) -> None:
    """Write a fact for `to` ("switchboard"). The same `key` twice is one fact. `data` is JSON: ids and codes only."""
    row = OutboxRow(to=to, kind=kind, key=key, data=data)
    OutboxRow.objects.bulk_create([row], ignore_conflicts=True)
    transaction.on_commit(_poke_soon)


def waiting(to: str, limit: int = 100) -> list[OutboxRow]:
    """The facts `to` has not taken yet, in the order they were written."""
    return list(OutboxRow.objects.filter(to=to, done_at=None).order_by("id")[:limit])


def done(ids: Iterable[int]) -> None:
    """Mark facts as taken. Marking twice changes nothing."""
    OutboxRow.objects.filter(id__in=list(ids), done_at=None).update(done_at=timezone.now())


def clear_done(keep: timedelta = KEEP_DONE) -> int:
    """Delete facts taken longer ago than `keep` (their keys are free again then). Returns how many."""
    deleted, _ = OutboxRow.objects.filter(done_at__lt=timezone.now() - keep).delete()
    return deleted


def _poke_soon() -> None:
    if not _poke_queued.is_set():
        _poke_queued.set()
        _messenger.submit(_poke, settings.LIVE_URL)


def _poke(live_url: str) -> None:
    import httpx  # heavy, and only needed here, in a thread that nobody waits for

    _poke_queued.clear()
    try:
        httpx.post(f"{live_url}/live/poke", timeout=POKE_TIMEOUT_S, trust_env=False)
    except httpx.HTTPError as error:
        log.debug("poke not delivered: %s", error)
