"""`careline erase-patient ID --reason "..."`: the right of erasure, from the machine itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from careline.base.accounts.models import User
from careline.base.accounts.rights import Reader, postings_now, reader_for
from careline.base.errors import CareError, NotAllowed
from careline.care.contacts.erasing import Erasure, erase_patient, what_goes
from careline.care.patients.models import Patient


class Command(BaseCommand):
    help = "Erases a patient for good: the record, and what tells of them in contacts. Figures stay. Twice is once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", help="id of the record; with --network the card number will do")
        parser.add_argument("--reason", default="", help="why, without names and numbers: the audit trail keeps it")
        parser.add_argument("--network", help="code of the network whose card number is given")
        parser.add_argument("--by", metavar="SIGN-IN", help="who decided it; must have a posting that may erase")
        parser.add_argument("--dry-run", action="store_true", help="only tell how far it would reach")

    def handle(
        self, *args: Any, id: str, reason: str, network: str | None, by: str | None, dry_run: bool, **options: Any
    ) -> None:
        try:
            reader = _reader(by) if by else None
            patient_id = _patient(id, network)
            done = what_goes(reader, patient_id) if dry_run else erase_patient(reader, patient_id, reason)
        except CareError as refusal:
            raise CommandError(str(refusal)) from refusal
        self._tell(done, dry_run)

    def _tell(self, done: Erasure, dry_run: bool) -> None:
        if done.again:
            self.stdout.write(_("This record was erased before."))
            return
        self.stdout.write(_("It would be erased.") if dry_run else _("The record is erased."))
        counts = {"contacts": done.contacts, "callers": done.callers}
        self.stdout.write(
            _("Contacts losing notes and messages: %(contacts)d; losing the caller: %(callers)d.") % counts
        )
        if done.read_over:
            self.stdout.write(_("These contacts concern other people too. Read their notes and messages:"))
            for contact in done.read_over:
                self.stdout.write(f"    {contact}")


def _reader(username: str) -> Reader:
    user = User.objects.filter(username=username, is_active=True).first()
    readers = [reader_for(posting) for posting in postings_now(user)] if user else []
    found = next((reader for reader in readers if reader.may("patients.erase")), None)
    if found is None:
        raise NotAllowed
    return found


def _patient(given: str, network: str | None) -> UUID:
    if network:
        rows = Patient.objects.filter(organisation__path__startswith=f"{network}/", number=given)
        found = list(rows.values_list("pk", flat=True)[:2])
        if len(found) != 1:
            raise CommandError(_("Records with this card number: %(count)d.") % {"count": len(found)})
        return found[0]
    try:
        return UUID(given)
    except ValueError:
        raise CommandError(_("This is no id of a record. A card number needs --network.")) from None
