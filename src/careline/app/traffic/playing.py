"""All networks at once, until asked to stop. Loaded when the demo already answers."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from careline.app.traffic import cast, past
from careline.app.traffic.cast import Cast
from careline.app.traffic.networks import Network
from careline.app.traffic.stage import Stage
from careline.care.contacts import projections
from careline.connectors.webrtc.line import Refused
from careline.faces.live.app import CALL_COOKIE
from careline.faces.live.calls import tokens_for
from careline.faces.live.orm import Orm

log = structlog.get_logger(__name__)

LOOK_S = 2.0
GOODBYE_S = 2.2
BREATHES_S = 0.3  # between two handfuls of a week ago: whoever calls now comes first


async def run(live: str, *, with_past: bool = True) -> int:
    """Plays all networks until asked to stop; then everybody hangs up and signs out, within three seconds."""
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    playing = asyncio.create_task(play(live, with_past))
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait([playing, asked], return_when=asyncio.FIRST_COMPLETED)
    if playing.done():
        asked.cancel()
        playing.result()  # nothing to play is no failure; anything else is
        await stop.wait()
        return 0
    playing.cancel()
    await asyncio.wait([playing], timeout=GOODBYE_S)
    return 0


async def play(live: str, with_past: bool) -> None:
    stage = Stage(live, settings.ALLOWED_HOSTS[0], Orm(threads=2))
    casts = await stage.orm(cast.casts)
    if not casts:
        log.warning("nobody_to_simulate")
        return
    await end_left_over(stage)
    if with_past:
        await tell_past(stage, casts)
    networks = [Network(stage, each) for each in casts]
    log.info("traffic", networks=len(networks), colleagues=sum(len(each.members) for each in casts))
    tasks = [asyncio.create_task(network.live()) for network in networks]
    if with_past:
        tasks.append(asyncio.create_task(tell_week_ago(stage, casts)))
    try:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                sight = await stage.orm(cast.look)
            except (DatabaseError, InterfaceError) as error:  # away for a moment; the next look comes
                log.warning("no_sight", error=type(error).__name__)
                continue
            for network in networks:
                network.attend(sight, time.monotonic())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def end_left_over(stage: Stage) -> None:
    """The callers of a traffic process that was killed hang up: their pages will never come back."""
    for token in [token for key in await stage.orm(cast.left_over) for token in tokens_for(key)]:
        line = stage.line({CALL_COOKIE: token})
        with contextlib.suppress(Refused):
            await line.post("/live/call/actions", action="hang_up")
        await line.close()


async def tell_week_ago(stage: Stage, casts: list[Cast]) -> None:
    """What the boards compare today with; told while today is already being lived."""
    began, cpu, told = time.monotonic(), time.process_time(), 0
    try:
        for each in casts:
            for handful in await stage.orm(past.week_ago, each, stage.rng, time.time()):
                told += await stage.orm(past.tell_week_ago, handful)
                await asyncio.sleep(BREATHES_S)
    except (DatabaseError, InterfaceError) as error:  # the next start tells it
        log.warning("no_week_ago", error=type(error).__name__)
        return
    log.info(
        "week_ago", contacts=told, took_s=round(time.monotonic() - began, 1), cpu_s=round(time.process_time() - cpu, 1)
    )


async def tell_past(stage: Stage, casts: list[Cast]) -> None:
    """The hours before the visitor came, before anybody signs in."""
    began, cpu = time.monotonic(), time.process_time()
    try:
        told = sum([await stage.orm(past.fill, each, stage.rng, time.time()) for each in casts])
        await stage.orm(projections.catch_up)
    except (DatabaseError, InterfaceError) as error:  # a demo without a past is one all the same
        log.warning("no_past", error=type(error).__name__)
        return
    log.info(
        "past", contacts=told, took_s=round(time.monotonic() - began, 1), cpu_s=round(time.process_time() - cpu, 1)
    )
