"""Ticks name what changed; a desk then fetches that part again. At most one a second for each part and place."""

from __future__ import annotations

from collections.abc import Callable

from careline.faces.live.hub import Hub

EVERY_S = 1.0


def lineage(path: str) -> list[str]:
    """ "a/b/" -> ["a/", "a/b/"]: whoever is posted at any of these hears what happens at the last."""
    codes = path.split("/")[:-1]
    return ["/".join(codes[: n + 1]) + "/" for n in range(len(codes))]


def channel_of(path: str) -> str:
    """The channel of desks posted at exactly this organisation."""
    return f"org:{path}"


class Ticks:
    """Collects what changed, by organisation path, and sends what is due."""

    def __init__(self, hub: Hub, clock: Callable[[], float]) -> None:
        self._hub = hub
        self._clock = clock
        self._pending: dict[str, set[str]] = {}
        self._unprojected: dict[str, set[str]] = {}
        self._sent_at: dict[tuple[str, str], float] = {}

    def mark(self, path: str, *what: str) -> None:
        """`what` changed at the organisation `path` (and so for everyone posted above it)."""
        for place in lineage(path):
            self._pending.setdefault(place, set()).update(what)

    def mark_projected(self, path: str, *what: str) -> None:
        """As `mark`, for what is read from projections: it is told once they have caught up (`projected`)."""
        self._unprojected.setdefault(path, set()).update(what)

    def projected(self) -> None:
        """The projections have caught up with the ledger."""
        behind, self._unprojected = self._unprojected, {}
        for path, what in behind.items():
            self.mark(path, *what)

    def send_due(self) -> None:
        """Call several times a second. What was sent less than a second ago waits for its turn."""
        if not self._pending:
            return
        now = self._clock()
        for place, waiting in list(self._pending.items()):
            due = {what for what in waiting if self._sent_at.get((place, what), 0.0) <= now - EVERY_S}
            if not due:
                continue
            self._hub.publish(channel_of(place), "tick", {"what": sorted(due)})
            for what in due:
                self._sent_at[place, what] = now
            waiting -= due
            if not waiting:
                del self._pending[place]

    def tidy(self) -> None:
        """Forget when things were sent long ago (every contact has a tick of its own)."""
        limit = self._clock() - 60.0
        self._sent_at = {key: at for key, at in self._sent_at.items() if at > limit}
