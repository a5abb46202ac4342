"""Many simulated contacts at once: a demo's past. Real contacts are only ever written one by one, as they happen."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from careline.care.contacts import ledger
from careline.care.contacts.ledger import Entry
from careline.care.contacts.models import CallerDetails, Contact, ContactPatient

BATCH = 1000


@transaction.atomic
def write_past(
    contacts: Sequence[Contact],
    callers: Sequence[CallerDetails],
    patients: Sequence[ContactPatient],
    entries: Sequence[Entry],
) -> None:
    """Contacts that are over, with all their rows of the ledger in the order of time; those of agents among them.

    The agents must not be at work: the switchboard alone writes of those. Raises ValueError for a real contact.
    """
    if not all(contact.simulated for contact in contacts):
        raise ValueError("only simulated contacts may be written in bulk")
    Contact.objects.bulk_create(contacts, batch_size=BATCH)
    CallerDetails.objects.bulk_create(callers, batch_size=BATCH)
    ContactPatient.objects.bulk_create(patients, batch_size=BATCH)
    ledger.append(*entries)
