"""Pure decisions: what a typed search means, what a telephone number is, which dates of birth can be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Any

import phonenumbers
from django.utils.translation import gettext_lazy as _

from careline.base import phones
from careline.base.errors import CareError
from careline.base.organisations.words import worded_lazy
from careline.core import names
from careline.core.names.keys import BORN, CARD, PHONE, PHONE_END, SOUND

LONGEST_SEARCH = 200  # characters
MOST_TERMS = 8


class BadNumber(CareError):
    code = "bad_number"
    message = _("This is not a telephone number: %(number)s.")
    status = 400


class HasExtension(BadNumber):
    code = "number_has_extension"
    message = _("%(number)s has an extension. Give the number without it.")


class BadBirthDate(CareError):
    code = "bad_birth_date"
    message = _("Nobody alive can have this date of birth: %(date)s.")
    status = 400


class NameMissing(CareError):
    code = "name_missing"
    message = worded_lazy("A patient needs a family name.")
    status = 400


class BadField(CareError):
    code = "bad_field"
    message = _("%(value)s is not possible for %(field)s.")
    status = 400


class NumberTaken(CareError):
    code = "external_id_taken"
    message = worded_lazy("Another patient has this number of the clinic's own system.")


LANGUAGES = ("uk", "ru", "pl", "zh-hans", "en")
CHANNELS = ("voice", "phone", "text", "sms", "mail")
OLDEST_YEARS = 125


def e164(number: str, region: str, *, extension: bool = False) -> str:
    """The number in international form. `region` is the ISO country whose national notation is meant; 00 is as good
    as a plus everywhere.

    Raises HasExtension, or BadNumber when no such number can exist. A letter among the digits is never left out in
    silence: 050555013O would become somebody else's number. With `extension` one is left out, and not refused.
    """
    text = _ABROAD.sub("+", plain(number).strip())
    try:
        parsed = phones.read(text, region)
    except phones.NumberParseException as error:
        raise BadNumber(number=number) from error
    if parsed.extension and not extension:
        raise HasExtension(number=number)
    letters = not parsed.extension and any(sign.isalpha() for sign in text.removeprefix("tel:"))
    if letters or not phonenumbers.is_possible_number(parsed):
        raise BadNumber(number=number)
    return phones.e164(parsed)


def plain(text: str) -> str:
    """The same in plain signs: full-width and other peoples' digits as 0 to 9, without the marks of direction that
    come along when something is copied."""
    shown = (sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in shown)


def check_birth_date(birth_date: date, today: date) -> date:
    """The date, unless it lies ahead or too far back. Raises BadBirthDate."""
    if birth_date > today or birth_date.year < today.year - OLDEST_YEARS:
        raise BadBirthDate(date=birth_date.isoformat())
    return birth_date


# --- what a search means -------------------------------------------------------------------------------------------


class Tier(IntEnum):
    """How far a step of the search goes from what was typed. A later one is taken when the earlier found too few."""

    EXACT = 0  # whole words as typed, whole numbers and dates
    SOUND = 1  # other spellings of whole words; beginnings in the same alphabet; parts of numbers
    BEGINNING = 2  # beginnings in any alphabet
    MENDED = 3  # wrong keyboard layout, case endings, Chinese characters of the same sound
    SLIP = 4  # one or two letters wrong


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that was typed, as the keys that would meet it: `tiers[t]` adds to what the tiers before it have.

    A key ending in * stands for every key that begins so. A nested tuple means all of its keys at once.
    """

    kind: str  # name | number | birth_date
    text: str
    tiers: Mapping[Tier, tuple[str | tuple[str, ...], ...]]
    sounds: tuple[str, ...] = ()  # what a slip of the finger is looked for in
    starts: tuple[str, ...] = ()  # whatever the steps before MENDED find has a word that begins so

    def upto(self, tier: Tier) -> list[str | tuple[str, ...]]:
        return list(dict.fromkeys(key for t in Tier if t <= tier for key in self.tiers.get(t, ())))


@dataclass(frozen=True, slots=True)
class Search:
    terms: tuple[Term, ...] = ()
    swapped: tuple[Search, ...] = ()  # what it would be had the keyboard been switched

    @property
    def kinds(self) -> list[str]:
        return list(dict.fromkeys(term.kind for term in self.terms))


_ABROAD = re.compile(r"^00(?=\D*[1-9])")
_DIGITS = re.compile(r"^\+?[\d()./\-]*\d[\d()./\-]*$")
_YEAR_WORD = re.compile(r"^(\d{4})(?:р|г|r|р\.|г\.|r\.|року|рік|года|год|roku|年)$", re.IGNORECASE)
_TONED = re.compile(r"(?:[a-zü]+[1-5])+")
_SYLLABLE = re.compile(r"[a-zü]+[1-5]")
_HAN_EDGE = re.compile(r"(?<=[\u3400-\u9fff])(?=[^\s\u3400-\u9fff])|(?<=[^\s\u3400-\u9fff])(?=[\u3400-\u9fff])")


