"""The installation's secret key and those it had before, as they stand in the environment. Pure, but for the clock.

`CARELINE_SECRET_KEY_FALLBACKS` holds former keys, separated by spaces: `KEY`, or `KEY@1798761600` with the moment
(seconds since 1970) from which it verifies nothing any more. What is *sealed* with a key is opened with it for as long
as it is listed: a secret must not be lost because nobody sealed it anew in time.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from datetime import datetime

CURRENT, FORMER = "CARELINE_SECRET_KEY", "CARELINE_SECRET_KEY_FALLBACKS"
_DATED = re.compile(r"(.+)@(\d{1,12})")


class Fallbacks(list[str]):
    """Django's SECRET_KEY_FALLBACKS (it wants a list): at every look only those whose time is not over."""

    def __init__(self, dated: Iterable[tuple[str, float | None]]) -> None:
        self.dated = list(dated)
        super().__init__(key for key, _ in self.dated)

    def __iter__(self) -> Iterator[str]:
        now = time.time()
        return iter([key for key, until in self.dated if until is None or now < until])


def read_fallbacks(text: str) -> Fallbacks:
    """Of the environment variable. Without a time a key holds until it is taken out."""
    matches = [(word, _DATED.fullmatch(word)) for word in text.split()]
    return Fallbacks((m.group(1), float(m.group(2))) if m else (word, None) for word, m in matches)


def written(dated: Iterable[tuple[str, datetime]]) -> str:
    """The environment variable, for `read_fallbacks`."""
    return " ".join(f"{key}@{int(until.timestamp())}" for key, until in dated)


def ever(fallbacks: list[str]) -> list[str]:
    """All of them, those whose time is over too: for opening what is still sealed with one."""
    return [key for key, _ in fallbacks.dated] if isinstance(fallbacks, Fallbacks) else fallbacks


def fingerprint(key: str) -> str:
    """Tells two keys apart and gives neither away (they are long and random)."""
    return hashlib.sha256(b"careline key " + key.encode()).hexdigest()[:16]
