"""Official ways of writing Ukrainian and Russian names in Latin letters. For showing; searching uses `sound`."""

from __future__ import annotations

from careline.core.names.scripts import APOSTROPHES

# Cabinet of Ministers of Ukraine, resolution 55 of 27 January 2010.
_UK_LETTERS = "абвгґдежзиіклмнопрстуфхцчшщ"
_UK_LATIN = "a b v h g d e zh z y i k l m n o p r s t u f kh ts ch sh shch"
_UK = dict(zip(_UK_LETTERS, _UK_LATIN.split(), strict=True))
_UK |= {"ь": "", "є": "ie", "ї": "i", "й": "i", "ю": "iu", "я": "ia"}
_UK_FIRST = {"є": "ye", "ї": "yi", "й": "y", "ю": "yu", "я": "ya"}

# Russian passports: ICAO Doc 9303, by order 889 of the Foreign Ministry, 2016.
_RU_LETTERS = "абвгдеёжзийклмнопрстуфхцчшщъыэюя"
_RU_LATIN = "a b v g d e e zh z i i k l m n o p r s t u f kh ts ch sh shch ie y e iu ia"
_RU = dict(zip(_RU_LETTERS, _RU_LATIN.split(), strict=True)) | {"ь": ""}

# Polish spelling of names in Ukrainian and Russian letters (PWN, simplified: no softening of ń, ś, ć before vowels).
_PL_LETTERS = "абвдежзийклмнопрстуфхцчшщ"
_PL_LATIN = "a b w d e ż z y j k ł m n o p r s t u f ch c cz sz szcz"
_PL_SHARED = dict(zip(_PL_LETTERS, _PL_LATIN.split(), strict=True)) | {"ъ": "", "ь": ""}
_PL = {
    "uk": _PL_SHARED | {"г": "h", "ґ": "g", "і": "i", "ї": "ji", "є": "je", "ю": "ju", "я": "ja"},
    "ru": _PL_SHARED | {"г": "g", "и": "i", "ы": "y", "э": "e", "ё": "jo", "ю": "ju", "я": "ja"},
}
_PL_AFTER_CONSONANT = {"є": "ie", "ю": "iu", "я": "ia", "ё": "io"}
_PL_SOFT = {"н": "ń", "с": "ś", "ц": "ć", "з": "ź", "л": "l"}
_VOWELS = "аеєёиіїоуыэюя"


def _cased(source: str, text: str) -> str:
    return text[:1].upper() + text[1:] if source.isupper() else text


def _each(word: str, one: dict[str, str], first: dict[str, str]) -> str:
    out: list[str] = []
    for i, char in enumerate(c for c in word if c not in APOSTROPHES):
        low = char.lower()
        out.append(_cased(char, first.get(low, one.get(low, low)) if i == 0 else one.get(low, low)))
    return "".join(out)


def ukrainian_2010(word: str) -> str:
    """Ukraine's national transliteration: Згурський -> Zghurskyi."""
    marked = word.replace("зг", "зgh").replace("Зг", "Зgh")
    return _each(marked, _UK, _UK_FIRST)


def russian_passport(word: str) -> str:
    """As in a Russian passport: Юрьев -> Iurev."""
    return _each(word, _RU, {})


def polish_spelling(word: str, language: str = "uk") -> str:
    """As a Polish newspaper writes it: Гриценко -> Hrycenko. `language` of the name: "uk" or "ru"."""
    table = _PL[language]
    out: list[str] = []
    letters = [c for c in word if c not in APOSTROPHES]
    for i, char in enumerate(letters):
        low = char.lower()
        before = letters[i - 1].lower() if i else ""
        after = letters[i + 1].lower() if i + 1 < len(letters) else ""
        text = table.get(low, low)
        if low in _PL_AFTER_CONSONANT and before and before not in _VOWELS + "ьъй":
            text = "a" if before == "л" and low == "я" else _PL_AFTER_CONSONANT[low]
        if low in _PL_SOFT and after == "ь":
            text = _PL_SOFT[low]
        if low == "л" and after in ("и", "і", "ї", "є", "ю", "я", "ё", "е") and not (language == "uk" and after == "и"):
            text = "l"
        out.append(_cased(char, text))
    return "".join(out)
