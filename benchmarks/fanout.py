"""2,000 desks on real sockets hear 10 shared events a second and one of their own every 5 s, for a minute.

The live application runs in a process of its own, with the router of an empty house and no database: what is measured
is the way from an event to the last browser. The desks sit in two further processes and read as browsers do. Every
event carries the moment it was published; the three processes share the machine's clock.

Prints `push_p99_ms` (from publishing to a desk having read it), `lost` (events that a desk did not get), `mem_mib`
(resident memory of the live process at its largest).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

DESKS = 2000
READERS = 2
SHARED_PER_S = 10.0
PERSONAL_EVERY_S = 5.0
SECONDS = 60.0
QUICK_SECONDS = 15.0
PATH = "city/"
DONE = b"event: over"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SECONDS:.0f} s instead of {SECONDS:.0f}")
    parser.add_argument("--desks", type=int, default=DESKS)
    options = parser.parse_args()
    seconds = QUICK_SECONDS if options.quick else SECONDS
    raise_file_limit(2 * options.desks + 500)
    figures = run(options.desks, seconds)
    rows = [
        ("desks", f"{figures['desks']:,}"),
        ("events delivered", f"{figures['delivered']:,}"),
        ("push, median", f"{figures['push_p50_ms']:.1f} ms"),
        ("push, 99 of 100", f"{figures['push_p99_ms']:.1f} ms   (aim <= 250)"),
        ("push, slowest", f"{figures['push_max_ms']:.1f} ms"),
        ("lost", f"{figures['lost']}   (aim 0)"),
        ("told to reset", f"{figures['resets']}"),
        (
            "memory of the live process",
            f"{figures['mem_mib']:.0f} MiB   (of it before the first desk {figures['base_mib']:.0f})",
        ),
        ("processor, live process", f"{figures['cpu_share']:.0%} of a core"),
    ]
    for name, value in rows:
        print(f"{name:28} {value}")
    print(json.dumps(figures))
    sys.stdout.flush()


def run(desks: int, seconds: float) -> dict[str, Any]:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    live = spawn.Process(target=live_process, args=(theirs, desks, seconds), name="live")
    live.start()
    port = ours.recv()
    readers: list[tuple[Any, Connection]] = []
    try:
        for n in range(READERS):
            mine, other = spawn.Pipe()
            share = range(n, desks, READERS)
            process = spawn.Process(target=reader_process, args=(other, port, share), name=f"desks-{n}")
            process.start()
            readers.append((process, mine))
        for _, pipe in readers:
            pipe.recv()  # every desk of this reader is open
        ours.send("go")
        sent = ours.recv()
        heard = [pipe.recv() for _, pipe in readers]
    finally:
        ours.send("stop")
        for process, _ in [*readers, (live, ours)]:
            process.join(20)
            if process.is_alive():
                process.terminate()
    waits = sorted(each for part in heard for each in part["waits_ms"])
    delivered = sum(part["events"] for part in heard)
    expected = sent["shared"] * desks + sent["personal"]
    return {
        "desks": desks,
        "seconds": seconds,
        "delivered": delivered,
        "push_p50_ms": round(waits[len(waits) // 2], 2),
        "push_p99_ms": round(waits[int(len(waits) * 0.99)], 2),
        "push_max_ms": round(waits[-1], 2),
        "lost": expected - delivered,
        "resets": sum(part["resets"] for part in heard),
        "mem_mib": round(sent["mem_mib"], 1),
        "base_mib": round(sent["base_mib"], 1),
        "cpu_share": round(sent["cpu_share"], 3),
    }


# --- the live process


def live_process(pipe: Connection, desks: int, seconds: float) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "careline.app.settings")
    import django

    django.setup()
    from careline.app.live import _loop_factory

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(pipe, desks, seconds))


async def serve(pipe: Connection, desks: int, seconds: float) -> None:
    import gc
    from types import SimpleNamespace
    from uuid import UUID

    import uvicorn

    from careline.app.live import Server
    from careline.base.accounts.models import Role
    from careline.base.accounts.rights import Reader
    from careline.core.acd.router import Router
    from careline.faces.live import app as live_app
    from careline.faces.live.ticks import channel_of
    from careline.faces.live.who import Badge

    def badge_of(session_key: str) -> Badge:
        user = UUID(int=int(session_key))
        return Badge(session_key, Reader(user, user, Role.OPERATOR, user, PATH, None, "en"), "", "")

    live_app.badge_of = badge_of  # the signed-in people of this house are its numbers from 1
    switchboard: Any = SimpleNamespace(
        router=Router(),
        now=time.time,
        listen=lambda fn: None,
        outbox=SimpleNamespace(listen=lambda fn: None),
        active=True,
    )
    app, live = live_app.build(switchboard)
    board = live.board
    board.first_names = {str(UUID(int=n + 1)): "" for n in range(desks)}
    board.ready = True
    config = uvicorn.Config(
        app, port=0, log_config=None, access_log=False, proxy_headers=False, server_header=False, lifespan="off",
        backlog=4096, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    gc.collect()
    gc.freeze()
    base = memory_mib()
    pipe.send(server.servers[0].sockets[0].getsockname()[1])
    await asyncio.to_thread(pipe.recv)  # go
    used = time.process_time()
    sent = await publish(board.hub, channel_of(PATH), desks, seconds)
    share = (time.process_time() - used) / seconds
    pipe.send({**sent, "mem_mib": memory_mib(), "base_mib": base, "cpu_share": share})
    await asyncio.to_thread(pipe.recv)  # stop
    live.stop()
    server.should_exit = True
    await serving


async def publish(hub: Any, shared: str, desks: int, seconds: float) -> dict[str, int]:
    """Shared events evenly in time; each desk's own evenly between them."""
    from uuid import UUID

    agents = [f"agent:{UUID(int=n + 1)}" for n in range(desks)]
    counts = {"shared": 0, "personal": 0}
    personal_per_s = desks / PERSONAL_EVERY_S
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        while counts["shared"] < passed * SHARED_PER_S:
            hub.publish(shared, "tick", {"what": ["contacts", "queues"], "at": time.time()})
            counts["shared"] += 1
        while counts["personal"] < passed * personal_per_s:
            agent = agents[counts["personal"] % desks]
            work = [{"contact": agent, "phase": "offered", "channel": "voice", "offer": agent, "until": 0.0}]
            hub.publish(agent, "phone", {"agent": agent, "presence": "ready", "work": work, "at": time.time()})
            counts["personal"] += 1
        await asyncio.sleep(0.005)
    hub.publish(shared, "over", {})
    return counts


