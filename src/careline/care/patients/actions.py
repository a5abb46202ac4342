"""Writing patients' records. Keys are made anew with every change; each change leaves its before and after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from careline.base.accounts.rights import Reader
from careline.base.audit.actions import record
from careline.base.errors import NotFound
from careline.base.organisations.models import Organisation, Settlement, Site
from careline.base.policy.queries import policy_for
from careline.care.patients import rules
from careline.care.patients.models import NameWord, Patient, PatientChange, PatientPhone
from careline.care.patients.queries import network
from careline.core import names

NAMES = ("family_name", "given_name", "middle_name")
FIELDS = (
    *NAMES,
    "external_id",
    "number",
    "birth_date",
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


@transaction.atomic
def create_patient(
    reader: Reader, *, phones: Sequence[str] = (), organisation: Organisation | None = None, **fields: Any
) -> Patient:
    """A new record in the reader's network. `phones` in any notation; `fields` are those of `FIELDS`.

    `organisation`: the holder, one of the reader's network; else the network's root.
    Raises NotAllowed, NotFound, NameMissing, BadNumber, BadBirthDate, BadField, NumberTaken.
    """
    reader.require("patients.change")
    holder = _holder(reader, organisation)
    patient = Patient(organisation=holder)
    numbers = _numbers(phones, holder)
    _set(patient, fields)
    _write(patient, numbers)
    PatientPhone.objects.bulk_create(PatientPhone(patient=patient, e164=number) for number in numbers)
    record(reader, "patient.created", "patient", [patient.pk])
    return patient


@transaction.atomic
def change_patient(reader: Reader, patient_id: UUID, *, phones: Sequence[str] | None = None, **fields: Any) -> Patient:
    """The record with these fields changed, and a history row of what they were. `phones` replaces all numbers.

    Nothing is written when nothing differs. Raises as `create_patient`.
    """
    reader.require("patients.change")
    patient = _locked(reader, patient_id)
    old = list(patient.phones.order_by("e164").values_list("e164", flat=True))
    numbers = old if phones is None else _numbers(phones, patient.organisation)
    before = _as_stored(patient) | {"phones": old}
    _set(patient, fields)
    after = _as_stored(patient) | {"phones": sorted(numbers)}
    differing = [name for name in after if after[name] != before[name]]
    if not differing:
        return patient
    _write(patient, numbers)
    if "phones" in differing:
        patient.phones.exclude(e164__in=numbers).delete()
        PatientPhone.objects.bulk_create(
            PatientPhone(patient=patient, e164=number) for number in numbers if number not in old
        )
    PatientChange.objects.create(
        patient=patient,
        by=reader.user_id,
        before={name: before[name] for name in differing},
        after={name: after[name] for name in differing},
    )
    record(reader, "patient.changed", "patient", [patient.pk], fields=differing)
    return patient


def _holder(reader: Reader, organisation: Organisation | None) -> Organisation:
    if organisation is not None:
        if organisation.pk not in network(reader):
            raise NotFound
        return organisation
    return Organisation.objects.get(path=reader.path.split("/", 1)[0] + "/")


def _locked(reader: Reader, patient_id: UUID) -> Patient:
    rows = Patient.objects.select_for_update(of=("self",)).select_related("organisation")
    patient = rows.filter(pk=patient_id, organisation__in=network(reader)).first()
    if patient is None:
        raise NotFound
    return patient


def _numbers(phones: Iterable[str], organisation: Organisation) -> list[str]:
    region = policy_for(organisation).phone_region
    return list(dict.fromkeys(rules.e164(phone, region) for phone in phones if phone.strip()))


def _set(patient: Patient, fields: dict[str, Any]) -> None:
    """The fields, cleaned and checked. Raises TypeError for a field there is not, and the refusals of rules."""
    today = timezone.now().astimezone(ZoneInfo(patient.organisation.timezone)).date()
    for name, value in fields.items():
        if name not in FIELDS:
            raise TypeError(f"a patient has no field {name}")
        setattr(patient, name, rules.cleaned(name, value, today))
    _check_place(patient, "settlement", Settlement)
    _check_place(patient, "site", Site)
    if not patient.family_name:
        raise rules.NameMissing
    taken = Patient.objects.filter(organisation=patient.organisation, external_id=patient.external_id)
    if patient.external_id is not None and taken.exclude(pk=patient.pk).exists():
        raise rules.NumberTaken


def _check_place(patient: Patient, name: str, model: type[Settlement] | type[Site]) -> None:
    """A settlement or clinic of another network is refused."""
    wanted = getattr(patient, f"{name}_id")
    root = patient.organisation.root_code + "/"
    if wanted and not model.objects.filter(pk=wanted, organisation__path__startswith=root).exists():
        raise rules.BadField(field=name, value=wanted)


def _write(patient: Patient, numbers: Sequence[str]) -> None:
    parts = (patient.family_name, patient.given_name, patient.middle_name)
    patient.sort_key = names.sort_key(*parts)
    patient.name_keys = names.record_keys(*parts, birth_date=patient.birth_date, number=patient.number, phones=numbers)
    patient.save()
    learn_words(names.vocabulary(patient.name_keys))


def learn_words(words: Iterable[str]) -> None:
    """Words that a slip of the finger may be corrected to; those known already are left alone."""
    rows = [NameWord(word=word, deletes=names.deletes(word)) for word in sorted(set(words))]
    NameWord.objects.bulk_create(rows, ignore_conflicts=True, batch_size=2000)


def _as_stored(patient: Patient) -> dict[str, Any]:
    """The record's own fields as JSON."""
    values: dict[str, Any] = {}
    for name in FIELDS:
        value = getattr(patient, f"{name}_id") if name in ("settlement", "site") else getattr(patient, name)
        values[name] = (
            value.isoformat()
            if isinstance(value, date | datetime)
            else str(value)
            if isinstance(value, UUID)
            else value
        )
    return values
