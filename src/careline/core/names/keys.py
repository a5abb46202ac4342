"""All search keys of a record: made once when it is written, so that a search is one look into one index.

A key says by its first character what it is: a letter for a word as plain text (pinyin and Chinese grams too), `~` the
sound of a word, `@` the birth date, `+` a telephone number from its front, `-` the same from its end,
`#` a card number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from careline.core.names import han
from careline.core.names.scripts import Script, has_han, plain, script_of, words
from careline.core.names.sound import readings

SOUND, BORN, PHONE, PHONE_END, CARD = "~", "@", "+", "-", "#"
LONGEST_KEY = 120
_NOT_CARD = re.compile(r"[\W_]+")
_NOT_DIGIT = re.compile(r"\D+")


@lru_cache(maxsize=131072)
def word_keys(part: str) -> tuple[str, ...]:
    """Keys of one part of a name (family, given or middle): each word, a double name joined, and their sounds."""
    found = [word for word in words(part) if script_of(word) is not Script.HAN]
    whole = [*found, "".join(found)] if len(found) > 1 else found
    keys = dict.fromkeys(plain(word) for word in whole)
    keys.update(dict.fromkeys(SOUND + reading for word in whole for reading in readings(word)))
    return tuple(key for key in keys if len(key) > 1)


@lru_cache(maxsize=65536)
def initial_keys(part: str) -> tuple[str, ...]:
    """One letter, as written and as it sounds: "Гончаренко О. П." is searched so."""
    found = [word for word in words(part) if script_of(word) is not Script.HAN][:1]
    if not found:
        return ()
    sounds = {reading[:1] for reading in readings(found[0])}
    return tuple(dict.fromkeys([plain(found[0])[:1], *(SOUND + s for s in sorted(sounds))]))


@lru_cache(maxsize=65536)
def chinese_keys(family: str, given: str) -> tuple[str, ...]:
    own, cyrillic = han.keys(family, given)
    sounds = [SOUND + reading for word in cyrillic for reading in readings(word)]
    return tuple(dict.fromkeys([*own, *sounds]))


def card_key(number: str) -> str:
    """A card number as it is compared: letters and digits only. "0471-2280" -> "04712280"."""
    return _NOT_CARD.sub("", number.casefold())


def phone_keys(e164: str) -> tuple[str, str]:
    """From the front with its plus, and from the end, so that the last digits find it."""
    digits = _NOT_DIGIT.sub("", e164)
    return PHONE + digits, PHONE_END + digits[::-1]


def name_keys(family: str, given: str = "", middle: str = "") -> list[str]:
    """Keys of a name; the family name's own plain key comes first."""
    found = dict.fromkeys(word_keys(family))
    if has_han(family + given):
        found.update(dict.fromkeys(chinese_keys(family, given)))
    for part in (given, middle):
        found.update(dict.fromkeys(word_keys(part)))
        found.update(dict.fromkeys(initial_keys(part)))
    return [key if len(key) <= LONGEST_KEY else key[:LONGEST_KEY] for key in found]


def record_keys(
    family: str,
    given: str = "",
    middle: str = "",
    *,
    birth_date: date | None = None,
    number: str = "",
    phones: Iterable[str] = (),
) -> list[str]:
    """Every key of a patient's record. `phones` are E.164."""
    keys = name_keys(family, given, middle)
    if birth_date:
        keys.append(f"{BORN}{birth_date:%Y%m%d}")
    for phone in phones:
        keys.extend(phone_keys(phone))
    if card := card_key(number):
        keys.append(CARD + card)
    return keys


def vocabulary(keys: Iterable[str]) -> list[str]:
    """The words among a record's keys that a slip of the finger is corrected to, of at least three letters: sounds,
    and words as written."""
    found = (key[1:] if key[0] == SOUND else key for key in keys)
    return [word for word in found if len(word) > 2 and word.isalpha()]
