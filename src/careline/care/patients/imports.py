"""Taking over patients from the clinic's own system: all rows of a file or none, a million of them, again and again.

Rows stream through checking into a staging table by COPY; what is wrong is told by line. Only when every row is good
are records made and changed, in one transaction, found again by the clinic's own number. A second run of the same
file changes nothing, so a run that was cut off is simply started anew.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, TextIO
from uuid import UUID
from zoneinfo import ZoneInfo

import phonenumbers
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from careline.base.accounts.rights import Reader
from careline.base.audit.actions import record
from careline.base.errors import CareError, NotAllowed
from careline.base.ids import uuid7
from careline.base.organisations.models import Organisation, Settlement, Site
from careline.base.policy.queries import policy_for
from careline.care.patients import rules
from careline.care.patients.models import Patient
from careline.core import names

# All that the search keys are made of must be in the file: an empty value empties the field, a missing column cannot.
REQUIRED = ("external_id", "family_name", "given_name", "middle_name", "birth_date", "number", "phones")
# What a file may leave out; then it stays as it is in the records.
OPTIONAL = (
    "sex",
    "language",
    "channel",
    "settlement",
    "address",
    "site",
    "needs_interpreter",
    "hard_of_hearing",
    "safety_note",
)
MOST_ERRORS = 1000  # told in full; the rest is counted
BATCH = 50_000
_TYPES = {
    "birth_date": "date",
    "settlement": "uuid",
    "site": "uuid",
    "needs_interpreter": "boolean",
    "hard_of_hearing": "boolean",
    "phones": "text[]",
}
_YES = {"1", "true", "yes", "y", "t", "так", "да", "tak", "是", "+", "x"}
_NO = {"", "0", "false", "no", "n", "f", "ні", "нет", "nie", "否", "-"}

Progress = Callable[[str, int], None]  # stage ("checked" | "written") and rows so far


@dataclass(frozen=True, slots=True)
class RowError:
    line: int
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class Imported:
    rows: int
    created: int
    changed: int

    @property
    def same(self) -> int:
        return self.rows - self.created - self.changed


class ImportRefused(CareError):
    """Nothing was changed. `errors` name line, column and what is wrong; `more` counts those not listed."""

    code = "import_refused"
    status = 400

    def __init__(self, errors: Sequence[RowError], more: int = 0) -> None:
        super().__init__()
        self.errors = list(errors)
        self.more = more

    def __str__(self) -> str:
        return _("Nothing was imported: %(count)d errors.") % {"count": len(self.errors) + self.more}


def read_csv(file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """(line, values) of a file with commas, semicolons or tabs; the first is the header. Empty lines are skipped.

    Raises ImportRefused for a file that is not text or not CSV.
    """
    try:
        first = file.readline()
        mark = max(",;\t", key=first.count)
        reader = csv.reader(itertools.chain([first.lstrip("\ufeff")], file), delimiter=mark, strict=True)
        for row in reader:
            if any(row):
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise ImportRefused([RowError(1, "", _("This is not a CSV file in UTF-8 (%s).") % error)]) from error


def import_patients(
    by: Reader | Organisation,
    rows: Iterable[tuple[int, Sequence[str]]],
    progress: Progress | None = None,
) -> Imported:
    """All rows into the network's records, or none. The first row is the header; see `REQUIRED` and `OPTIONAL`.

    `by`: a reader with the right "patients.import", or the organisation itself (command line). Raises NotAllowed,
    ImportRefused. One audit row with the counts; a history row for every record changed.
    """
    reader = by if isinstance(by, Reader) else None
    if reader:
        reader.require("patients.import")
    holder = _holder(by)
    with transaction.atomic(), connection.cursor() as cursor:
        # One import of a network at a time: two at once would wait for each other's rows.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('import ' || %s, 0))", [str(holder.pk)])
        staged = _Staging(cursor, holder, progress or (lambda stage, count: None))
        staged.fill(iter(rows))
        created, changed = staged.spread(reader.user_id if reader else None)
        record(reader, "patient.imported", "patient", rows=staged.count, created=created, changed=changed)
    return Imported(staged.count, created, changed)


def _holder(by: Reader | Organisation) -> Organisation:
    path = by.path
    if "/" not in path:
        raise NotAllowed
    return Organisation.objects.get(path=path.split("/", 1)[0] + "/")


@dataclass
class _Check:
    """Turns one row's texts into values; keeps what is wrong."""

    columns: list[str]
    region: str
    today: date
    settlements: dict[str, UUID]
    sites: dict[str, UUID]
    errors: list[RowError] = field(default_factory=list)
    more: int = 0

    def values(self, line: int, row: Sequence[str]) -> dict[str, Any] | None:
        """The row's values by column, or None when something in it is wrong."""
        if len(row) != len(self.columns):
            self._wrong(line, "", _("%(found)d values, %(wanted)d columns") % self._widths(row))
            return None
        values: dict[str, Any] = {}
        good = True
        for name, text in zip(self.columns, row, strict=True):
            try:
                values[name] = self._value(name, text)
            except CareError as error:
                self._wrong(line, name, str(error))
                good = False
        for name in ("external_id", "family_name"):
            if good and not values[name]:
                self._wrong(line, name, _("must not be empty"))
                good = False
        return values if good else None

    def _widths(self, row: Sequence[str]) -> dict[str, int]:
        return {"found": len(row), "wanted": len(self.columns)}

    def _wrong(self, line: int, column: str, message: str) -> None:
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(RowError(line, column, message))
        else:
            self.more += 1

    def _value(self, name: str, text: str) -> Any:
        if name == "phones":
            return list(dict.fromkeys(quick_e164(one, self.region) for one in text.split(";") if one.strip()))
        if name == "birth_date":
            return _birth_date(text.strip(), self.today)
        if name == "settlement":
            return self._known(name, text, self.settlements)
        if name == "site":
            return self._known(name, text, self.sites)
        if name in ("needs_interpreter", "hard_of_hearing"):
            word = text.strip().casefold()
            if word not in _YES and word not in _NO:
                raise rules.BadField(field=name, value=text)
            return word in _YES
        if name in ("external_id", "number", "address", "safety_note"):
            return rules.cleaned(name, text, self.today)
        return _cleaned(name, text, self.today)

    @staticmethod
    def _known(name: str, text: str, known: dict[str, UUID]) -> UUID | None:
        word = text.strip()
        if word and word.casefold() not in known:
            raise rules.BadField(field=name, value=word)
        return known[word.casefold()] if word else None


