"""What every part of the live process shares."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings

from careline.core.acd.model import Command, Event, IllegalEvent
from careline.faces.live.errors import TooLate
from careline.faces.live.hub import Hub
from careline.faces.live.ice import Relay
from careline.faces.live.limits import Rate, SeenKeys
from careline.faces.live.metrics import Metrics
from careline.faces.live.orm import Orm
from careline.faces.live.places import Places
from careline.faces.live.ticks import Ticks

if TYPE_CHECKING:
    from careline.core.acd.router import Router
    from careline.switchboard.engine import Switchboard

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the live process waits for people and browsers, in seconds; and how often an address may call.

    `page_gone_s`: a patient's page without its stream is a lost caller. `page_opens_s`: a new page is given longer to
    open it for the first time. `desk_gone_s`: a ready operator without one is paused. `desk_left_s`: and signed out.
    `restart_s`: added to all of these after a start of our own.
    `saving_s`: the database has taken nothing for so long: pages say that saving waits.
    `ring_s`, `ring_again_s`, `rings`: a call-back rings so long, so much later again, so many times.
    """

    page_gone_s: float = 5.0
    page_opens_s: float = 20.0
    desk_gone_s: float = 15.0
    desk_left_s: float = 1800.0
    restart_s: float = 15.0
    ring_s: float = 30.0
    ring_again_s: float = 180.0
    rings: int = 3
    saving_s: float = 2.0
    calls: Rate = field(default_factory=lambda: Rate(burst=20, per_minute=10))
    signals: Rate = field(default_factory=lambda: Rate(burst=300, per_minute=1200))
    desk_actions: Rate = field(default_factory=lambda: Rate(burst=60, per_minute=300))


class Board:
    """The switchboard and what stands around it in this process. Belongs to the event loop."""

    def __init__(self, switchboard: Switchboard, *, patience: Patience | None = None, epoch: str = "") -> None:
        self.switchboard = switchboard
        clock = self.clock = switchboard.now  # the ledger's time: what the browsers count from
        self.patience = patience or Patience()
        self.hub = Hub(epoch or f"{time.time_ns() // 1_000_000:x}", clock)
        self.ticks = Ticks(self.hub, clock)
        self.orm = Orm()
        self.places = Places()
        self.metrics = Metrics(self)
        self.keys = SeenKeys()
        self.relay = Relay(**settings.RELAY)
        self.first_names: dict[str, str] = {}  # of agents, as patients are told
        self.ready = False
        self._errands: set[asyncio.Task[None]] = set()

    @property
    def router(self) -> Router:
        """For reading only."""
        return self.switchboard.router

    async def submit(self, event: Event, key: str | None = None) -> list[Command]:
        """Committed when it returns. Raises TooLate when the event does not fit the state, Unavailable to try again."""
        with self.metrics.commit.time():
            try:
                return await self.switchboard.submit(event, key=key)
            except IllegalEvent as error:
                raise TooLate from error

    def later(self, after_s: float, errand: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.TimerHandle:
        """Run `errand` in `after_s` seconds, unless the handle is cancelled before."""
        return asyncio.get_running_loop().call_later(after_s, lambda: self.soon(errand()))

    def soon(self, errand: Coroutine[Any, Any, None]) -> None:
        """Run it beside what we are doing; what goes wrong is logged."""
        task = asyncio.get_running_loop().create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errand_done)

    def _errand_done(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("errand failed", exc_info=error)

    def close(self) -> None:
        self.hub.close()
        for task in self._errands:
            task.cancel()
        self.orm.close()
