"""Keeps the projections up with the ledger, in the live process: woken by each commit, and once a second."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from django.db import DatabaseError, InterfaceError, OperationalError, connections

from careline.care.contacts.projections import catch_up

if TYPE_CHECKING:
    from careline.switchboard.engine import Committed, Switchboard

REST_S = 0.3  # between two readings, so that a busy minute is read in handfuls
IDLE_S = 1.0  # actions of the web process wake nobody: look this often

log = logging.getLogger(__name__)


class Projector:
    """`listen`ers hear, in the event loop, that there are new figures to be fetched."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="projector")
        self._task: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[], None]] = []
        switchboard.listen(self._committed)

    def listen(self, fn: Callable[[], None]) -> None:
        self._listeners.append(fn)

    def poke(self) -> None:
        self._wake.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="projector")

    async def stop(self) -> None:
        """Read what there is, then rest."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.catch_up()
        await asyncio.get_running_loop().run_in_executor(self._thread, connections.close_all)
        self._thread.shutdown(wait=False)

    async def catch_up(self) -> int:
        """Rows read; 0 while the database is away."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, _catch_up)

    def _committed(self, committed: Committed) -> None:
        self._wake.set()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._wake.wait()
            self._wake.clear()
            if await self.catch_up():
                self._tell()
            await asyncio.sleep(REST_S)

    def _tell(self) -> None:
        for listener in self._listeners:
            try:
                listener()
            except Exception:
                log.exception("a listener failed")


def _catch_up() -> int:
    try:
        return catch_up()
    except (OperationalError, InterfaceError) as error:
        log.warning("the projector waits: %s", type(error).__name__)
    except DatabaseError:
        log.exception("the projector failed")
    connections.close_all()
    return 0
