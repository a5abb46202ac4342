"""Importing the directory from files: every bad row is named, and nothing changes unless all rows are good."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _

from careline.base.accounts.rights import Reader, covers
from careline.base.audit.actions import record
from careline.base.errors import NotAllowed
from careline.base.organisations.models import Organisation
from careline.care.directory.actions import changed
from careline.care.directory.importing.columns import BadCell, Column
from careline.care.directory.importing.kinds import KINDS, Kind, Place, Problem, Row
from careline.care.directory.importing.reading import BadFile, Line, read_table

__all__ = ["KINDS", "BadFile", "Problem", "Report", "import_directory", "template"]


@dataclass(slots=True)
class Report:
    """What an import did, or would do. With problems it did nothing, and the counts are 0.

    `head` is the header and the first rows as they were read: a glance shows whether the encoding was found.
    """

    kind: str
    rows: int
    problems: list[Problem] = field(default_factory=list)
    head: list[tuple[str, ...]] = field(default_factory=list)
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    dry_run: bool = False

    @property
    def good(self) -> bool:
        return not self.problems


@transaction.atomic
def import_directory(
    organisation: Organisation, kind: str, content: bytes, *, dry_run: bool = False, reader: Reader | None = None
) -> Report:
    """Reads `content` as a file of `kind` (a key of KINDS) into the organisation. Rows with a known code are updated.

    Problems are written in the language of the moment. A dry run goes all the way and takes it back, so its counts
    are those of the real run. `reader=None` is the command line. Raises BadFile, NotAllowed.
    """
    found = KINDS[kind]
    if reader is not None:
        reader.require(found.right)
        if not covers(reader, organisation):
            raise NotAllowed
    place = Place(organisation, reader=reader)
    lines = read_table(content)
    rows, problems, count = _read(found, place, lines)
    place.problems += problems
    report = Report(kind, count, place.problems, [line.cells for line in lines[:4]], dry_run=dry_run)
    put = found.put(place, rows) if rows else []
    if place.problems:
        place.problems.sort(key=lambda problem: (problem.line, problem.column))
        transaction.set_rollback(True)
        return report
    if put:
        report.created, report.updated, report.unchanged = put[0].created, put[0].updated, put[0].unchanged
    if dry_run:
        transaction.set_rollback(True)
        return report
    record(reader, f"{kind}.imported", "organisation", [organisation.id], rows=count)
    changed(organisation.id)
    return report


def _read(kind: Kind, place: Place, lines: list[Line]) -> tuple[list[Row], list[Problem], int]:
    """Good rows, what is wrong with the others, and how many lines there were below the header."""
    columns = {column.code: column for column in kind.columns(place)}
    header, body = lines[0], lines[1:]
    names = [cell.lower() for cell in header.cells]
    problems = _header_problems(header.number, names, columns)
    if problems:
        return [], problems, len(body)
    rows: list[Row] = []
    first: dict[tuple, int] = {}
    for line in body:
        values, wrong = _row(line, names, columns)
        key = tuple(values.get(name) for name in kind.key)
        if not wrong and key in first:
            wrong = [Problem(line.number, "", _("says the same as line %(line)s again") % {"line": first[key]})]
        first.setdefault(key, line.number)
        problems += wrong
        if not wrong:
            rows.append(Row(line.number, values))
    if not body:
        problems.append(Problem(header.number, "", _("there are no rows below the column names")))
    return rows, problems, len(body)


def _header_problems(number: int, names: list[str], columns: dict[str, Column]) -> list[Problem]:
    unknown = [name for name in names if name not in columns]
    problems = [Problem(number, name, _("there is no such column; see the template")) for name in unknown]
    doubled = sorted({name for name in names if names.count(name) > 1} - set(unknown))
    problems += [Problem(number, name, _("the column is there twice")) for name in doubled]
    missing = [c.code for c in columns.values() if c.required and c.code not in names]
    return problems + [Problem(number, name, _("the column is missing")) for name in missing]


def _row(line: Line, names: list[str], columns: dict[str, Column]) -> tuple[dict[str, object], list[Problem]]:
    problems = []
    if len(line.cells) > len(names):
        problems.append(Problem(line.number, "", _("has more cells than there are columns")))
    cells = dict(zip(names, line.cells, strict=False))
    values: dict[str, object] = {}
    for code, column in columns.items():
        try:
            values[code] = column.value(cells.get(code, ""))
        except BadCell as error:
            problems.append(Problem(line.number, code, str(error)))
    return values, problems


def template(kind: str, organisation: Organisation) -> bytes:
    """An Excel workbook to fill in: the columns with an example, and a second sheet that explains them."""
    columns = KINDS[kind].columns(Place(organisation))
    from openpyxl import Workbook  # with numpy behind it a seventh of a process's start: only where a workbook is met
    from openpyxl.styles import Font

    book = Workbook()
    sheet = book.active
    sheet.title = kind
    sheet.append([column.code for column in columns])
    sheet.append([column.example for column in columns])
    notes = book.create_sheet(_("Columns"))
    notes.append([_("Column"), _("Needed"), _("What to write"), _("Example")])
    for column in columns:
        notes.append([column.code, _("yes") if column.required else "", str(column.help), column.example])
    for page in (sheet, notes):
        for cell in page[1]:
            cell.font = Font(bold=True)
        for cells in page.iter_cols():
            page.column_dimensions[cells[0].column_letter].width = 4 + max(len(str(cell.value or "")) for cell in cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
