"""What browsers hear: named channels of server-sent events, many listeners, few bytes.

An event is encoded once, however many listen. Ids are "<epoch>-<n>": `n` grows by one with every event of this
process, `epoch` names the process. A listener that comes back with an id of this process gets what it missed from the
rings of its channels; with an id too old, or of another process, it is told `reset`. A listener that reads too slowly
is told `reset` as well, and what it has not read is dropped: it then gets a fresh state, which loses nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

HEARTBEAT = b": still here\n\n"
Fresh = Callable[[], Iterable[tuple[str, Any]]]  # (event, data) that state everything anew


@dataclass(frozen=True, slots=True)
class HubLimits:
    """`keep_s`: how long a missed event can be had again. `ring`: most events kept for one channel.

    `unread`: most events that wait for one listener. `stuck_s`: a listener that takes nothing for so long is let go.
    """

    keep_s: float = 120.0
    ring: int = 512
    unread: int = 256
    stuck_s: float = 60.0
    heartbeat_s: float = 15.0


class Listener:
    """One open event stream. `fresh` makes the events that state everything anew; `owner` is the caller's own."""

    __slots__ = ("_waker", "channels", "closed", "fresh", "owner", "stale", "taken_at", "unread")

    def __init__(
        self, channels: tuple[Channel, ...], fresh: Callable[[], Iterable[tuple[str, Any]]], owner: Any
    ) -> None:
        self.channels = channels
        self.fresh = fresh
        self.owner = owner
        self.unread: deque[bytes] = deque()
        self.stale = False
        self.closed = False
        self.taken_at = 0.0
        self._waker: asyncio.Future[None] | None = None

    def put(self, chunk: bytes, limit: int) -> None:
        """Queue bytes; beyond `limit` the listener becomes stale and what it has not read is dropped."""
        if self.closed or self.stale:
            return
        if len(self.unread) >= limit:
            self.unread.clear()
            self.stale = True
        else:
            self.unread.append(chunk)
        self.wake()

    def close(self) -> None:
        """End the stream once what is queued has been sent."""
        self.closed = True
        self.wake()

    def wake(self) -> None:
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    async def wait(self) -> None:
        """Until there is something to read, or the stream is closed."""
        if self.unread or self.stale or self.closed:
            return
        self._waker = asyncio.get_running_loop().create_future()
        try:
            await self._waker
        finally:
            self._waker = None


class Channel:
    """Who listens to one name, and the last events for those who come back."""

    __slots__ = ("dropped", "listeners", "name", "ring")

    def __init__(self, name: str, ring: int) -> None:
        self.name = name
        self.listeners: set[Listener] = set()
        self.ring: deque[tuple[int, bytes]] = deque(maxlen=ring)
        self.dropped = 0  # highest n that has fallen out of the ring

    def keep(self, n: int, chunk: bytes) -> None:
        if len(self.ring) == self.ring.maxlen:
            self.dropped = self.ring[0][0]
        self.ring.append((n, chunk))

    def forget(self, upto: int) -> None:
        while self.ring and self.ring[0][0] <= upto:
            self.dropped = self.ring.popleft()[0]


class Hub:
    """All channels of one process. Not thread-safe: it belongs to the event loop."""

    def __init__(self, epoch: str, clock: Callable[[], float], limits: HubLimits | None = None) -> None:
        self.epoch = epoch
        self.limits = limits or HubLimits()
        self.listeners: set[Listener] = set()
        self.published = 0
        self.resets = 0
        self._clock = clock
        self._channels: dict[str, Channel] = {}
        self._n = 0
        self._horizon = 0  # ids up to here are too old
        self._marks: deque[tuple[float, int]] = deque()

    # --- speaking

    def publish(self, name: str, event: str, data: Any) -> None:
        """One event to everyone who listens to `name`, and to those who come back soon."""
        self.publish_to([name], event, data)

    def publish_to(self, names: Iterable[str], event: str, data: Any) -> None:
        """The same event to several channels, encoded once and under one id."""
        self._n += 1
        self.published += 1
        chunk = self._encode(event, data)
        limit = self.limits.unread
        for name in names:
            channel = self._channel(name)
            channel.keep(self._n, chunk)
            for listener in channel.listeners:
                listener.put(chunk, limit)

    def tell(self, listener: Listener, event: str, data: Any) -> None:
        """An event for one listener alone; it cannot be had again."""
        listener.put(self._encode(event, data), self.limits.unread)

    def heartbeat(self) -> None:
        """A comment to all, so that proxies keep the stream and dead sockets are found."""
        for listener in self.listeners:
            if not listener.unread:
                listener.put(HEARTBEAT, self.limits.unread)

    def tidy(self) -> None:
        """Forget what is older than `keep_s`, drop channels nobody needs, let go of listeners that are stuck."""
        now = self._clock()
        self._marks.append((now, self._n))
        while self._marks and self._marks[0][0] <= now - self.limits.keep_s:
            self._horizon = self._marks.popleft()[1]
        for name, channel in list(self._channels.items()):
            channel.forget(self._horizon)
            if not channel.ring and not channel.listeners:
                del self._channels[name]
        for listener in self.listeners:
            if (listener.unread or listener.stale) and listener.taken_at < now - self.limits.stuck_s:
                listener.close()

    def close(self) -> None:
        """End every stream: the process stops, the browsers come back to the next one."""
        for listener in self.listeners:
            listener.close()

    # --- listening

    def listen(
        self,
        names: Iterable[str],
        last_id: str,
        fresh: Fresh,
        owner: Any = None,
    ) -> Listener:
        """A new listener, already holding what it missed (or `reset`) and the fresh state."""
        listener = Listener(tuple(self._channel(name) for name in names), fresh, owner)
        listener.taken_at = self._clock()
        missed = self._missed(listener.channels, last_id)
        if missed is None:
            listener.stale = True
        else:
            listener.unread.extend(missed)
            listener.unread.append(self._fresh(listener))
        for channel in listener.channels:
            channel.listeners.add(listener)
        self.listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        self.listeners.discard(listener)
        for channel in listener.channels:
            channel.listeners.discard(listener)

    async def read(self, listener: Listener) -> bytes:
        """The next bytes to send, as many events as wait; empty when the stream is over."""
        await listener.wait()
        listener.taken_at = self._clock()
        if listener.stale:
            listener.stale = False
            self.resets += 1
            return self._encode("reset", {}) + self._fresh(listener)
        chunk = listener.unread[0] if len(listener.unread) == 1 else b"".join(listener.unread)
        listener.unread.clear()
        return chunk

    # --- inside

    def _missed(self, channels: tuple[Channel, ...], last_id: str) -> list[bytes] | None:
        """None: too much time has passed. A first visit (no id) has missed nothing."""
        if not last_id:
            return []
        epoch, _, number = last_id.rpartition("-")
        if epoch != self.epoch or not number.isdigit():
            return None
        last = int(number)
        if last < self._horizon or last > self._n or any(last < channel.dropped for channel in channels):
            return None
        rows = {n: chunk for channel in channels for n, chunk in channel.ring if n > last}
        return [rows[n] for n in sorted(rows)]

    def _fresh(self, listener: Listener) -> bytes:
        return b"".join(self._encode(event, data) for event, data in listener.fresh())

    def _encode(self, event: str, data: Any) -> bytes:
        body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {self.epoch}-{self._n}\nevent: {event}\ndata: {body}\n\n".encode()

    def _channel(self, name: str) -> Channel:
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(name, self.limits.ring)
        return channel

    def names(self) -> list[str]:
        """The channels someone listens to, or may come back to."""
        return list(self._channels)
