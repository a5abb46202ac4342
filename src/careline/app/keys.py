"""The secret key of an installation: where it comes from, and `careline rotate-key`, which replaces it.

A key is replaced in three steps, so that nobody is signed out: the new one is written down beside the old one; live and
then web are started again, one after the other, and know both; then what is sealed with the old key is sealed anew.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from careline.app import processes
from careline.app.failures import KeyElsewhere, KeyFromEnvironment, KeyNotTaken
from careline.app.places import Home, default_home, private_write
from careline.base.keys import CURRENT, FORMER, fingerprint, read_fallbacks, written

KEEP_DAYS = 30  # as long as a screen on a wall keeps its cookie: whatever the old key signed has ended by itself then
TAKEN_WITHIN_S = 180.0


@dataclass(frozen=True)
class Keys:
    """`former`: keys before, newest first, each with the moment from which it verifies nothing any more."""

    current: str
    former: tuple[tuple[str, datetime], ...] = ()

    def replaced(self, fresh: str, keep: timedelta, now: datetime) -> Keys:
        """`keep`: how long the present key goes on verifying; the earlier ones keep their time, but no longer."""
        until = now + keep
        return Keys(fresh, ((self.current, until), *((key, min(end, until)) for key, end in self.former)))

    def without_ended(self, now: datetime) -> Keys:
        return Keys(self.current, tuple((key, end) for key, end in self.former if end > now))


def kept(home: Home) -> Keys:
    """The keys beside the data."""
    stored = home.keys()
    former = stored.get("former_keys", [])
    return Keys(stored["secret_key"], tuple((each["key"], datetime.fromisoformat(each["until"])) for each in former))


def keep(home: Home, keys: Keys) -> None:
    home.write_keys({**home.keys(), **as_json(keys)})


def as_json(keys: Keys) -> dict[str, Any]:
    """Of `keys.json`, and of the file of `careline backup --keys`."""
    former = [{"key": key, "until": end.isoformat(timespec="seconds")} for key, end in keys.former]
    return {"secret_key": keys.current, "former_keys": former}


def forget_ended(home: Home) -> None:
    """Takes out the former keys whose time is over. Only when nothing is sealed with them any more."""
    keys = kept(home)
    if len(keys.former) > len(alive := keys.without_ended(datetime.now(UTC)).former):
        keep(home, Keys(keys.current, alive))


def environment(home: Home, given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The two variables for the processes of this installation: those given, else those kept beside the data."""
    if given.get(CURRENT):
        return {CURRENT: given[CURRENT], FORMER: given.get(FORMER, "")}
    keys = kept(home)
    return {CURRENT: keys.current, FORMER: written(keys.former)}


def dated(text: str) -> tuple[tuple[str, datetime], ...]:
    """The former keys of an environment variable; those without a time as if they held for good."""
    never = datetime.max.replace(tzinfo=UTC, microsecond=0)
    times = [
        (key, datetime.fromtimestamp(end, UTC) if end is not None else never) for key, end in read_fallbacks(text).dated
    ]
    return tuple(times)


def in_use(home: Home, given: Mapping[str, str] = os.environ) -> str:
    """The key that Careline runs with, as far as this process can know it.

    Raises KeyElsewhere when it was last started with another one than is seen here: then that stands in an environment
    that this process does not share.
    """
    key = environment(home, given)[CURRENT]
    if _mark_of(home) not in ("", fingerprint(key)):
        raise KeyElsewhere(folder=home.root)
    return key


def mark(home: Home, key: str) -> None:
    """Notes with which key everything runs now."""
    private_write(home.run / "key", fingerprint(key))


def _mark_of(home: Home) -> str:
    try:
        return (home.run / "key").read_text()
    except OSError:
        return ""


def rotate(home: Home, keep_for: timedelta, now: datetime) -> bool:
    """A new key for the installation; True when a running Careline has taken it over, False when none runs.

    Raises KeyFromEnvironment, KeyElsewhere, KeyNotTaken (the new key holds from the next start).
    """
    if os.environ.get(CURRENT):
        raise KeyFromEnvironment
    home.prepare()
    in_use(home)
    holder = running(home)
    keys = kept(home).replaced(secrets.token_urlsafe(48), keep_for, now)
    if holder is not None and not _mark_of(home):
        raise KeyElsewhere(folder=home.root)  # an older Careline, which does not know how: it must be started again
    keep(home, keys)
    if holder is None:
        return False
    os.kill(holder, signal.SIGUSR1)
    deadline = time.monotonic() + TAKEN_WITHIN_S
    while _mark_of(home) != fingerprint(keys.current):
        if time.monotonic() > deadline or running(home) != holder:
            raise KeyNotTaken
        time.sleep(0.2)
    return True


def running(home: Home) -> int | None:
    """The process that holds the folder, if one does."""
    try:
        holder = json.loads((home.run / "holder.json").read_text())
        pid = int(holder["pid"])
    except (OSError, ValueError, KeyError):
        return None
    return pid if processes.alive(pid) and processes.identity(pid) == holder["started"] else None


def main(name: str, arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog=f"careline {name}", description="A new secret key for this installation.")
    parser.add_argument("--keep", type=int, default=KEEP_DAYS, metavar="DAYS", help="how long the old key still holds")
    chosen = parser.parse_args(arguments)
    if chosen.keep < 0:
        parser.error("--keep: 0 or more days")
    home = Home(default_home())
    taken = rotate(home, timedelta(days=chosen.keep), datetime.now(UTC))
    print("There is a new key. The old one " + (f"holds for {chosen.keep} more days." if chosen.keep else "is void."))
    if not taken and not os.environ.get("DATABASE_URL"):
        print("Careline does not run: authenticator apps are sealed anew when it starts.")
        return 0
    print(f"Sealed anew: {_seal_anew(home)}.")
    forget_ended(home)
    print("Keys that were backed up before open nothing new: write them again (careline backup FILE --keys FILE).")
    return 0


def _seal_anew(home: Home) -> int:
    from careline.app.cli import at_home

    at_home()
    import django

    django.setup()
    from careline.base.accounts.sealing import seal_anew

    return seal_anew()
