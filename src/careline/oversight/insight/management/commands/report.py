"""`careline report day|week|month --organisation CODE [--from DATE] [--csv]`: what happened, by the definitions."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone, translation

from careline.base.accounts.models import Role
from careline.base.accounts.rights import Reader
from careline.base.organisations.models import Organisation
from careline.oversight.insight.figures import Period
from careline.oversight.insight.report import report, shown, write_csv

LENGTHS = {"day": 1, "week": 7, "month": 30}


class Command(BaseCommand):
    help = "Print the report of a day, a week or thirty days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("length", choices=LENGTHS)
        parser.add_argument("--organisation", required=True, help="its code")
        parser.add_argument("--from", dest="first", type=date.fromisoformat, help="first day, as 2026-03-02")
        parser.add_argument("--language", default="en")
        parser.add_argument("--csv", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = Organisation.objects.filter(code=options["organisation"]).first()
        if organisation is None:
            raise CommandError(f"There is no organisation with the code {options['organisation']!r}.")
        days = LENGTHS[options["length"]]
        first = options["first"] or timezone.localdate(timezone=ZoneInfo(organisation.timezone)) - timedelta(
            days=days - 1
        )
        period = Period.days(first, days, organisation.timezone)
        with translation.override(options["language"]):
            self.print(reader_of_everything(organisation), period, options["csv"])

    def print(self, reader: Reader, period: Period, as_csv: bool) -> None:
        if as_csv:
            return write_csv(reader, period, self.stdout)  # type: ignore[arg-type]
        for line in report(reader, period):
            self.stdout.write(f"{line.name:<38}{shown(line):>12}   {line.formula}")
        return None


def reader_of_everything(organisation: Organisation) -> Reader:
    """Whoever runs commands on the machine itself; nobody's posting, so the ids are of no one."""
    nobody = uuid.UUID(int=0)
    return Reader(nobody, nobody, Role.SUPERVISOR, organisation.id, organisation.path, None, "en")
