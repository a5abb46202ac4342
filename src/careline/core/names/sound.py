"""One Latin form in which the spellings of a name meet: Гриценко, Hrytsenko, Gritsenko and Grycenko are one.

A word has one or more readings, since a spelling can be ambiguous ("ch" is ч in English spelling and х in Polish).
Two spellings meet when they share a reading. In a reading the letters j, q, x, c stand for ж, ч, ш and щ, ц; г, ґ, х
and h are one letter g; every i-like letter is i, and is dropped before a vowel (я, ya, ia and ja are all a).
The rules cover the national transliteration of Ukraine (2010), Russian passports (ICAO 9303), Polish spelling and the
habits between them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import product

from careline.core.names.scripts import APOSTROPHES, Script, script_of

MOST_READINGS = 8

_CYRILLIC: dict[str, tuple[str, ...]] = {
    **dict(
        zip("абвгґдежзиійклмнопрстуфхцчшщыэєїюяў", ((c,) for c in "abvggdejziiiklmnoprstufgcqxxieeiuau"), strict=True)
    ),
    "ё": ("e", "o"),
    "ъ": ("", "e"),  # a passport writes it "ie"
    "ь": ("",),
}
_LATIN: dict[str, tuple[str, ...]] = {
    **{c: (c,) for c in "abdefgiklmnoprstuvz"},
    "tshch": ("tx",),
    "shch": ("x", "xq"),
    "szcz": ("x", "xq"),
    "tsch": ("q", "cq"),
    "sch": ("x", "sq", "sg"),
    "tch": ("q", "tq"),
    "tsh": ("tx", "cg"),
    "rzh": ("rj", "rzg"),
    "szh": ("sj", "xg"),
    "tzh": ("tj", "cg"),
    "šč": ("x",),
    "ch": ("q", "g"),
    "cz": ("q",),
    "ck": ("k", "ck"),
    "sh": ("x", "sg"),
    "sz": ("x", "sz"),
    "zh": ("j", "zg"),
    "rz": ("rz", "j"),
    "kh": ("g", "kg"),
    "gh": ("g",),
    "ts": ("c",),
    "tz": ("c", "tz"),
    "ph": ("f", "pg"),
    "th": ("t", "tg"),
    "qu": ("kv",),
    "c": ("c", "k"),
    "h": ("g",),
    "j": ("i",),
    "q": ("k",),
    "w": ("v",),
    "x": ("ks",),
    "y": ("i",),
    "č": ("q",),
    "š": ("x",),
    "ž": ("j",),
    "ć": ("c", "q"),
    "ś": ("s", "x"),
    "ź": ("z", "j"),
    "ż": ("j", "z"),
    "ł": ("l",),
    "ó": ("o", "u"),
    "ą": ("a", "on", "om"),
    "ę": ("e", "en", "em"),
}
_TABLE = {**_CYRILLIC, **_LATIN}
_LONGEST = max(map(len, _TABLE))
_TS = re.compile("ts")
_I_RUN = re.compile("i+")
_GLIDE = re.compile("i(?=[aeou])")
_DOUBLE = re.compile(r"(.)\1+")
# A word cut short may end inside a digraph, or in an i that turns out to be a glide.
_UNFINISHED = {Script.LATIN: frozenset("tsczkgdrpi"), Script.CYRILLIC: frozenset("ti")}


def _pieces(word: str) -> list[tuple[str, ...]]:
    text = unicodedata.normalize("NFC", word.casefold())
    text = "".join(c for c in text if c not in APOSTROPHES)
    pieces: list[tuple[str, ...]] = []
    at = 0
    while at < len(text):
        for size in range(min(_LONGEST, len(text) - at), 0, -1):
            if found := _TABLE.get(text[at : at + size]):
                pieces.append(found)
                at += size
                break
        else:
            bare = unicodedata.normalize("NFKD", text[at])[0]
            pieces.append(_TABLE.get(bare, ("",)))
            at += 1
    return pieces


def _settle(text: str) -> str:
    """Both "тс" and "ц" are c, runs of i are one, a glide is silent, a double letter is single."""
    text = _I_RUN.sub("i", _TS.sub("c", text))
    return _DOUBLE.sub(r"\1", _GLIDE.sub("", text))


@lru_cache(maxsize=262144)
def readings(word: str) -> tuple[str, ...]:
    """How the word may sound, likeliest first, at most `MOST_READINGS`. Empty for Chinese and for no letters."""
    found: dict[str, None] = {}
    for count, choice in enumerate(product(*_pieces(word))):
        if count >= MOST_READINGS * 4 or len(found) >= MOST_READINGS:
            break
        if text := _settle("".join(choice)):
            found[text] = None
    return tuple(found)


def openings(word: str) -> tuple[str, ...]:
    """Readings of a beginning of a word: what the sound of the whole word starts with, whatever letter comes next."""
    unfinished = _UNFINISHED.get(script_of(word), frozenset())
    found: dict[str, None] = {}
    for reading in readings(word):
        cut = reading[:-1] if len(reading) > 3 and reading[-1] in unfinished else reading
        found[cut] = None
    return tuple(found)
