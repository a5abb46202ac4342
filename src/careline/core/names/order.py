"""Order: of names in a list, and of the parts of a name on the screen."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from careline.core.names import han
from careline.core.names.scripts import APOSTROPHES, Script, has_han, is_han, script_of, words

# One Cyrillic alphabet that orders Ukrainian (ґ after г, є after е, і ї after и, ь before ю) and Russian alike.
_CYRILLIC = "абвгґдеєжзиіїйклмнопрстуўфхцчшщъыьэюя"
# One Latin alphabet that orders Polish (ą after a, ć after c, ...) and English alike.
_LATIN = "aąbcćdeęfghijklłmnńoópqrsśtuvwxyzźż"
_FIRST = 0x30
_WEIGHT = {char: chr(_FIRST + i) for letters in (_LATIN, _CYRILLIC) for i, char in enumerate(letters)}
_WEIGHT["ё"] = _WEIGHT["е"]
_GROUP = {Script.LATIN: "1", Script.CYRILLIC: "2", Script.HAN: "3", Script.OTHER: "4"}
_FAMILY_FIRST = frozenset({"uk", "ru", "zh", "zh-hans", "zh-hant", "hu", "ja", "ko"})


def _weigh(char: str) -> str:
    if char in _WEIGHT:
        return _WEIGHT[char]
    bare = unicodedata.normalize("NFKD", char)[0]
    return _WEIGHT.get(bare, "")


@lru_cache(maxsize=131072)
def _part_key(part: str, family: bool) -> str:
    if has_han(part):
        return " ".join((han.syllables(c, family) or ("",))[0] + c for c in part if is_han(c))
    low = unicodedata.normalize("NFC", part.casefold())
    return "".join("" if c in APOSTROPHES else "!" if c in " -" else _weigh(c) for c in low)


def sort_key(family: str, given: str = "", middle: str = "", most: int = 400) -> str:
    """A string that sorts by code point (C collation) as a reader of that alphabet expects; Chinese by pinyin and tone.

    Alphabets come one after the other: Latin, Cyrillic, Chinese. At most `most` characters.
    """
    parts = [_part_key(family, True), _part_key(given, False), _part_key(middle, False)]
    return (_GROUP[script_of(family or given)] + " ".join(parts)).rstrip()[:most]


def _is_han(*parts: str) -> bool:
    return any(map(has_han, parts))


def family_first(language: str) -> bool:
    return language.lower() in _FAMILY_FIRST or language.lower().split("-")[0] in _FAMILY_FIRST


def display_name(family: str, given: str = "", middle: str = "", language: str = "en") -> str:
    """The whole name as a screen in `language` shows it. A Chinese name is one word everywhere, family name first."""
    if _is_han(family, given):
        return f"{family}{given}"
    parts = (family, given, middle) if family_first(language) else (given, middle, family)
    return " ".join(part for part in parts if part)


def short_name(family: str, given: str = "", middle: str = "") -> str:
    """Family name and initials: Гончаренко О. П. What a narrow list cuts off is an initial."""
    if _is_han(family, given):
        return f"{family}{given}"
    initials = [f"{words(part)[0][0]}." for part in (given, middle) if words(part)]
    return " ".join([family, *initials])


def masked_name(family: str, given: str = "", language: str = "en") -> str:
    """For ears and walls where others are: the given name and one letter of the family name; Chinese 王*明, 王*."""
    if _is_han(family, given):
        chars = list(family + given)
        if len(chars) < 2:
            return "*"
        return chars[0] + "*" if len(chars) == 2 else chars[0] + "*" * (len(chars) - 2) + chars[-1]
    initial = f"{family.strip()[:1]}."
    return " ".join(filter(None, (initial, given) if family_first(language) else (given, initial)))


def masked_number(number: str) -> str:
    """All a wall screen may show of a telephone number: its last four digits."""
    digits = [c for c in number if c.isdigit()]
    return "···" + "".join(digits[-4:]) if len(digits) >= 7 else "···"
