"""`careline rebuild-projections`: make every summary and interval again from the ledger."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from careline.care.contacts.projections import rebuild


class Command(BaseCommand):
    help = "Make the contact summaries and agents' intervals again from the ledger."

    def handle(self, *args: Any, **options: Any) -> None:
        summaries, intervals = rebuild()
        self.stdout.write(f"{summaries} contacts, {intervals} intervals")
