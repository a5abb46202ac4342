"""Dates of birth in whatever notation they are said or typed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

# Beginnings of the months' names in Ukrainian, Russian, Polish and English, all cases.
_MONTHS = (
    "січ янв stycz sty jan",
    "лют фев lut feb",
    "берез бер март мар marz marc mar",
    "квіт апр kwie kwi apr",
    "трав май мая maj may",
    "черв чер июн czerw cze jun",
    "лип июл lip jul",
    "серп сер авг sierp sie aug",
    "верес вер сент сен wrze wrz sep",
    "жовт жов окт paźdz pazdz paź paz oct",
    "листоп лис нояб ноя listop lis nov",
    "груд гру дек grud gru dec",
)
_MONTH_OF = {stem: number for number, line in enumerate(_MONTHS, 1) for stem in line.split()}
_STEMS = "|".join(sorted(_MONTH_OF, key=len, reverse=True))
_YEAR_END = r"(?:\s*(?:року|рік|года|год|roku|р\.|г\.|r\.))?"
_EAST = re.compile(r"(?<!\d)(\d{4})\s*年\s*(?:(\d{1,2})\s*月\s*(?:(\d{1,2})\s*[日号]?)?)?(?:生)?")
_YMD = re.compile(r"(?<!\d)(\d{4})[.\-/](\d{1,2})[.\-/](\d{1,2})(?![\d])")
_DMY = re.compile(r"(?<!\d)(\d{1,2})\s?[.\-/]\s?(\d{1,2})\s?[.\-/]\s?(\d{4}|\d{2})(?!\d)" + _YEAR_END)
_WORDY = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:\.|-?го|st|nd|rd|th)?\s+({_STEMS})\w*\.?,?\s+(\d{{4}})(?!\d)" + _YEAR_END, re.I
)
_WORDY_US = re.compile(rf"\b({_STEMS})\w*\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})(?!\d)", re.I)
_YM = re.compile(r"(?<!\d)(\d{1,2})[./](\d{4})(?!\d)")
OLDEST_YEARS = 125


@dataclass(frozen=True, slots=True)
class Day:
    """A date of birth or the known part of one: month and day are 0 when not given."""

    year: int
    month: int = 0
    day: int = 0

    @property
    def key(self) -> str:
        """Digits that the whole date's digits start with: "1958", "195803" or "19580302"."""
        return f"{self.year:04}" + (f"{self.month:02}" if self.month else "") + (f"{self.day:02}" if self.day else "")


def _full_year(year: int, today: date) -> int:
    if year >= 100:
        return year
    return year + (2000 if year <= today.year % 100 else 1900)


def _day(year: int, month: int, day: int, today: date) -> Day | None:
    """A date somebody living may have been born on; day and month exchanged when only that makes sense."""
    year = _full_year(year, today)
    if not today.year - OLDEST_YEARS <= year <= today.year:
        return None
    if month > 12 >= day >= 1:
        month, day = day, month
    try:
        date(year, month or 1, day or 1)
    except ValueError:
        return None
    return Day(year, month, day)


def from_digits(digits: str, today: date) -> list[Day]:
    """Digits without separators: 02031958, 19580302 or 020358. All that are possible."""
    found: list[Day | None] = []
    if len(digits) == 8:
        if digits[4] != "0":
            found.append(_day(int(digits[4:]), int(digits[2:4]), int(digits[:2]), today))
        if digits[0] != "0":
            found.append(_day(int(digits[:4]), int(digits[4:6]), int(digits[6:]), today))
    elif len(digits) == 6:
        found.append(_day(int(digits[4:]), int(digits[2:4]), int(digits[:2]), today))
    return [day for day in dict.fromkeys(found) if day and day.month and day.day]


def is_year(digits: str, today: date) -> bool:
    return len(digits) == 4 and digits.isdigit() and today.year - OLDEST_YEARS <= int(digits) <= today.year


def take_dates(text: str, today: date) -> tuple[list[Day], str]:
    """The dates written with separators or months' names, and the text without them. A lone year stays in the text."""
    found: list[Day] = []

    def take(day: Day | None, whole: str) -> str:
        if day is None:
            return whole
        found.append(day)
        return " "

    text = _EAST.sub(lambda m: take(_day(int(m[1]), int(m[2] or 0), int(m[3] or 0), today), m[0]), text)
    text = _YMD.sub(lambda m: take(_day(int(m[1]), int(m[2]), int(m[3]), today), m[0]), text)
    text = _DMY.sub(lambda m: take(_day(int(m[3]), int(m[2]), int(m[1]), today), m[0]), text)
    text = _WORDY.sub(lambda m: take(_day(int(m[3]), _MONTH_OF[m[2].lower()], int(m[1]), today), m[0]), text)
    text = _WORDY_US.sub(lambda m: take(_day(int(m[3]), _MONTH_OF[m[1].lower()], int(m[2]), today), m[0]), text)
    text = _YM.sub(lambda m: take(_day(int(m[2]), int(m[1]), 0, today), m[0]), text)
    return found, text


def read_date(text: str, today: date) -> date | None:
    """The one whole date the text means, or None."""
    days, rest = take_dates(text, today)
    if not days and text.strip().isdigit():
        days, rest = from_digits(text.strip(), today)[:1], ""
    if len(days) != 1 or rest.strip() or not (days[0].month and days[0].day):
        return None
    return date(days[0].year, days[0].month, days[0].day)


def age_on(birth_date: date, today: date) -> int:
    """Whole years lived on `today`."""
    return today.year - birth_date.year - ((today.month, today.day) < (birth_date.month, birth_date.day))
