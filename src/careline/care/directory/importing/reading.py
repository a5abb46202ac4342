"""From a file's bytes to rows of text, whatever program wrote it. Nothing here knows what the columns mean."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

from django.utils.translation import gettext_lazy as _

from careline.base.errors import CareError

MOST_BYTES = 10 * 1024 * 1024
MOST_UNPACKED_BYTES = 100 * 1024 * 1024  # a workbook is a zip: a small one may unpack to gigabytes
MOST_ROWS = 50_000
MOST_COLUMNS = 100
LONGEST_CELL = 5_000


class BadFile(CareError):
    code = "bad_file"
    message = _("This file cannot be read. Save it as CSV or as an Excel workbook (.xlsx).")
    status = 400


class FileTooLarge(BadFile):
    code = "file_too_large"
    message = _("The file is larger than %(megabytes)s MB.")


class FileEmpty(BadFile):
    code = "file_empty"
    message = _("The file has no rows.")


class TooManyRows(BadFile):
    code = "too_many_rows"
    message = _("The file has more than %(rows)s rows or %(columns)s columns. Split it.")


class BrokenLine(BadFile):
    code = "broken_line"
    message = _("Line %(line)s cannot be read: a quotation mark is not closed, or a cell is far too long.")


@dataclass(frozen=True, slots=True)
class Line:
    """`number` counts from 1 as a spreadsheet does; `cells` are trimmed text."""

    number: int
    cells: tuple[str, ...]


def read_table(content: bytes) -> list[Line]:
    """Every line that is not blank, the header first. Raises BadFile and its kinds."""
    if len(content) > MOST_BYTES:
        raise FileTooLarge(megabytes=MOST_BYTES // 2**20)
    lines = [line for line in _lines(content) if any(line.cells)]
    if not lines:
        raise FileEmpty
    return lines


def _lines(content: bytes) -> Iterator[Line]:
    numbered = _workbook(content) if content.startswith(b"PK\x03\x04") else _csv(decode(content))
    for count, (number, cells) in enumerate(numbered):
        row = tuple(_clean(cell) for cell in cells)
        while row and not row[-1]:
            row = row[:-1]
        if count > MOST_ROWS or len(row) > MOST_COLUMNS:
            raise TooManyRows(rows=MOST_ROWS, columns=MOST_COLUMNS)
        if any(len(cell) > LONGEST_CELL for cell in row):
            raise BrokenLine(line=number)
        yield Line(number, row)


def _clean(cell: str) -> str:
    """One notation for each character, no invisible ones, spaces as spaces."""
    text = unicodedata.normalize("NFC", cell)
    text = "".join(" " if c in "\t\r\n\u00a0\u2007\u202f" else c for c in text)
    return "".join(c for c in text if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"}).strip()


# --- workbooks --------------------------------------------------------------------------------------------


def _workbook(content: bytes) -> Iterator[tuple[int, list[str]]]:
    from openpyxl import load_workbook  # heavy: only where a workbook is met

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(part.file_size for part in packed.infolist()) > MOST_UNPACKED_BYTES:
                raise FileTooLarge(megabytes=MOST_UNPACKED_BYTES // 2**20)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what the file claims of its size proves nothing
        for number, cells in enumerate(sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS + 1), start=1):
            yield number, [_written(cell) for cell in cells]
    except BadFile:
        raise
    except Exception as error:  # the readers of zip, XML and Excel raise whatever they like on broken input
        raise BadFile from error


def _written(value: object) -> str:
    """What a person sees in the cell, near enough: 101 and not 101.0, dates as 2026-03-02."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return (value.date() if value.time() == time() else value).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


# --- text -------------------------------------------------------------------------------------------------


def _csv(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    number = 1
    try:
        for cells in reader:
            yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise BrokenLine(line=number) from error


def _separator(text: str) -> str:
    """The one that parts the header, which holds plain column names and so none of the others."""
    header = next((line for line in text.splitlines() if line.strip(" ,;\t")), "")
    return max(",;\t", key=header.count)


def decode(content: bytes) -> str:
    """The text of the bytes: UTF-8, UTF-16 with its mark, else whichever of the old encodings reads as words.

    Raises BadFile when it is no text at all.
    """
    marked = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    if (text := _decoded(content, marked)) is not None:
        return _text(text)
    readings = [(score(text), text) for name, score in SCORES.items() if (text := _decoded(content, name)) is not None]
    if not readings:
        raise BadFile
    return _text(max(readings, key=lambda reading: reading[0])[1])


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _text(text: str) -> str:
    if "\0" in text or sum(unicodedata.category(c) == "Cc" and c not in "\t\r\n" for c in text[:4096]) > 8:
        raise BadFile
    return text


# Old encodings overlap: nearly any bytes are "valid" in each. What tells them apart is whether words come out.
CYRILLIC_WORD = re.compile(r"[А-ЯЁІЇЄҐЎ]?[а-яёіїєґў’']*|[А-ЯЁІЇЄҐЎ]+")
POLISH = set("ąćęłńóśźżĄĆĘŁŃÓŚŹŻ")


def _cyrillic_share(text: str) -> float:
    """Of the letters outside ASCII, how many stand in words of one case (or with a capital first)."""
    return _share(text, lambda word: len(word) if CYRILLIC_WORD.fullmatch(word) else 0)


def _polish_share(text: str) -> float:
    return _share(text, lambda word: sum(c in POLISH for c in word))


def _chinese_share(text: str) -> float:
    """How many are among the 3,755 characters of GB 2312's first level, which nearly all text is written with."""
    return _share(text, lambda word: sum(_first_level(c) for c in word))


def _first_level(character: str) -> bool:
    try:
        code = character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return len(code) == 2 and 0xB0 <= code[0] <= 0xD7


def _share(text: str, good: Callable[[str], int]) -> float:
    words = re.findall(r"[^\W\d_][\w’']*", text)
    foreign = [word for word in words if not word.isascii()]
    total = sum(not c.isascii() for c in text)
    return sum(min(good(word), sum(not c.isascii() for c in word)) for word in foreign) / total if total else 0.0


SCORES = {"cp1251": _cyrillic_share, "gb18030": _chinese_share, "cp1250": _polish_share}


def write_table(rows: Iterable[Iterable[str]]) -> bytes:
    """CSV that spreadsheets open rightly: UTF-8 with its mark."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue().encode("utf-8-sig")
