"""The sample networks with their patients, as `careline load-sample` brings them."""

from __future__ import annotations

import io

from django.core.management import call_command

from careline.base.accounts.models import Posting
from careline.base.accounts.rights import reader_for
from careline.care.directory import samples
from careline.care.patients.models import Patient, PatientChange
from careline.care.patients.queries import candidates_for_number, search_patients


def test_all_networks_come_with_their_patients_and_again_change_nothing(db, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    said = io.StringIO()
    call_command("load_sample", "all", stdout=said)
    assert len(said.getvalue().splitlines()) == 4
    before = set(Patient.objects.values_list("id", "external_id"))
    assert len(before) == sum(len(samples.patients(code)) for code in samples.NETWORKS)
    call_command("load_sample", "all", stdout=said)
    assert set(Patient.objects.values_list("id", "external_id")) == before
    assert not PatientChange.objects.exists()

    operator = reader_for(Posting.objects.get(user__username="district.operator"))
    found = search_patients(operator, "Гончаренко Оксана")
    assert Patient.objects.get(id=found[0].id).number == "0471-2280"
    family = candidates_for_number(operator, "+380005550134")
    assert len(family) == 4  # a shared number opens nobody by itself
