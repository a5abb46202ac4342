"""Telling another process what has happened: a row in the caller's own transaction, and a poke once it is committed.

The poke only saves time. The reader also polls, so a lost poke loses nothing.
"""

from __future__ import annotations

import http.client
import json
import logging
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from careline.base.outbox.models import OutboxRow
from careline.base.prepared import execute

POKE_TIMEOUT_S = 0.2
KEEP_DONE = timedelta(days=2)

INSERT = """
INSERT INTO outbox_outboxrow ("to", kind, key, data, written_at) VALUES (%s, %s, %s, %s::jsonb, %s)
ON CONFLICT DO NOTHING
"""

log = logging.getLogger(__name__)
# One thread: pokes are alike, and a live process that is down must not pile up threads in the web process.
_messenger = ThreadPoolExecutor(max_workers=1, thread_name_prefix="poke")
_poke_queued = threading.Event()  # one poke tells of every fact committed before it leaves


def tell(to: str, kind: str, key: str, **data: Any) -> None:
    """Write a fact for `to` ("switchboard"). The same `key` twice is one fact. `data` is JSON: ids and codes only."""
    execute(INSERT, [to, kind, key, json.dumps(data), timezone.now()])
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
    """Plainly, over one connection of its own: a client that could do more costs more than all it tells of."""
    _poke_queued.clear()
    live = urlsplit(live_url)
    asked = http.client.HTTPConnection(live.hostname or "127.0.0.1", live.port, timeout=POKE_TIMEOUT_S)
    try:
        asked.request("POST", "/live/poke")
        asked.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        log.debug("poke not delivered: %s", error)
    finally:
        asked.close()
