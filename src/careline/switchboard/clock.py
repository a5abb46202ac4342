"""Time that never goes back and does not leap, whatever is done to the machine's clock."""

from __future__ import annotations

import time
from collections.abc import Callable

SLEW = 0.1  # share of the elapsed time by which we hurry or linger to meet the machine's clock again
HOPELESS_S = 3600.0  # a clock set forward by more was wrong before (a machine without battery)
BELIEVED_AFTER_S = 300.0  # ... if it stays so: somebody's slip is put right within minutes, and costs nobody a lease


def ticks() -> float:
    """Seconds since the machine started, its sleep included; nobody can set it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class SteadyClock:
    """Follows `wall` (seconds since the epoch), counted by `ticks`.

    A clock set back or forward is met again slowly: leases neither all expire at once nor hang for an hour. One set
    forward by more than an hour is believed when it has stayed so for some minutes.
    """

    def __init__(self, wall: Callable[[], float] = time.time, ticks: Callable[[], float] = ticks) -> None:
        self._wall, self._ticks = wall, ticks
        self._now, self._tick = wall(), ticks()
        self._hopeless_since: float | None = None

    def not_before(self, moment: float) -> None:
        """What is written has happened: go on from there, even if the clock was set back while we were away."""
        self._now = max(self._now, moment)

    def __call__(self) -> float:
        """Seconds since the epoch, to the microsecond (as the ledger keeps them)."""
        tick, wall = self._ticks(), self._wall()
        elapsed = max(0.0, tick - self._tick)
        self._tick = tick
        drift = wall - (self._now + elapsed)
        allowed = SLEW * elapsed
        if drift <= HOPELESS_S:
            self._hopeless_since = None
            drift = max(-allowed, min(allowed, drift))
        elif self._hopeless_since is None or tick - self._hopeless_since < BELIEVED_AFTER_S:
            self._hopeless_since = tick if self._hopeless_since is None else self._hopeless_since
            drift = 0.0
        self._now += elapsed + drift
        return int(self._now * 1_000_000) / 1_000_000
