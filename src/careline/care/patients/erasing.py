"""What makes up a patient's record, and how it goes. Whoever erases a patient erases the contacts' words too: that is
`careline.care.contacts.erasing`, which stands above this room and calls it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from careline.care.patients.actions import NAMES
from careline.care.patients.models import Patient, PatientPhone
from careline.core import names


def numbers_ever(patient: Patient) -> dict[str, datetime | None]:
    """The patient's telephone numbers (E.164), those of the record's history too: each with the moment until which it
    was theirs, None for those they have now. A number given up may be a stranger's today."""
    had: dict[str, datetime | None] = {}
    for change in patient.changes.order_by("id"):
        for number in set(change.before.get("phones", [])) - set(change.after.get("phones", [])):
            had[number] = change.at
    return had | dict.fromkeys(patient.phones.values_list("e164", flat=True), None)


def numbers_shared(patient: Patient, numbers: Iterable[str]) -> dict[str, list[Patient]]:
    """Those of the numbers that other records of the network have too, and whose they are: a family's telephone, or a
    second record of the same person."""
    root = patient.organisation.root_code + "/"
    phones = PatientPhone.objects.filter(e164__in=list(numbers), patient__organisation__path__startswith=root)
    shared: dict[str, list[Patient]] = {}
    for phone in phones.exclude(patient=patient).select_related("patient"):
        shared.setdefault(phone.e164, []).append(phone.patient)
    return shared


def erase_record(patient: Patient) -> None:
    """The record, its numbers and its history go, contacts lose their link to it, and the search index forgets each
    word of the names, former ones too, that nobody else bears. The caller holds the lock on the record."""
    words = {word for keys in _keys_ever(patient) for word in names.vocabulary(keys)}
    patient.delete()
    _forget_words(words)


def _keys_ever(patient: Patient) -> list[list[str]]:
    """The keys of the name, and of each name the record had before."""
    name = {part: getattr(patient, part) for part in NAMES}
    found = [patient.name_keys]
    for change in patient.changes.order_by("-id"):
        former = {part: change.before[part] for part in NAMES if part in change.before}
        if former:
            name |= former
            found.append(names.record_keys(*(name[part] for part in NAMES)))
    return found


def _forget_words(words: Iterable[str]) -> None:
    """Leaves no rare name behind when its last bearer is erased."""
    with connection.cursor() as cursor:
        for word in sorted(set(words)):
            cursor.execute(
                "DELETE FROM patients_nameword WHERE word = %s AND NOT EXISTS (SELECT FROM patients_patient"
                " WHERE array_to_tsvector(name_keys) @@ (quote_literal(%s) || '|' || quote_literal(%s))::tsquery)",
                [word, "~" + word, word],
            )
