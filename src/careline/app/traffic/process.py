"""`careline demo-traffic`: the process of the simulated people. The supervisor starts it in the demo.

Nothing heavy is loaded before the front answers: the demo's first page must not wait for it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence

from careline.app import front

POLL_S = 0.25
NICE = 5  # whoever visits comes first


def wanted(environment: Mapping[str, str], demo: bool) -> bool:
    """CARELINE_DEMO_TRAFFIC says so; unset, `careline demo` has traffic and `careline serve` has none."""
    chosen = environment.get("CARELINE_DEMO_TRAFFIC", "").lower()
    if chosen in ("0", "no", "off", "false"):
        return False
    return demo or (chosen != "" and environment.get("CARELINE_DEMO") == "1")


def main(name: str = "demo-traffic", arguments: Sequence[str] | None = None) -> int:
    """Runs until INT, TERM or HUP."""
    parser = argparse.ArgumentParser(
        prog=f"careline {name}", description="The demo's simulated callers and colleagues."
    )
    parser.add_argument("--live", default=os.environ.get("CARELINE_LIVE_URL", "http://127.0.0.1:8002"))
    parser.add_argument("--no-past", action="store_true", help="begin with an empty day")
    chosen = parser.parse_args(arguments)
    if os.environ.get("CARELINE_DEMO") != "1":
        print("careline: simulated people work in a demo only (CARELINE_DEMO=1)", file=sys.stderr)
        return 1
    while not answers(chosen.live):
        time.sleep(POLL_S)
    time.sleep(1.0)
    with contextlib.suppress(OSError):
        os.nice(NICE)
    prepare()
    from careline.app.traffic.playing import run

    return asyncio.run(run(chosen.live, with_past=not chosen.no_past))


def answers(live: str) -> bool:
    """Does the live process take calls, and does the front let people in?"""
    address = live.split("//", 1)[1]
    port = int(os.environ.get("PORT", "0"))
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection(address, timeout=1.0)
        try:
            connection.request("GET", "/live/healthz")
            taken = connection.getresponse().status == 200
        finally:
            connection.close()
        if taken and port:
            return front.answers(port)
        return taken
    return False


def prepare() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "careline.app.settings")
    django.setup()
    for chatty in ("aioice", "aiortc", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
