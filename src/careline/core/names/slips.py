"""What people do to a name on its way to the search field: wrong keyboard layout, a case ending, a slip of a finger."""

from __future__ import annotations

from careline.core.names.scripts import Script, plain, script_of

_QWERTY = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"
_UK_KEYS = "йцукенгшщзхїфівапролджєячсмитьбю'"
_RU_KEYS = "йцукенгшщзхъфывапролджэячсмитьбюё"
_TO_CYRILLIC = [str.maketrans(_QWERTY, keys) for keys in (_UK_KEYS, _RU_KEYS)]
_TO_LATIN = [str.maketrans(keys, _QWERTY) for keys in (_UK_KEYS, _RU_KEYS)]

# Endings of oblique cases of Ukrainian and Russian names (singular), longest first.
_ENDINGS_TEXT = """
    ого ому его ему ової ові еві єві ої ою ею єю ій ий ый ой ей им ым ім ом ем єм ую юю
    ии ії ия ія ию ію ині иною а у ю я е є і ї и ы о
"""
_ENDINGS = sorted(_ENDINGS_TEXT.split(), key=len, reverse=True)
_SHORTEST_STEM = 3
# Consonants that change before an ending: Ольга - Ользі, Радько - Радці, Солоха - Солосі.
_ALTERNATION = {"з": "г", "ц": "к", "с": "х", "ж": "г", "ч": "к"}


def other_layouts(text: str) -> list[str]:
    """What the text would be had the keyboard been switched: "ujyxfh" -> "гончар", "Цщоцшл" -> "wojcik"."""
    low = text.casefold()
    script = script_of(low)
    if script is Script.HAN:
        return []
    tables = _TO_LATIN if script is Script.CYRILLIC else _TO_CYRILLIC
    found = (" ".join(_swapped(word, table) for word in low.split()) for table in tables)
    return [text for text in dict.fromkeys(found) if text != low]


def _swapped(word: str, table: dict[int, int]) -> str:
    """Numbers and dates stay: their keys are where they are in either layout."""
    return word.translate(table) if any(c.isalpha() for c in word) else word


def stems(word: str) -> list[str]:
    """Beginnings a Ukrainian or Russian name in an oblique case shares with its nominative, likeliest first.

    "Гончаренку" -> ["гончаренк"], "Левицькому" -> ["левицьк", "левицьком"], "Ользі" -> ["ольз", "ольг"]. Rules and not
    a dictionary: family names are mostly not in one (see docs/decisions/0041).
    """
    text = plain(word)
    if script_of(text) is not Script.CYRILLIC:
        return []
    found: dict[str, None] = {}
    for ending in _ENDINGS:
        stem = text[: -len(ending)]
        if text.endswith(plain(ending)) and len(stem) >= _SHORTEST_STEM:
            found[stem] = None
            if stem[-1] in _ALTERNATION:
                found[stem[:-1] + _ALTERNATION[stem[-1]]] = None
    return list(found)[:4]


def deletes(word: str) -> list[str]:
    """The word and the word with each one letter left out: two words a slip apart (a letter more, less, other, or two
    letters exchanged) share one of these. Source: SymSpell's symmetric deletes, W. Garbe 2012."""
    return list(dict.fromkeys([word, *(word[:i] + word[i + 1 :] for i in range(len(word)))]))


def distance(a: str, b: str, most: int = 3) -> int:
    """Optimal string alignment distance: letters added, left out, changed, neighbours exchanged; at most `most`."""
    if abs(len(a) - len(b)) >= most:
        return most
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return min(row[-1], most)
