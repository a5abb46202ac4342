"""Django's database calls are synchronous: a few threads make them, beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from django.db import close_old_connections, connections

P = ParamSpec("P")
T = TypeVar("T")


class Orm:
    """`await orm(function, ...)` runs it in one of `threads` threads, each with a connection of its own."""

    def __init__(self, threads: int = 4) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="orm")

    async def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def call() -> T:
            close_old_connections()
            try:
                return function(*args, **kwargs)
            finally:
                close_old_connections()

        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def close(self) -> None:
        """Close every thread's connection, then the threads."""
        together = threading.Barrier(self._threads)

        def close_own(*_: Any) -> None:
            together.wait(5)
            connections.close_all()

        for _ in range(self._threads):
            self._pool.submit(close_own)
        self._pool.shutdown(wait=True)