class _Staging:
    """The table the rows wait in until all of them are known to be good."""

    def __init__(self, cursor: Any, holder: Organisation, progress: Progress) -> None:
        self.cursor = cursor
        self.holder = holder
        self.progress = progress
        self.columns: list[str] = []
        self.count = 0

    def fill(self, rows: Iterator[tuple[int, Sequence[str]]]) -> None:
        """Checks and stages every row. Raises ImportRefused with all that is wrong."""
        line, header = next(rows, (1, []))
        self.columns = _columns(line, header)
        check = self._check()
        kept = [name for name in self.columns if name != "phones"]
        self.cursor.execute("DROP TABLE IF EXISTS pg_temp.patients_staging, pg_temp.words_staging")
        types = "".join(f", {name} {_TYPES.get(name, 'text')}" for name in kept)
        self.cursor.execute(
            f"CREATE TEMP TABLE patients_staging (line integer, id uuid, phones text[], sort_key text,"
            f" name_keys text[]{types}) ON COMMIT DROP"
        )
        words: set[str] = set()
        waiting: list[str] = []
        columns = ", ".join(["line", "id", "phones", "sort_key", "name_keys", *kept])
        with self.cursor.copy(f"COPY patients_staging ({columns}) FROM STDIN") as copy:
            for line, row in rows:
                self.count += 1
                if self.count % BATCH == 0:
                    self.progress("checked", self.count)
                values = check.values(line, row)
                if values is None or check.errors:
                    continue  # the rest is only checked
                parts = (values["family_name"], values["given_name"], values["middle_name"])
                keys = names.record_keys(
                    *parts, birth_date=values["birth_date"], number=values["number"], phones=values["phones"]
                )
                words.update(names.vocabulary(keys))
                waiting.append(
                    copy_line(line, uuid7(), values["phones"], names.sort_key(*parts), keys, *(values[k] for k in kept))
                )
                if len(waiting) == 500:
                    copy.write("".join(waiting))
                    waiting.clear()
            copy.write("".join(waiting))
        self.progress("checked", self.count)
        if not check.errors:
            self._find_doubles(check)
        if check.errors:
            raise ImportRefused(sorted(check.errors, key=lambda error: error.line), check.more)
        self._learn(words)

    def _check(self) -> _Check:
        root = self.holder.path
        return _Check(
            self.columns,
            policy_for(self.holder).phone_region,
            timezone.now().astimezone(ZoneInfo(self.holder.timezone)).date(),
            {s.name.casefold(): s.pk for s in Settlement.objects.filter(organisation__path__startswith=root)},
            {s.code.casefold(): s.pk for s in Site.objects.filter(organisation__path__startswith=root)},
        )

    def _find_doubles(self, check: _Check) -> None:
        self.cursor.execute(
            "SELECT line, external_id, first FROM (SELECT line, external_id, min(line) OVER (PARTITION BY external_id)"
            " AS first FROM patients_staging) numbered WHERE line > first ORDER BY line LIMIT %s",
            [MOST_ERRORS],
        )
        for line, value, first in self.cursor.fetchall():
            message = _("%(value)s stands in line %(line)d already") % {"value": value, "line": first}
            check._wrong(line, "external_id", message)

    def _learn(self, words: set[str]) -> None:
        self.cursor.execute("CREATE TEMP TABLE words_staging (word text, deletes text[]) ON COMMIT DROP")
        with self.cursor.copy("COPY words_staging FROM STDIN") as copy:
            for word in sorted(words):
                copy.write(copy_line(word, names.deletes(word)))
        self.cursor.execute("INSERT INTO patients_nameword SELECT * FROM words_staging ON CONFLICT DO NOTHING")

    def spread(self, by: UUID | None) -> tuple[int, int]:
        """Makes and changes the records. (created, changed)."""
        self.cursor.execute("CREATE INDEX ON patients_staging (line)")
        # Checked with each batch: a million rows' worth of deferred checks would pile up in memory until the end.
        self.cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        self.cursor.execute("ANALYZE patients_staging")
        first_load = not Patient.objects.exists()
        if first_load:  # an index of a million rows is made in a third of the time it takes to keep it up
            self.cursor.execute("DROP INDEX patient_keys")
        created = changed = done = 0
        for low, high in self._batches():
            made, altered = self._spread(low, high, by)
            created, changed, done = created + made, changed + altered, min(done + BATCH, self.count)
            self.progress("written", done)
        if first_load:
            self.cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
            self.cursor.execute(
                "CREATE INDEX patient_keys ON patients_patient USING gin (array_to_tsvector(name_keys))"
                " WITH (fastupdate = off)"
            )
        if created + changed >= BATCH // 10:
            self.cursor.execute("ANALYZE patients_patient, patients_patientphone, patients_nameword")
        return created, changed

    def _batches(self) -> list[tuple[int, int]]:
        self.cursor.execute(
            "SELECT min(line), max(line) + 1 FROM (SELECT line, (row_number() OVER (ORDER BY line) - 1) / %s AS batch"
            " FROM patients_staging) numbered GROUP BY batch ORDER BY batch",
            [BATCH],
        )
        return list(self.cursor.fetchall())

    def _spread(self, low: int, high: int, by: UUID | None) -> tuple[int, int]:
        """One batch. The statements are put together from the known names of columns alone; values are bound."""
        given = [name for name in self.columns if name != "phones"]
        stored = [_stored(name) for name in given]
        values = {"low": low, "high": high, "holder": self.holder.pk, "by": by}
        both = (
            "patients_staging s JOIN patients_patient p ON p.organisation_id = %(holder)s"
            " AND p.external_id = s.external_id WHERE s.line >= %(low)s AND s.line < %(high)s"
        )
        differs = (
            f"(({', '.join(f'p.{name}' for name in stored)}, p.name_keys)"
            f" IS DISTINCT FROM ({', '.join(f's.{name}' for name in given)}, s.name_keys))"
        )
        phones = (
            "coalesce((SELECT jsonb_agg(e164 ORDER BY e164) FROM patients_patientphone f WHERE f.patient_id = p.id),"
            " '[]')"
        )
        before = ", ".join(f"'{name}', p.{_stored(name)}" for name in given) + f", 'phones', {phones}"
        after = ", ".join(f"'{name}', s.{name}" for name in given)
        after += ", 'phones', (SELECT coalesce(jsonb_agg(n ORDER BY n), '[]') FROM unnest(s.phones) n)"
        self.cursor.execute(
            f"WITH old AS (SELECT p.id, jsonb_build_object({before}) AS before, jsonb_build_object({after}) AS after"  # noqa: S608
            f" FROM {both} AND {differs} FOR UPDATE OF p)"
            " INSERT INTO patients_patientchange (patient_id, at, by, before, after)"
            " SELECT id, now(), %(by)s, (SELECT jsonb_object_agg(key, value) FROM jsonb_each(before)"
            " WHERE value IS DISTINCT FROM after -> key), (SELECT jsonb_object_agg(key, value) FROM jsonb_each(after)"
            " WHERE value IS DISTINCT FROM before -> key) FROM old WHERE before <> after",
            values,
        )
        self.cursor.execute(
            f"UPDATE patients_patient p SET {', '.join(f'{_stored(n)} = s.{n}' for n in given)}, changed_at = now(),"  # noqa: S608
            " sort_key = s.sort_key, name_keys = s.name_keys FROM patients_staging s WHERE p.organisation_id ="
            " %(holder)s AND p.external_id = s.external_id AND s.line >= %(low)s AND s.line < %(high)s"
            f" AND {differs}",
            values,
        )
        changed = self.cursor.rowcount
        left_out = [name for name in OPTIONAL if name not in given]
        defaults = {"needs_interpreter": "false", "hard_of_hearing": "false", "settlement": "NULL", "site": "NULL"}
        self.cursor.execute(
            "INSERT INTO patients_patient (id, organisation_id, sort_key, name_keys, created_at, changed_at,"  # noqa: S608
            f" {', '.join([*stored, *map(_stored, left_out)])}) SELECT id, %(holder)s, sort_key, name_keys, now(),"
            f" now(), {', '.join([*given, *(defaults.get(name, repr('')) for name in left_out)])}"
            " FROM patients_staging WHERE line >= %(low)s AND line < %(high)s"
            " ON CONFLICT (organisation_id, external_id) DO NOTHING",
            values,
        )
        created = self.cursor.rowcount
        self.cursor.execute(
            "DELETE FROM patients_patientphone f USING patients_staging s, patients_patient p WHERE p.organisation_id ="
            " %(holder)s AND p.external_id = s.external_id AND s.line >= %(low)s AND s.line < %(high)s"
            " AND f.patient_id = p.id AND NOT f.e164 = ANY(s.phones)",
            values,
        )
        self.cursor.execute(
            "INSERT INTO patients_patientphone (patient_id, e164, label) SELECT p.id, unnest(s.phones), ''"  # noqa: S608
            f" FROM {both} ON CONFLICT DO NOTHING",
            values,
        )
        return created, changed


