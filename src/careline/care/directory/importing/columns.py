"""Cells of an import file: each column knows how to read its own, and says what is wrong in a sentence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import available_timezones

import phonenumbers
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from careline.base import phones

YES = {"1", "yes", "y", "true", "так", "да", "tak", "是"}
NO = {"", "0", "no", "n", "false", "ні", "нет", "nie", "否"}


class BadCell(ValueError):
    """What is wrong with one cell, as a sentence in the reader's language."""


@dataclass(frozen=True, slots=True)
class Column:
    """`read` turns the trimmed text into a value or raises BadCell; an empty optional cell gives `default`."""

    code: str
    help: str | Promise
    read: Callable[[str], Any]
    required: bool = False
    default: Any = ""
    example: str = ""

    def value(self, text: str) -> Any:
        if text:
            return self.read(text)
        if self.required:
            raise BadCell(_("must not be empty"))
        return self.default


def text(longest: int) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if len(cell) > longest:
            raise BadCell(_("is longer than %(longest)s characters") % {"longest": longest})
        return cell

    return read


def code(cell: str) -> str:
    if not re.fullmatch(r"[-a-zA-Z0-9_]{1,50}", cell):
        raise BadCell(_("“%(cell)s” is not a code: use Latin letters, digits, - and _") % {"cell": cell[:40]})
    return cell


def username(cell: str) -> str:
    if not re.fullmatch(r"[\w.@+-]{1,150}", cell):
        raise BadCell(_("“%(cell)s” is not a user name: use letters, digits and . @ + - _") % {"cell": cell[:40]})
    return unicodedata.normalize("NFKC", cell)


def degrees(limit: int) -> Callable[[str], float]:
    def read(cell: str) -> float:
        found = number(cell)
        if not -limit <= found <= limit:
            raise BadCell(_("%(cell)s is not between −%(limit)s and %(limit)s") % {"cell": cell[:40], "limit": limit})
        return found

    return read


def number(cell: str) -> float:
    if not re.fullmatch(r"[-−]?\d{1,12}([.,]\d{1,12})?", cell):
        raise BadCell(_("“%(cell)s” is not a number") % {"cell": cell[:40]})
    return float(cell.replace("−", "-").replace(",", "."))


def whole(most: int) -> Callable[[str], int]:
    def read(cell: str) -> int:
        found = number(cell.replace(" ", ""))
        if not found.is_integer() or not 0 <= found <= most:
            raise BadCell(_("%(cell)s is not a whole number from 0 to %(most)s") % {"cell": cell[:40], "most": most})
        return int(found)

    return read


def flag(cell: str) -> bool:
    if cell.lower() in YES:
        return True
    if cell.lower() in NO:
        return False
    raise BadCell(_("“%(cell)s” is neither yes nor no") % {"cell": cell[:40]})


def choice(choices: type) -> Callable[[str], str]:
    """One of a TextChoices, by its code or by its name in the reader's language."""

    def read(cell: str) -> str:
        named = {str(label).lower(): value for value, label in choices.choices}  # type: ignore[attr-defined]
        found = cell if cell in choices.values else named.get(cell.lower())  # type: ignore[attr-defined]
        if found is None:
            allowed = ", ".join(choices.values)  # type: ignore[attr-defined]
            raise BadCell(_("“%(cell)s” is none of: %(allowed)s") % {"cell": cell[:40], "allowed": allowed})
        return found

    return read


def one_of(allowed: tuple[str, ...]) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if cell.lower() not in allowed:
            raise BadCell(_("“%(cell)s” is none of: %(allowed)s") % {"cell": cell[:40], "allowed": ", ".join(allowed)})
        return cell.lower()

    return read


def many(read_one: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    """Several, parted by semicolons or bars."""

    def read(cell: str) -> tuple[Any, ...]:
        return tuple(read_one(part.strip()) for part in re.split(r"[;|；]", cell) if part.strip())

    return read


def skill(cell: str) -> tuple[str, int]:
    """ "lang:uk=5"; without a figure the proficiency is 3."""
    match = re.fullmatch(r"((?:lang|topic):[-\w]{1,50})(?:\s*=\s*([1-5]))?", cell)
    if not match:
        raise BadCell(_("“%(cell)s” is not a skill such as lang:uk=5 or topic:booking=3") % {"cell": cell[:40]})
    return match[1], int(match[2] or 3)


def timezone(cell: str) -> str:
    if cell not in available_timezones():
        raise BadCell(_("“%(cell)s” is not a time zone such as Europe/Kyiv") % {"cell": cell[:40]})
    return cell


def day(cell: str) -> date:
    for pattern in (r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})", r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})"):
        if match := re.fullmatch(pattern, cell):
            try:
                return date(int(match["y"]), int(match["m"]), int(match["d"]))
            except ValueError:
                break
    raise BadCell(_("“%(cell)s” is not a date such as 2026-03-02") % {"cell": cell[:40]})


def phone(region: str) -> Callable[[str], str]:
    """A telephone number in any notation, to E.164. `region`: the ISO country whose national notation is meant."""

    def read(cell: str) -> str:
        written = unicodedata.normalize("NFKC", cell)
        # spreadsheets take +380... for a number and drop the plus
        for each in (written, f"+{written}"):
            if found := _possible(each, region):
                return found
        raise BadCell(_("“%(cell)s” is not a telephone number") % {"cell": cell[:40]})

    return read


def _possible(written: str, region: str) -> str:
    try:
        parsed = phones.read(written, region)
    except phones.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(parsed) or parsed.extension:
        return ""
    return phones.e164(parsed)


def known(rows: Mapping[Any, Any], what: str) -> Callable[[str], Any]:
    """A reference to something that is there: its code or name. `what` is the sentence for one that is not."""

    def read(cell: str) -> Any:
        if cell not in rows:
            raise BadCell(_(what) % {"cell": cell[:40]})
        return rows[cell]

    return read


NO_SITE = gettext_noop("there is no site with the code “%(cell)s” in this organisation")
NO_QUEUE = gettext_noop("there is no queue with the code “%(cell)s” in this organisation or above")
NO_HOURS = gettext_noop("there are no opening hours named “%(cell)s”")
NO_SETTLEMENT = gettext_noop("there is no settlement named “%(cell)s”")
NO_ORGANISATION = gettext_noop("there is no organisation with the code “%(cell)s” here")
