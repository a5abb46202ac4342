"""`careline import-patients FILE.csv --organisation CODE`"""

from __future__ import annotations

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from careline.base.organisations.models import Organisation
from careline.care.patients.imports import ImportRefused, import_patients, read_csv


class Command(BaseCommand):
    help = "Makes and changes patients' records from a CSV file, all of them or, when a line is wrong, none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="CSV file, or - for standard input")
        parser.add_argument("--organisation", required=True, help="code of the network that holds the records")
        parser.add_argument("--encoding", default="utf-8-sig")

    def handle(self, *args: Any, file: str, organisation: str, encoding: str, **options: Any) -> None:
        holder = Organisation.objects.filter(code=organisation).first()
        if holder is None:
            raise CommandError(_("There is no organisation %(code)s.") % {"code": organisation})
        started = time.monotonic()

        def progress(stage: str, rows: int) -> None:
            word = _("checked") if stage == "checked" else _("written")
            self.stdout.write(f"{rows:>12,} {word}  {time.monotonic() - started:6.0f} s")
            self.stdout.flush()

        try:
            source = sys.stdin if file == "-" else open(file, encoding=encoding, newline="")  # noqa: SIM115
        except (OSError, LookupError) as error:
            raise CommandError(str(error)) from error
        with source:
            try:
                done = import_patients(holder, read_csv(source), progress)
            except ImportRefused as refusal:
                self._tell(refusal)
                raise CommandError(str(refusal)) from refusal
        counts = {"created": done.created, "changed": done.changed, "same": done.same}
        self.stdout.write(_("%(created)d created, %(changed)d changed, %(same)d as they were.") % counts)

    def _tell(self, refusal: ImportRefused) -> None:
        for error in refusal.errors:
            place = f"{error.line}, {error.column}" if error.column else str(error.line)
            self.stderr.write(f"{place}: {error.message}")
        if refusal.more:
            self.stderr.write(_("... and %(count)d more.") % {"count": refusal.more})