def _stored(name: str) -> str:
    return f"{name}_id" if name in ("settlement", "site") else name


def _columns(line: int, header: Sequence[str]) -> list[str]:
    """The header's columns. Raises ImportRefused when some are missing, unknown or twice."""
    columns = [name.strip().casefold() for name in header]
    errors = [RowError(line, name, _("this column is missing")) for name in REQUIRED if name not in columns]
    errors += [
        RowError(line, name, _("there is no such column"))
        for name in columns
        if name not in REQUIRED and name not in OPTIONAL
    ]
    errors += [RowError(line, name, _("this column stands twice")) for name in set(columns) if columns.count(name) > 1]
    if errors:
        raise ImportRefused(errors)
    return columns


_cleaned = lru_cache(maxsize=131072)(rules.cleaned)  # names come again and again


@lru_cache(maxsize=65536)
def _birth_date(text: str, today: date) -> date | None:
    try:
        return rules.check_birth_date(date.fromisoformat(text), today)
    except ValueError:
        found: date | None = rules.cleaned("birth_date", text, today)
        return found


_PLAIN_E164 = re.compile(r"\+[1-9]\d{6,14}")


@lru_cache(maxsize=4096)
def _national_lengths(start: str) -> tuple[int, re.Pattern[str] | None, frozenset[int]] | None:
    """(digits of the calling code, prefix dialled at home, possible lengths after the code) by its first four signs."""
    for size in (1, 2, 3):
        code = int(start[1 : 1 + size])
        if regions := phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code):
            metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, regions[0])
            if metadata and metadata.general_desc:
                lengths = frozenset(metadata.general_desc.possible_length)
                prefix = metadata.national_prefix_for_parsing
                return size, re.compile(prefix) if prefix else None, lengths
    return None


def quick_e164(text: str, region: str) -> str:
    """As `rules.e164`. A number that is international already and of a possible length is not taken apart: that takes
    a tenth of a millisecond, which a million rows feel. Raises BadNumber."""
    text = text.strip()
    if _PLAIN_E164.fullmatch(text) and (known := _national_lengths(text[:4])):
        size, prefix, lengths = known
        national = text[1 + size :]
        if len(national) in lengths and not (prefix and prefix.match(national)):
            return text
    return rules.e164(text, region)


_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


_COPY_SPECIAL = re.compile(r"[\\\t\n\r]")
_LIST_SPECIAL = re.compile(r'["\\]')


def _copy_text(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, list):
        text = "\x1f".join(value)
        if _LIST_SPECIAL.search(text):
            text = text.replace("\\", "\\\\").replace('"', '\\"')
        text = '{"' + text.replace("\x1f", '","') + '"}' if value else "{}"
    else:
        text = str(value)
    return text.translate(_COPY_ESCAPES) if _COPY_SPECIAL.search(text) else text


def copy_line(*values: Any) -> str:
    """One line of COPY's text format: None, texts, dates, ids, booleans and lists of texts."""
    return "\t".join(map(_copy_text, values)) + "\n"
