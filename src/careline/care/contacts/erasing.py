"""The right of erasure: whatever tells who a patient was goes, from the record and from everything said in contacts.

What goes with a contact is decided by `rules.goes_with`. The ledger and the figures made of it stay as they are: they
hold ids and codes only. The audit keeps the id, that it was erased, by whom and why.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from careline.base.accounts.rights import Reader
from careline.base.audit.actions import record as audit
from careline.base.audit.models import AuditRow
from careline.base.errors import NotFound, ReasonNeeded
from careline.base.organisations.models import Organisation
from careline.care.contacts.errors import PatientInContact, ReasonNamesPatient
from careline.care.contacts.models import (
    CallerDetails,
    Contact,
    ContactDraft,
    ContactPatient,
    ContactText,
    LiveState,
    ReasonText,
)
from careline.care.contacts.rules import Goes, Written, goes_with
from careline.care.patients.erasing import erase_record, numbers_ever, numbers_shared
from careline.care.patients.models import Patient
from careline.care.patients.queries import network
from careline.core import names

_NOT_DIGIT = re.compile(r"\D+")


@dataclass(frozen=True, slots=True)
class Erasure:
    """How far it reaches. `read_over`: contacts that concern others too, whose notes and texts stay; a person reads
    them. `again`: it was erased before, and nothing was left to do."""

    contacts: int = 0  # whose words go
    callers: int = 0  # whose number, name and relation go
    read_over: tuple[UUID, ...] = ()
    again: bool = False


def what_goes(reader: Reader | None, patient_id: UUID) -> Erasure:
    """How far erasing would reach now; writes nothing. Raises NotAllowed, NotFound."""
    patient = _records(reader).filter(pk=patient_id).first()
    if patient is None:
        raise NotFound
    return _extent(_decided(patient))


@transaction.atomic
def erase_patient(reader: Reader | None, patient_id: UUID, reason: str) -> Erasure:
    """Everything that tells who the patient was: the record, its numbers and history, the words of the name in the
    search index; and of contacts what `rules.goes_with` decides. Twice is once.

    `reader=None` is whoever may enter the machine (the command); their audit row names no person.
    Raises NotAllowed, NotFound, ReasonNeeded, ReasonNamesPatient, and PatientInContact while a contact that would be
    erased is still going on.
    """
    patient = _locked(reader, patient_id)
    if patient is None:
        return _erased_before(reader, patient_id)
    _check_reason(patient, reason)
    decided = _decided(patient)
    if LiveState.objects.filter(kind="contact", subject__in=list(decided)).exists():
        raise PatientInContact
    extent = _extent(decided)
    _erase_contacts(decided, timezone.now())
    _erase_reasons(patient)
    audit(
        reader, "patient.erased", "patient", [patient.pk], reason.strip(),
        contacts=extent.contacts, callers=extent.callers, read_over=[str(each) for each in extent.read_over],
    )  # fmt: skip
    erase_record(patient)
    return extent


def _records(reader: Reader | None) -> QuerySet[Patient]:
    rows = Patient.objects.select_related("organisation")
    if reader is None:
        return rows
    reader.require("patients.erase")
    return rows.filter(organisation__in=network(reader))


def _locked(reader: Reader | None, patient_id: UUID) -> Patient | None:
    """The record and its contacts, locked; contacts first, as everyone does who writes about one.

    From the record's lock on nobody can link another contact to it: a link holds a lock on the record.
    """
    seen = _records(reader).filter(pk=patient_id).first()
    if seen is not None:
        _lock(_decided(seen))
    patient = _records(reader).select_for_update(of=("self",)).filter(pk=patient_id).first()
    if patient is not None:
        _lock(_decided(patient))
    return patient


def _lock(contacts: Iterable[UUID]) -> None:
    list(Contact.objects.select_for_update().filter(pk__in=list(contacts)).order_by("pk").values_list("pk"))


def _erased_before(reader: Reader | None, patient_id: UUID) -> Erasure:
    rows = AuditRow.objects.filter(action="patient.erased", subject_ids__contains=[patient_id])
    if reader is not None:
        rows = rows.filter(Q(organisation_id__in=network(reader)) | Q(organisation_id=None))
    if not rows.exists():
        raise NotFound
    return Erasure(again=True)


def _check_reason(patient: Patient, reason: str) -> None:
    """The audit is never changed: a name in it would outlive the patient's wish."""
    if not reason.strip():
        raise ReasonNeeded
    said = {names.plain(word) for word in names.words(reason)}
    name = {names.plain(word) for word in names.words(f"{patient.family_name} {patient.given_name}")}
    digits = _NOT_DIGIT.sub("", reason)
    numbers = [_NOT_DIGIT.sub("", number)[-7:] for number in numbers_ever(patient)]
    written_together = names.plain(patient.family_name + patient.given_name) in names.plain(reason)
    if said & name or written_together or any(number and number in digits for number in numbers):
        raise ReasonNamesPatient


