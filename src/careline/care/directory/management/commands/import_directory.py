"""`careline import-directory KIND FILE --organisation CODE [--dry-run]`"""

from __future__ import annotations

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from careline.base.organisations.models import Organisation
from careline.care.directory.importing import KINDS, BadFile, import_directory


class Command(BaseCommand):
    help = "Import settlements, sites, lines, topics or staff. Nothing changes unless every row is good."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=list(KINDS))
        parser.add_argument("file", type=Path)
        parser.add_argument("--organisation", required=True, metavar="CODE")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
        parser.add_argument("--language", default="en", help="language of the messages")

    def handle(self, *args, kind: str, file: Path, organisation: str, dry_run: bool, language: str, **options) -> None:
        with translation.override(language):
            place = Organisation.objects.filter(code=organisation).first()
            if place is None:
                raise CommandError(_("There is no organisation with the code %(code)s.") % {"code": organisation})
            try:
                report = import_directory(place, kind, file.read_bytes(), dry_run=dry_run)
            except (BadFile, OSError) as error:
                raise CommandError(str(error)) from error
            for problem in report.problems:
                self.stderr.write(
                    _("line %(line)s, %(column)s: %(reason)s")
                    % {"line": problem.line, "column": problem.column or "–", "reason": problem.reason}
                )
            if report.problems:
                found = len(report.problems)
                raise CommandError(
                    ngettext(
                        "%(count)s problem. Nothing was changed.", "%(count)s problems. Nothing was changed.", found
                    )
                    % {"count": found}
                )
            self.stdout.write(
                _("%(rows)s rows: %(created)s new, %(updated)s changed, %(unchanged)s as before.")
                % {
                    "rows": report.rows,
                    "created": report.created,
                    "updated": report.updated,
                    "unchanged": report.unchanged,
                }
            )
            if dry_run:
                self.stdout.write(_("Dry run: nothing was changed."))
