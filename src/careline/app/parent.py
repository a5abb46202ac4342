"""A demo run by `make`: hears of a signal that was sent to make alone.

GNU make passes only TERM on to the command it runs; on INT and HUP it trusts that the whole terminal got them, puts
back the default action, and waits for the command to end. That default action is what we see in /proc.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

WATCHED = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)


def parent_stopping() -> Callable[[], bool]:
    """A test, cheap enough for once a second: is our parent gone, or has it stopped catching what it caught before?"""
    parent = os.getppid()
    caught = _caught(parent) & _mask(WATCHED)

    def stopping() -> bool:
        return os.getppid() != parent or (caught & ~_caught(parent)) != 0

    return stopping


def _mask(numbers: tuple[signal.Signals, ...]) -> int:
    return sum(1 << (number - 1) for number in numbers)


def _caught(pid: int) -> int:
    """The signals that process catches, as a bit mask; every bit when that is not known."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ~0
    return next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt")), ~0)