def read_search(text: str, region: str, today: date) -> Search:
    """What the words, numbers and dates of the text may mean, in any order. Pure, below a millisecond."""
    text = plain(text)[:LONGEST_SEARCH]
    swapped = (Search(_terms(other, region, today)) for other in names.other_layouts(text))
    return Search(_terms(text, region, today), tuple(other for other in swapped if "name" in other.kinds))


def _terms(text: str, region: str, today: date) -> tuple[Term, ...]:
    days, text = names.take_dates(text, today)
    terms = [_birth_term(day) for day in days]
    text = re.sub(r"(?<=\d)\s*[()]\s*|\s*[()]\s*(?=\d)", " ", text)
    text = _HAN_EDGE.sub(" ", text)
    run: list[str] = []
    for typed in [*re.split(r"[\s,;]+", text), ""]:
        if _DIGITS.match(typed):
            run.append(typed)
            continue
        terms += _number_terms(run, region, today, alone=False)
        run = []
        terms += _word_terms(typed, today)
    alone = len(terms) == sum(term.kind == "number" for term in terms) == 1
    if alone and terms[0].text.isdigit():
        terms = _number_terms([terms[0].text], region, today, alone=True)
    return tuple(terms[:MOST_TERMS])


def _birth_term(day: names.Day) -> Term:
    whole = day.month and day.day
    return Term("birth_date", day.key, {Tier.EXACT: (BORN + day.key + ("" if whole else "*"),)})


def _number_terms(run: list[str], region: str, today: date, alone: bool) -> list[Term]:
    """Groups of digits: one telephone number, or a number beside a year, or each for itself."""
    if not run:
        return []
    for take in (run, run[:-1], run[1:]):
        if take and (number := _valid(" ".join(take), region)):
            rest = run[len(take) :] if take is not run[1:] else run[:1]
            return [_digits_term(" ".join(take), number, region, today, alone)] + [
                term for other in rest for term in _number_terms([other], region, today, False)
            ]
    joined = "".join(c for group in run for c in group if c.isdigit())
    shortish = len(run) > 1 and all(len(group.strip("+")) <= 4 for group in run) and len(joined) <= 12
    if shortish and not any(names.is_year(group, today) for group in (run[0], run[-1])):
        return [_digits_term(" ".join(run), "", region, today, alone)]
    return [_digits_term(group, "", region, today, alone) for group in run]


