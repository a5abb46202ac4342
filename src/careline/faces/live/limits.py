"""How much one address, or one contact, may ask for: token buckets."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then `per_minute`."""

    burst: int
    per_minute: float


class Buckets:
    """One bucket for each key. `take` says whether there was a token left."""

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._levels: dict[Hashable, tuple[float, float]] = {}  # key: (tokens, when)

    def take(self, key: Hashable) -> bool:
        now = self._clock()
        tokens, at = self._levels.get(key, (float(self._rate.burst), now))
        tokens = min(self._rate.burst, tokens + max(0.0, now - at) * self._rate.per_minute / 60.0)
        taken = tokens >= 1.0
        self._levels[key] = (tokens - 1.0 if taken else tokens, now)
        return taken

    def tidy(self) -> None:
        """Forget buckets that are full again."""
        full_s = self._rate.burst / self._rate.per_minute * 60.0
        limit = self._clock() - full_s
        self._levels = {key: level for key, level in self._levels.items() if level[1] > limit}


class SeenKeys:
    """Keys of requests that change nothing on the ledger (signals, texts): the same key twice does once."""

    def __init__(self, most: int = 50_000) -> None:
        self._most = most
        self._keys: dict[str, None] = {}

    def first(self, key: str) -> bool:
        if key in self._keys:
            return False
        if len(self._keys) >= self._most:
            self._keys.pop(next(iter(self._keys)))
        self._keys[key] = None
        return True
