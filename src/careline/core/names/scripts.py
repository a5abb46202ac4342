"""Scripts and plain forms of words: what is left of a name when case, accents and apostrophes do not count."""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from functools import lru_cache

APOSTROPHES = "'’‘ʼ`´′ʹʺ\"“”"
_WORD = re.compile(rf"[^\W\d_](?:[^\W\d_]|[{APOSTROPHES}\u0300-\u036f])*")
# Letters that decomposition does not take apart.
_PLAIN = str.maketrans({"ґ": "г", "ł": "l", "đ": "d", "ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ı": "i", "þ": "th"})
# Latin letters that look like Cyrillic ones: one slips in when the layout is switched in the middle of a word.
_LOOKALIKES = str.maketrans("aceiopxyk", "асеіорхук")


class Script(Enum):
    LATIN = "latin"
    CYRILLIC = "cyrillic"
    HAN = "han"
    OTHER = "other"


_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af〇々]")
_CYRILLIC = re.compile("[\u0400-\u052f]")
_LATIN = re.compile("[a-zA-Z\u00c0-\u024f\u1e00-\u1eff]")


def has_han(text: str) -> bool:
    return _HAN.search(text) is not None


def is_han(char: str) -> bool:
    return _HAN.match(char) is not None


def script_of(text: str) -> Script:
    """The script of a word. Of one with stray look-alikes, Cyrillic wins over Latin; Chinese wins over both."""
    if _HAN.search(text):
        return Script.HAN
    if _CYRILLIC.search(text):
        return Script.CYRILLIC
    return Script.LATIN if _LATIN.search(text) else Script.OTHER


@lru_cache(maxsize=65536)
def plain(word: str) -> str:
    """The word as it is compared: folded case, no accents (й и, ё е, ї і, ґ г), no apostrophes, look-alikes mended."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word).casefold()).translate(_PLAIN)
    text = "".join(c for c in text if c.isalpha())
    if _CYRILLIC.search(text):
        text = text.translate(_LOOKALIKES)
    return unicodedata.normalize("NFC", text)


def words(text: str) -> list[str]:
    """The words of a name as written. Chinese runs come apart from other letters; hyphens and spaces divide."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text)):
        if not has_han(word):
            found.append(word)
            continue
        start = 0
        for i in range(1, len(word) + 1):
            if i == len(word) or is_han(word[i]) != is_han(word[start]):
                found.append(word[start:i])
                start = i
    return [word for word in found if plain(word)]