def _valid(text: str, region: str) -> str:
    try:
        parsed = phonenumbers.parse(_ABROAD.sub("+", text), region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(parsed):
        return ""
    return phones.e164(parsed)


def _digits_term(text: str, number: str, region: str, today: date, alone: bool) -> Term:
    digits = "".join(c for c in text if c.isdigit())
    exact = [CARD + digits]
    loose: list[str] = []
    if number:
        exact.append(PHONE + number[1:])
    exact += [BORN + day.key for day in names.from_digits(digits, today)]
    if names.is_year(digits, today):
        (loose if alone else exact).append(f"{BORN}{digits}*")
    if len(digits) >= 4:
        loose.append(f"{PHONE_END}{digits[::-1]}*")
    if len(digits) >= 3:
        loose += [f"{CARD}{digits}*", *(f"{PHONE}{start}*" for start in _number_beginnings(text, digits, region))]
    return Term("number", digits, {Tier.EXACT: tuple(exact), Tier.SOUND: tuple(dict.fromkeys(loose))})


def _number_beginnings(text: str, digits: str, region: str) -> list[str]:
    """International beginnings of a number of which only the front is typed: "050" in UA is 38050."""
    if text.strip().startswith("+"):
        return [digits]
    if digits.startswith("00"):
        return [digits[2:]] if len(digits) > 4 else []
    country = str(phonenumbers.country_code_for_region(region))
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    trunk = (metadata.national_prefix or "") if metadata else ""
    national = digits[len(trunk) :] if trunk and digits.startswith(trunk) else digits
    found = [country + national] if len(national) >= 2 else []
    if digits.startswith(country):
        found.append(digits)
    return found


def _word_terms(token: str, today: date) -> list[Term]:
    if not token:
        return []
    if (year := _YEAR_WORD.match(token)) and names.is_year(year[1], today):
        return [Term("birth_date", year[1], {Tier.EXACT: (f"{BORN}{year[1]}*",)})]
    if any(c.isdigit() for c in token):
        return [_mixed_term(token)]
    return [_name_term(word) for word in names.words(token)]


def _mixed_term(token: str) -> Term:
    """Letters with digits: pinyin with tones, else a card number."""
    low = token.casefold().replace("ü", "v")
    card = names.card_key(token)
    if _TONED.fullmatch(low):
        return Term("name", low, {Tier.EXACT: (tuple(_SYLLABLE.findall(low)), CARD + card)})
    return Term("number", card, {Tier.EXACT: (CARD + card,), Tier.SOUND: (f"{CARD}{card}*",) if len(card) > 2 else ()})


def _name_term(word: str) -> Term:
    if names.script_of(word) is names.Script.HAN:
        return _chinese_term(word)
    own, sounds = names.plain(word), names.readings(word)
    if len(own) == 1:
        return Term("name", own, {Tier.EXACT: (own,), Tier.SOUND: tuple(SOUND + s[:1] for s in sounds)})
    return Term(
        "name",
        own,
        {
            Tier.EXACT: (own,),
            Tier.SOUND: (*(SOUND + s for s in (*sounds, *names.variants(word))), f"{own}*"),
            Tier.BEGINNING: _beginnings(word),
            Tier.MENDED: tuple(key for stem in names.stems(word) for key in _beginnings(stem)),
        },
        tuple(dict.fromkeys([own, *(s for s in sounds[:2] if len(s) >= max(3, len(own) - 2))])),
        tuple(dict.fromkeys([own, *names.openings(word), *names.variants(word)])),
    )


def _beginnings(word: str) -> tuple[str, ...]:
    """The sound of a beginning, in any alphabet; pinyin too."""
    found = [f"{SOUND}{opening}*" for opening in names.openings(word) if len(opening) > 1]
    return tuple(found)


def _chinese_term(word: str) -> Term:
    pairs = tuple(names.gram_query(word))
    sounds = tuple(names.same_sound(word))
    return Term("name", word, {Tier.EXACT: (pairs,), Tier.MENDED: (sounds,) if sounds else ()})


def steps(search: Search) -> Iterable[tuple[Tier, str]]:
    """The searches to make one after the other, as PostgreSQL tsquery texts; steps that add nothing are left out."""
    before = ""
    for tier in (Tier.EXACT, Tier.SOUND, Tier.BEGINNING, Tier.MENDED):
        query = _upto(search, tier)
        if tier is Tier.MENDED:
            query = " | ".join(filter(None, (query, *(_upto(other, Tier.BEGINNING) for other in search.swapped))))
        if query and query != before:
            yield tier, query
        before = query


def _upto(search: Search, tier: Tier) -> str:
    return tsquery(search, lambda term: term.upto(tier))


def slip_step(search: Search, near: Mapping[str, list[str]]) -> str:
    """The last step: each word may be one of its words in `near`, which differ from it by a slip."""

    def keys(term: Term) -> list[str | tuple[str, ...]]:
        more = [key for word in near.get(term.text, ()) for key in (SOUND + word, word)]
        return [*term.upto(Tier.SOUND), *more]

    return tsquery(search, keys) if any(near.values()) else ""


def tsquery(search: Search, keys_of: Callable[[Term], list[str | tuple[str, ...]]]) -> str:
    """All terms at once, each by any of its keys. Empty when a term can be met by none."""
    parts = []
    for term in search.terms:
        keys = [text for key in keys_of(term) if (text := _lexeme(key))]
        if not keys:
            return ""
        parts.append(keys[0] if len(keys) == 1 else f"({' | '.join(keys)})")
    return " & ".join(parts)


def _lexeme(key: str | tuple[str, ...]) -> str:
    if isinstance(key, tuple):
        return f"({' & '.join(map(_lexeme, key))})" if key else ""
    begins = key.endswith("*")
    body = key[:-1] if begins else key
    if not body:
        return ""
    quoted = body.replace("\\", "\\\\").replace("'", "''")
    return f"'{quoted}'{':*' if begins else ''}"


# --- what may stand in a record ------------------------------------------------------------------------------------

_LENGTHS = {
    "external_id": 60,
    "number": 30,
    "family_name": 100,
    "given_name": 100,
    "middle_name": 100,
    "address": 300,
    "safety_note": 200,
}
_CHOICES = {"sex": ("f", "m"), "language": LANGUAGES, "channel": CHANNELS}


def cleaned(name: str, value: Any, today: date) -> Any:
    """The value as the field `name` keeps it. Raises BadField or BadBirthDate."""
    if name in _CHOICES:
        text = str(value or "").strip()
        if text and text not in _CHOICES[name]:
            raise BadField(field=name, value=text)
        return text
    if name == "birth_date":
        if not value:
            return None
        day = value if isinstance(value, date) else names.read_date(str(value), today)
        if day is None:
            raise BadBirthDate(date=value)
        return check_birth_date(day, today)
    if name in _LENGTHS:
        text = " ".join(unicodedata.normalize("NFC", str(value or "")).split())
        if len(text) > _LENGTHS[name] or not text.isprintable():
            raise BadField(field=name, value=text[:40])
        return (text or None) if name == "external_id" else text
    if name in ("needs_interpreter", "hard_of_hearing"):
        return bool(value)
    return value
