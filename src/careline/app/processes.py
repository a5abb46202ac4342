"""Which process is which: a pid alone is not a name, since the system gives it again to others."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path


def alive(pid: int) -> bool:
    """Is there such a process, not counting one that has ended and waits to be reaped?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = _stat(pid)
    return stat is None or stat[0] != "Z"


def identity(pid: int) -> str | None:
    """What, with the pid, names a process for good: when it started. None when there is no such process."""
    stat = _stat(pid)
    if stat is not None:
        return stat[19]  # field 22 of proc(5): clock ticks after boot
    listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.strip() or None


def works_in(pid: int, folder: Path) -> bool:
    """Does that process have `folder` as its working directory? PostgreSQL's chief process sits in its data folder."""
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")) == folder.resolve()
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
    except PermissionError:
        return False
    listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(folder) in listed.stdout


def end(pid: int, *signals: tuple[signal.Signals, float]) -> bool:
    """Sends each signal in turn until the process is gone, waiting the seconds given with it. True when it is gone."""
    for number, patience_s in signals:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        if _gone_within(pid, patience_s):
            return True
    return False


def _gone_within(pid: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
