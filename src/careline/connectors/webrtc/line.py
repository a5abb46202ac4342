"""The live protocol from the outside, as a browser speaks it: an event stream that comes back, requests with a key."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import ssl
import uuid
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

import httpx

FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 4.0
SILENCE_S = 40.0  # the server says something every 15 s
AGAIN = frozenset({502, 503, 504})

Hear = Callable[[str, dict[str, Any]], None]


class Refused(Exception):
    """The server said no: `code` of the live protocol."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


class Line:
    """One browser at one origin: its cookies, its requests, its event stream.

    `hear(event, data)` is called for every event, in order. `origin` is what the page's address bar shows;
    `base` is where requests really go (the same, unless the caller sits beside the live process).
    """

    def __init__(self, base: str, *, cookies: dict[str, str] | None = None, origin: str = "", csrf: str = "") -> None:
        self.headers = {"Origin": origin or base}
        if csrf:
            self.headers["X-CSRFToken"] = csrf
        self.http = httpx.AsyncClient(
            base_url=base,
            cookies=cookies,
            headers=self.headers,
            trust_env=False,
            verify=_certificates(),
            timeout=httpx.Timeout(10.0, read=SILENCE_S),
            limits=httpx.Limits(max_connections=None),
        )
        self.last_id = ""
        self.resets = 0
        self.open = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def post(self, path: str, patience_s: float = 60.0, **body: Any) -> dict[str, Any]:
        """Sent until it is answered, always with the same key. Raises Refused, or httpx.HTTPError out of patience."""
        body.setdefault("key", str(uuid.uuid4()))
        wait = FIRST_WAIT_S
        until = asyncio.get_running_loop().time() + patience_s
        while True:
            try:
                answer = await self.http.post(path, json=body)
                if answer.status_code not in AGAIN:
                    return _content(answer)
                failure: Exception = Refused(answer.status_code, "unavailable", "")
            except httpx.TransportError as error:
                failure = error
            if asyncio.get_running_loop().time() + wait > until:
                raise failure
            await asyncio.sleep(wait * (0.5 + random.random()))  # noqa: S311
            wait = min(wait * 2, LONGEST_WAIT_S)

    def listen(self, path: str, hear: Hear) -> None:
        """Start hearing; it goes on, whatever happens to the server, until `close` or until we are refused."""
        self._listening = asyncio.create_task(self._listen(path, hear))

    @property
    def over(self) -> bool:
        """Nothing is heard any more: we were refused (the session has ended, the call is gone), or have closed."""
        return self._listening is not None and self._listening.done()

    async def close(self) -> None:
        if self._listening:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError, Refused):
                await self._listening
        await self.http.aclose()

    async def _listen(self, path: str, hear: Hear) -> None:
        wait = FIRST_WAIT_S
        while True:
            with contextlib.suppress(httpx.HTTPError):
                async for event, data in self._events(path):
                    wait = FIRST_WAIT_S
                    self.resets += event == "reset"
                    hear(event, data)
            self.open.clear()
            await asyncio.sleep(wait * (0.5 + random.random()))  # noqa: S311
            wait = min(wait * 1.7, LONGEST_WAIT_S)

    async def _events(self, path: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        async with self.http.stream("GET", path, headers=headers) as answer:
            if answer.status_code in AGAIN:
                return
            if answer.status_code != 200:
                await answer.aread()
                _content(answer)
            self.open.set()
            rest = ""
            async for chunk in answer.aiter_text():
                *blocks, rest = (rest + chunk).split("\n\n")
                for block in blocks:
                    if said := self._said(block):
                        yield said

    def _said(self, block: str) -> tuple[str, dict[str, Any]] | None:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if "data" not in fields:
            return None
        self.last_id = fields.get("id", self.last_id)
        return fields.get("event", "message"), json.loads(fields["data"])


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: hundreds of lines in one process would each spend 20 ms on it."""
    return httpx.create_ssl_context(trust_env=False)


def _content(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json() if answer.content else {}
    except ValueError:
        content = {}
    if answer.is_success:
        return content
    raise Refused(answer.status_code, content.get("error", "refused"), content.get("message", ""))
