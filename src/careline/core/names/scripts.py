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


def is_han(char: str) -> bool:
    code = ord(char)
    return 0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0x20000 <= code <= 0x323AF or char in "〇々"


def _is_cyrillic(char: str) -> bool:
    return 0x0400 <= ord(char) <= 0x052F


def script_of(text: str) -> Script:
    """The script of the first letter that tells; of a word with stray look-alikes, Cyrillic wins."""
    if any(is_han(c) for c in text):
        return Script.HAN
    if any(_is_cyrillic(c) for c in text):
        return Script.CYRILLIC
    if any(unicodedata.name(c, "").startswith("LATIN") for c in text):
        return Script.LATIN
    return Script.OTHER


@lru_cache(maxsize=65536)
def plain(word: str) -> str:
    """The word as it is compared: folded case, no accents (й и, ё е, ї і, ґ г), no apostrophes, look-alikes mended."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word).casefold()).translate(_PLAIN)
    text = "".join(c for c in text if c.isalpha())
    if any(_is_cyrillic(c) for c in text):
        text = text.translate(_LOOKALIKES)
    return unicodedata.normalize("NFC", text)


def words(text: str) -> list[str]:
    """The words of a name as written. Chinese runs come apart from other letters; hyphens and spaces divide."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text)):
        start = 0
        for i in range(1, len(word) + 1):
            if i == len(word) or is_han(word[i]) != is_han(word[start]):
                found.append(word[start:i])
                start = i
    return [word for word in found if plain(word)]
