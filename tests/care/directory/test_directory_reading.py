"""Files as the world sends them: old encodings, any separator, broken, hostile."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from careline.care.directory.importing import reading
from careline.care.directory.importing.reading import (
    BadFile,
    BrokenLine,
    FileEmpty,
    FileTooLarge,
    Line,
    TooManyRows,
    decode,
    read_table,
    write_table,
)

UKRAINIAN = "code,name\ndubove,Амбулаторія Дубове\nyasenivtsi,Ясенівці\n"
RUSSIAN = "code,name\nzarya,Детская поликлиника «Заря»\nlesnaya,ПОЛИКЛИНИКА ЛЕСНАЯ\n"
POLISH = "code,name\nlesna,Przychodnia Leśna\nźródło,Żółta łąka, sąsiedzka\n"
CHINESE = "code,name\noutpatient,门诊部\ntcm,中医科\nnorth,江北院区导诊台\n"


def workbook(*rows: tuple) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (UKRAINIAN, "utf-8"),
        (UKRAINIAN, "utf-8-sig"),
        (UKRAINIAN, "utf-16"),
        (UKRAINIAN, "cp1251"),
        (RUSSIAN, "cp1251"),
        (POLISH, "cp1250"),
        (POLISH, "utf-8"),
        (CHINESE, "gb18030"),
        (CHINESE, "utf-8"),
    ],
)
def test_text_is_read_in_the_encoding_it_was_saved_in(text, encoding):
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separator_is_found_in_the_header(separator):
    content = f"code{separator}name\ndubove{separator}Дубове\n".encode()
    assert read_table(content) == [Line(1, ("code", "name")), Line(2, ("dubove", "Дубове"))]


def test_lines_are_numbered_as_a_spreadsheet_does():
    content = b'code,name\n\na,"two\nlines"\n ,\nb,Second\n'
    assert [(line.number, line.cells) for line in read_table(content)] == [
        (1, ("code", "name")),
        (3, ("a", "two lines")),
        (6, ("b", "Second")),
    ]


def test_invisible_characters_are_taken_out():
    assert read_table("code\u200b,name\na,\u00a0Du\u00adbove\ufeff\n".encode())[1].cells == ("a", "Dubove")


def test_workbook_is_read_as_a_person_sees_it():
    content = workbook(
        ("code", "population", "from", "open"), (101, 2310.0, date(2026, 3, 2), True), (None,), ("b", 1.5)
    )
    assert [(line.number, line.cells) for line in read_table(content)] == [
        (1, ("code", "population", "from", "open")),
        (2, ("101", "2310", "2026-03-02", "1")),
        (4, ("b", "1.5")),
    ]


@pytest.mark.parametrize("content", [b"", b"\n\n", b" , ,\n,,\n", "\ufeff".encode()])
def test_empty_file_is_refused(content):
    with pytest.raises(FileEmpty):
        read_table(content)


def test_file_over_the_limit_is_refused_unread():
    with pytest.raises(FileTooLarge):
        read_table(b"a" * (reading.MOST_BYTES + 1))


def test_workbook_that_unpacks_to_gigabytes_is_refused(monkeypatch):
    monkeypatch.setattr(reading, "MOST_UNPACKED_BYTES", 100_000)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * 1_000_000)
    assert len(out.getvalue()) < 10_000
    with pytest.raises(FileTooLarge):
        read_table(out.getvalue())


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 not a zip at all",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,  # an old .xls
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"code,name\n\0\0,\0\n",
        b"%PDF-1.4\n\x00\x01\x02",
    ],
)
def test_what_is_no_table_is_refused(content):
    with pytest.raises(BadFile):
        read_table(content)


def test_zip_that_is_no_workbook_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("readme.txt", "hello")
    with pytest.raises(BadFile):
        read_table(out.getvalue())


def test_entity_bomb_in_a_workbook_is_refused():
    bomb = (
        b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">'
        + b"".join(
            b'<!ENTITY %c "&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;">' % (c + 1, *[c] * 10)
            for c in range(ord("a"), ord("k"))
        )
        + b"]><worksheet>&k;</worksheet>"
    )
    good = workbook(("code",), ("a",))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.namelist():
            new.writestr(part, bomb if part.endswith("sheet1.xml") else old.read(part))
    with pytest.raises(BadFile):
        read_table(out.getvalue())


def test_open_quotation_mark_is_named_by_its_line():
    with pytest.raises(BrokenLine) as refused:
        read_table(b'code,name\na,b\nc,"never closed\nd,e\n')
    assert refused.value.values["line"] == 3


def test_endless_cell_is_refused():
    with pytest.raises(BrokenLine):
        read_table(b"code,name\na," + b"x" * 200_000 + b"\n")


def test_too_many_rows_and_columns_are_refused(monkeypatch):
    monkeypatch.setattr(reading, "MOST_ROWS", 5)
    with pytest.raises(TooManyRows):
        read_table(b"code\n" + b"a\n" * 6)
    with pytest.raises(TooManyRows):
        read_table(b"a," * 101 + b"b\n")


@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_refused(content):
    try:
        lines = read_table(content)
    except BadFile:
        return
    assert all("\0" not in cell for line in lines for cell in line.cells)


@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=8), min_size=2, max_size=4
        ),
        min_size=1,
        max_size=5,
    )
)
def test_written_table_is_read_again(rows):
    wanted = [tuple(unicodedata.normalize("NFC", cell) for cell in row) for row in rows]
    assert [line.cells for line in read_table(write_table(rows))] == wanted
