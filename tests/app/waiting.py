"""Waits for what other processes do; patiently, since the machine may be busy with other tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], within_s: float = 120.0) -> T:
    """What `look` gives once it is truthy; fails when it never is."""
    deadline = time.monotonic() + within_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.05)
    return seen
