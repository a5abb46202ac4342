"""Sending one event stream over ASGI: until the browser goes, or the hub closes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from careline.faces.live.hub import Hub, Listener

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


async def send_events(hub: Hub, listener: Listener, receive: Receive, send: Send) -> None:
    """Returns when the stream is over, whoever ended it; the listener has left the hub then."""
    watch = asyncio.create_task(_watch(listener, receive))
    try:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        while not listener.closed or listener.unread or listener.stale:
            chunk = await hub.read(listener)
            if chunk:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except OSError:
        pass  # the browser went while we were sending; its return is told by its next connection
    finally:
        watch.cancel()
        hub.leave(listener)


async def _watch(listener: Listener, receive: Receive) -> None:
    """Close the listener as soon as the socket is gone, even when there is nothing to send."""
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.unread.clear()
    listener.close()
