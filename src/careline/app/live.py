"""`careline live`: the one asyncio process that holds the switchboard and speaks with browsers."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import gc
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import django
import structlog
import uvicorn

from careline.base.database.watch import watch

log = structlog.get_logger(__name__)

DOOR_S = 0.05  # how often a standby tries the address that the active process has
# Nearly everything a decision makes goes when its last reference goes. The collector, for the few circles that do not,
# looks through the young after so many more were made than freed (an eighth of all decisions' time at Python's 700).
COLLECT_AFTER = (100_000, 20, 20)
STREAMS_END_S = 3  # at a stop, requests on their way may take so long to be answered


class Server(uvicorn.Server):
    """uvicorn without its own signal handling: we end the streams first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main(name: str = "live", arguments: Sequence[str] | None = None) -> int:
    """Runs until INT, TERM or HUP, or until another switchboard has taken over (then 1: start me again)."""
    parser = argparse.ArgumentParser(prog=f"careline {name}")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("CARELINE_LIVE_PORT", "8002")))
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "careline.app.settings")
    django.setup()
    watch.expect_answers()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(serve(options.host, options.port))


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:  # not on every platform; asyncio's own loop serves, with more CPU for each push
        return None
    return uvloop.new_event_loop


async def serve(host: str, port: int, *, sockets: list[socket.socket] | None = None) -> int:
    """Serve, take over when nobody else is active, stop cleanly. Returns the exit code."""
    from django.conf import settings

    from careline.faces.live.app import build
    from careline.switchboard.engine import Switchboard
    from careline.switchboard.projector import Projector

    switchboard = Switchboard(settings.DATABASE_URL, holder=f"{socket.gethostname()}:{os.getpid()}")
    app, live = build(switchboard, patience=patience())
    projector = Projector(switchboard)
    projector.listen(live.board.ticks.projected)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        lifespan="off",
        backlog=4096,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=STREAMS_END_S,
    )
    server = Server(config)
    told_to_stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(each, told_to_stop.set)
    bound = asyncio.Event()
    serving = asyncio.create_task(_answer(server, host, port, sockets, bound), name="http")
    waits = [serving, asyncio.create_task(told_to_stop.wait())]
    code = 0
    try:
        activating = asyncio.create_task(_take_over(switchboard, live, projector, bound))
        done, _ = await asyncio.wait([*waits, activating], return_when=asyncio.FIRST_COMPLETED)
        if activating in done:
            await activating
            overtaken = asyncio.create_task(switchboard.stepped_down.wait())
            await asyncio.wait([*waits, overtaken], return_when=asyncio.FIRST_COMPLETED)
            code = 1 if overtaken.done() else 0
        else:
            activating.cancel()
            await asyncio.gather(activating, return_exceptions=True)
    finally:
        live.stop()
        server.should_exit = True
        if not server.started:
            serving.cancel()  # it still waits for the address
        [ended] = await asyncio.gather(serving, return_exceptions=True)
        if isinstance(ended, OSError):
            log.error("no_address", host=host, port=port, reason=ended.strerror)
            code = 1
        waits[1].cancel()
        await switchboard.stop()
        if activating.done():
            await projector.stop()
    return code


async def _answer(
    server: Server, host: str, port: int, sockets: list[socket.socket] | None, bound: asyncio.Event
) -> None:
    """Serve as soon as the address is free. A standby at the active one's address has loaded everything and waits."""
    waits = False
    while not sockets:
        try:
            sockets = [socket.create_server((host, port), backlog=4096)]
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            if not waits:
                log.info("waits_for_address", host=host, port=port)
                waits = True
            await asyncio.sleep(DOOR_S)
    bound.set()
    await server.serve(sockets)


async def _take_over(switchboard: Any, live: Any, projector: Any, bound: asyncio.Event) -> None:
    """First the address, then the lock: of two at one address that start together, one has both and none has half."""
    await bound.wait()
    gc.freeze()  # a standby has loaded everything by now: none of it is garbage
    await switchboard.start()
    await live.start()
    projector.start()
    gc.collect()
    gc.freeze()  # what is here now stays: no pauses to look through it
    gc.set_threshold(*COLLECT_AFTER)
    log.info("active", fence=switchboard.fence)


def patience() -> Any:
    """`CARELINE_CALLS_PER_MINUTE`: how many calls one address may start (a clinic's hall is one address)."""
    from careline.faces.live.board import Patience
    from careline.faces.live.limits import Rate

    per_minute = float(os.environ.get("CARELINE_CALLS_PER_MINUTE", "10"))
    return Patience(calls=Rate(burst=max(20, round(2 * per_minute)), per_minute=per_minute))


if __name__ == "__main__":
    sys.exit(main())
