"""Erasing a record from the desk: how far it reaches is shown first, a reason and a tick are asked, then it is gone."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from careline.base.accounts.models import Role
from careline.base.audit.models import AuditRow
from careline.care.patients.models import Patient

SURE = {"reason": "Письмова заява № 17", "checked": "on"}


@pytest.fixture
def head(clinic, staff) -> Client:
    client = Client(headers={"HX-Request": "true"})
    client.force_login(staff("halyna", clinic.organisation, Role.UNIT_HEAD))
    return client


def at(patient: Patient, name: str = "desk:erase-patient") -> str:
    return reverse(name, args=[patient.pk])


def test_only_who_may_erase_sees_the_button(clinic, desk, head):
    address = at(clinic.danylo)
    for client, seen in ((desk, False), (head, True)):
        assert (address in client.post(at(clinic.danylo, "desk:open-patient")).content.decode()) is seen
    assert desk.post(address, SURE).status_code == 403
    assert Patient.objects.filter(pk=clinic.danylo.pk).exists()


def test_the_page_says_how_far_it_reaches_and_erases_nothing(clinic, head):
    clinic.call().patients.create(patient=clinic.danylo)
    both = clinic.call()
    for patient in (clinic.danylo, clinic.oksana):
        both.patients.create(patient=patient)

    page = head.post(at(clinic.danylo)).content.decode()

    assert "notes, messages and drafts of 1 contact" in page
    assert "1 contact concerns other people too" in page
    assert Patient.objects.filter(pk=clinic.danylo.pk).exists()


@pytest.mark.parametrize("typed", [{"reason": ""}, {"reason": "заява"}, SURE | {"reason": "заява Гончаренко"}])
def test_without_reason_or_tick_or_with_a_name_nothing_is_erased(typed, clinic, head):
    refused = head.post(at(clinic.danylo), typed)
    assert (refused.status_code, b"_error" in refused.content or b"danger tiny" in refused.content) == (422, True)
    assert Patient.objects.filter(pk=clinic.danylo.pk).exists()


def test_a_reason_and_a_tick_erase_the_record(clinic, head):
    both = clinic.call()
    for patient in (clinic.danylo, clinic.oksana):
        both.patients.create(patient=patient)
    address, patient_id = at(clinic.danylo), clinic.danylo.pk

    page = head.post(address, SURE).content.decode()

    assert "The record is erased." in page
    assert reverse("boards:contact", args=[both.pk]) in page  # to be read by a person
    assert not Patient.objects.filter(pk=patient_id).exists()
    assert AuditRow.objects.get(action="patient.erased").reason == SURE["reason"]
    assert "erased before" in head.post(address, SURE).content.decode()  # a double click