# --- what belongs to the patient ------------------------------------------------------------------------------------


def _decided(patient: Patient) -> dict[UUID, Goes]:
    """Every contact of the network that touches the patient, and what of it goes."""
    numbers = numbers_ever(patient)
    shared = numbers_shared(patient, numbers)
    root = patient.organisation.root_code + "/"
    linked = ContactPatient.objects.filter(patient=patient).values("contact")
    called = CallerDetails.objects.filter(Q(patient=patient) | Q(number__in=list(numbers))).values("contact")
    rows = Contact.objects.filter(
        Q(pk__in=linked) | Q(pk__in=called),
        organisation__in=Organisation.objects.filter(path__startswith=root).values("pk"),
    )
    contacts = list(rows.select_related("caller"))
    concerned: dict[UUID, dict[UUID, Patient]] = defaultdict(dict)
    for link in ContactPatient.objects.filter(contact__in=contacts).select_related("patient"):
        concerned[link.contact_id][link.patient_id] = link.patient
    decided = {}
    for contact in contacts:
        caller = getattr(contact, "caller", None) or CallerDetails(contact=contact)
        until = numbers.get(caller.number, contact.started_at)
        theirs = caller.number in numbers and (until is None or contact.started_at <= until)
        namesakes = [*concerned[contact.pk].values(), *shared.get(caller.number, [])]
        decided[contact.pk] = goes_with(
            patient.pk,
            Written(
                patients=concerned[contact.pk].keys(),
                caller=caller.patient_id,
                relation=caller.relation,
                number_theirs=theirs,
                number_shared=caller.number in shared,
                named=_named(patient, caller.name)
                and not any(_named(other, caller.name) for other in namesakes if other.pk != patient.pk),
            ),
        )
    return {pk: goes for pk, goes in decided.items() if goes or patient.pk in concerned[pk]}


def _named(patient: Patient, name: str) -> bool:
    """Does this give the patient's family name and given name, in either order?"""
    if not patient.given_name:
        return False
    said = [names.plain(word) for word in names.words(name)]
    family = [names.plain(word) for word in names.words(patient.family_name)]
    given = [names.plain(word) for word in names.words(patient.given_name)]
    together = {"".join(family + given), "".join(given + family)}
    return set(family + given) <= set(said) or "".join(said) in together


def _extent(decided: dict[UUID, Goes]) -> Erasure:
    return Erasure(
        contacts=sum(goes.words for goes in decided.values()),
        callers=sum(goes.caller for goes in decided.values()),
        read_over=tuple(sorted(pk for pk, goes in decided.items() if not goes.words)),
    )


# --- and goes -------------------------------------------------------------------------------------------------------


def _erase_contacts(decided: dict[UUID, Goes], now: datetime) -> None:
    callers = [pk for pk, goes in decided.items() if goes.caller]
    words = [pk for pk, goes in decided.items() if goes.words]
    CallerDetails.objects.bulk_create([CallerDetails(contact_id=pk) for pk in words], ignore_conflicts=True)
    details = CallerDetails.objects.filter
    details(contact__in=callers).update(
        number="", name="", relation="", patient=None, verified_level=0, caller_erased_at=now
    )
    details(contact__in=[pk for pk, goes in decided.items() if goes.number]).update(number="")
    details(contact__in=words).update(note="", words_erased_at=now)
    ContactDraft.objects.filter(contact__in=words).delete()
    ContactDraft.objects.filter(contact__in=callers).update(caller_name="", relation="")
    ContactText.objects.filter(contact__in=words).delete()
    ReasonText.objects.filter(subject__in=words).delete()
    Contact.objects.filter(pk__in=callers).update(token_hash="")  # the patient's browser is no longer known either


def _erase_reasons(patient: Patient) -> None:
    """Reasons about operators and queues ("her third call today, Oksana Honcharenko") belong to no contact."""
    if patient.family_name and patient.given_name:
        named = ReasonText.objects.filter(text__icontains=patient.family_name)
        named.filter(text__icontains=patient.given_name).delete()