def memory_mib() -> float:
    """The largest resident memory so far."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


# --- the desks


class Desk(asyncio.Protocol):
    """One browser: reads its stream, and notes how old each event was."""

    def __init__(self, number: int, reader: Reader) -> None:
        self.number = number
        self.reader = reader
        self.rest = b""
        self.opened = False

    def connection_made(self, transport: Any) -> None:
        cookie = f"sessionid={self.number + 1}"
        request = f"GET /live/desk/events HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n"
        transport.write(request.encode())

    def data_received(self, data: bytes) -> None:
        now = time.time()
        data = self.rest + data
        if not self.opened:
            if b"event: phone" not in data:
                self.rest = data
                return
            self.opened = True
            self.rest = b""
            self.reader.desk_opened()
            return
        end = data.rfind(b"\n\n")
        self.rest = data[end + 2 :] if end >= 0 else data
        if end < 0:
            return
        whole = data[: end + 2]
        at = whole.find(b'"at":')
        while at >= 0:
            close = whole.find(b"}", at)
            self.reader.waits.append((now - float(whole[at + 5 : close])) * 1000)
            at = whole.find(b'"at":', close)
        if b"event: " in whole:
            self.reader.resets += whole.count(b"event: reset")
            if DONE in whole:
                self.reader.desk_over()


class Reader:
    """All desks of one process."""

    def __init__(self, count: int) -> None:
        self.waits: list[float] = []
        self.resets = 0
        self.open = 0
        self.over = 0
        self.count = count
        self.all_open = asyncio.Event()
        self.all_over = asyncio.Event()

    def desk_opened(self) -> None:
        self.open += 1
        if self.open == self.count:
            self.all_open.set()

    def desk_over(self) -> None:
        self.over += 1
        if self.over == self.count:
            self.all_over.set()


def reader_process(pipe: Connection, port: int, share: range) -> None:
    from careline.app.live import _loop_factory

    raise_file_limit(len(share) + 200)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(read(pipe, port, share))


async def read(pipe: Connection, port: int, share: range) -> None:
    reader = Reader(len(share))
    loop = asyncio.get_running_loop()
    transports = []
    for n in share:
        transport, _ = await loop.create_connection(lambda n=n: Desk(n, reader), "127.0.0.1", port)  # type: ignore[misc]
        transports.append(transport)
    await reader.all_open.wait()
    pipe.send("open")
    await reader.all_over.wait()
    pipe.send({"waits_ms": reader.waits, "events": len(reader.waits), "resets": reader.resets})
    for transport in transports:
        transport.abort()


def raise_file_limit(wanted: int) -> None:
    """A socket for every desk. Raises ValueError when the machine allows fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(wanted, soft), hard), hard))


if __name__ == "__main__":
    main()
