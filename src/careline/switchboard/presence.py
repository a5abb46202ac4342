"""After a restart: who is still there? The router stands where it stood; browsers must come back to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from careline.core.acd.model import AgentSignedOut, CallerLost, Event, IllegalEvent, Phase, Presence
from careline.switchboard.errors import Unavailable

if TYPE_CHECKING:
    from careline.switchboard.engine import Switchboard

GRACE_S = 20.0  # desks and patients' pages come back by themselves within seconds

log = logging.getLogger(__name__)

# On the line with us: a caller who was promised a call-back, or whose talk is over, need not be there.
ON_THE_LINE = frozenset({Phase.QUEUED, Phase.OFFERED, Phase.TALKING, Phase.HELD})


@dataclass(frozen=True, slots=True)
class Present:
    """Ids of the agents and callers whose browsers (or lines) are connected now."""

    agents: frozenset[str]
    contacts: frozenset[str]


class Reconciler:
    """Once, `grace_s` after taking over. `who` is set by those who know the lines; unset, nobody is presumed gone."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._task: asyncio.Task[None] | None = None
        self.who: Callable[[], Present] | None = None
        self.grace_s = GRACE_S

    def start(self) -> None:
        self._task = asyncio.create_task(self._later(), name="switchboard-reconciler")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _later(self) -> None:
        await asyncio.sleep(self.grace_s)
        if self.who is not None:
            await self.reconcile(self.who())

    async def reconcile(self, present: Present) -> list[Event]:
        """Sign out the agents and mark as lost the callers who did not come back. Returns what was submitted."""
        done: list[Event] = []
        for event in self.gone(present):
            try:
                await self._switchboard.submit(event)
                done.append(event)
            except (IllegalEvent, Unavailable) as refusal:  # they came, or went, in this very moment
                log.info("not reconciled: %s", refusal)
        return done

    def gone(self, present: Present) -> list[Event]:
        router = self._switchboard.router
        contacts = [
            c
            for c in router.contacts()
            if c.phase in ON_THE_LINE and c.lost_since is None and c.id not in present.contacts
        ]
        agents = [a for a in router.agents() if a.presence != Presence.OFFLINE and a.id not in present.agents]
        return [
            *(CallerLost(contact.id) for contact in contacts),
            *(AgentSignedOut(agent.id, "not_returned") for agent in agents),
        ]
