"""Records: who may see, change and erase them, and what each look leaves behind."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection

from careline.base.audit.models import AuditRow
from careline.base.errors import NotAllowed, NotFound
from careline.care.patients import queries, rules
from careline.care.patients.actions import change_patient, create_patient
from careline.care.patients.erasing import erase_record
from careline.care.patients.models import NameWord, Patient, PatientChange
from careline.care.patients.queries import candidates_for_number, history_of, hits_of, open_patient, search_patients

TODAY = date(2026, 3, 2)


def test_a_search_is_one_row_that_lists_the_ids_and_never_the_text(operator, patients):
    hits = search_patients(operator, "Гончаренко 1958")
    row = AuditRow.objects.get(action="patient.searched")
    assert row.subject_ids == [hit.id for hit in hits] == [patients["oksana"].pk]
    assert row.user_id == operator.user_id
    assert "онч" not in str(row.detail)


def test_a_hit_is_ready_for_a_list(operator, patients, settlement, site):
    hit = search_patients(operator, "0471-2280")[0]
    assert (hit.number, hit.display_name, hit.short_name) == (
        "0471-2280",
        "Оксана Петрівна Гончаренко",
        "Гончаренко О. П.",
    )
    assert (hit.settlement, hit.site, hit.birth_date) == ("Тихий Став", "Tykhyi Stav", date(1958, 3, 2))
    assert hit.matched_by == "number"
    assert hit.age >= 67


def test_a_shared_number_lists_candidates_and_opens_none(operator, patients):
    hits = candidates_for_number(operator, "+380501234567")
    assert [hit.id for hit in hits] == [patients["oksana"].pk, patients["taras"].pk]
    assert AuditRow.objects.filter(action="patient.listed").count() == 1
    assert not AuditRow.objects.filter(action="patient.opened").exists()
    assert candidates_for_number(operator, "withheld") == []


def test_other_networks_find_nothing(stranger, operator, patients):
    assert search_patients(stranger, "Гончаренко") == []
    assert search_patients(operator, "王小明") == []
    assert candidates_for_number(stranger, "+380501234567") == []
    assert hits_of(stranger, [patients["oksana"].pk]) == []
    for look in (open_patient, history_of):
        with pytest.raises(NotFound):
            look(stranger, patients["oksana"].pk)
    with pytest.raises(NotFound):
        change_patient(stranger, patients["oksana"].pk, given_name="X")


def test_a_clinics_registrar_finds_the_networks_patients_the_own_clinics_first(registrar, patients):
    hits = search_patients(registrar, "Гончаренко")
    assert hits[0].id == patients["oksana"].pk
    assert {hit.id for hit in hits} == {patients["oksana"].pk, patients["taras"].pk}


def test_who_may_not_search(auditor, patients):
    for look in (search_patients, candidates_for_number):
        with pytest.raises(NotAllowed):
            look(auditor, "x")
    with pytest.raises(NotAllowed):
        create_patient(auditor, family_name="X")


def test_opening_is_one_row_with_its_reason(operator, patients, django_assert_max_num_queries):
    with django_assert_max_num_queries(6):
        patient = open_patient(operator, patients["oksana"].pk, "call")
        assert [phone.e164 for phone in patient.phones.all()] == ["+380501234567"]
    assert AuditRow.objects.get(action="patient.opened").reason == "call"


@pytest.mark.parametrize("text", ["Гончаренко Оксана 1958", "гончар"])
def test_queries_do_not_grow_with_what_is_found(operator, patients, text, django_assert_max_num_queries):
    with django_assert_max_num_queries(13):
        search_patients(operator, text)


def test_a_change_leaves_before_and_after(operator, patients):
    change_patient(operator, patients["oksana"].pk, given_name="Олена", phones=["067 765 43 21"])
    change_patient(operator, patients["oksana"].pk, given_name="Олена")  # nothing differs
    [row] = history_of(operator, patients["oksana"].pk)
    assert row["before"] == {"given_name": "Оксана", "phones": ["+380501234567"]}
    assert row["after"] == {"given_name": "Олена", "phones": ["+380677654321"]}
    assert row["by"] == operator.user_id
    assert [hit.id for hit in search_patients(operator, "Гончаренко Олена")] == [patients["oksana"].pk]
    assert [hit.id for hit in search_patients(operator, "0501234567")] == [patients["taras"].pk]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"family_name": "  "}, rules.NameMissing),
        ({"family_name": "A", "phones": ["12"]}, rules.BadNumber),
        ({"family_name": "A", "phones": ["call me"]}, rules.BadNumber),
        ({"family_name": "A", "birth_date": date(2199, 1, 1)}, rules.BadBirthDate),
        ({"family_name": "A", "birth_date": "31.02.1958"}, rules.BadBirthDate),
        ({"family_name": "A", "sex": "x"}, rules.BadField),
        ({"family_name": "A" * 101}, rules.BadField),
        ({"family_name": "A", "language": "xx"}, rules.BadField),
        ({"family_name": "A", "color": "red"}, TypeError),
    ],
)
def test_what_no_record_can_hold(operator, fields, error):
    with pytest.raises(error):
        create_patient(operator, **fields)
    assert not Patient.objects.exists()


def test_a_place_of_another_network_is_refused(stranger, site):
    with pytest.raises(rules.BadField):
        create_patient(stranger, family_name="王", site=site)


def test_the_clinics_own_number_is_taken_once(operator):
    create_patient(operator, family_name="A", external_id="7")
    with pytest.raises(rules.NumberTaken):
        create_patient(operator, family_name="B", external_id="7")


def test_erasing_leaves_nothing_that_tells_who_it_was(operator, patients):
    gone = patients["yurii"]
    change_patient(operator, gone.pk, given_name="Юрко")
    gone_id = gone.pk
    erase_record(change_patient(operator, gone_id, family_name="Шевчук-Левицький"))
    assert not Patient.objects.filter(pk=gone_id).exists()
    assert not PatientChange.objects.filter(patient_id=gone_id).exists()
    assert not NameWord.objects.filter(word__in=["levicki", "левицькии", "юрко", "шевчук"]).exists()
    assert NameWord.objects.filter(word="gonqarenko").exists()


def test_every_step_of_a_search_uses_the_index_of_keys(operator, patients):
    search = rules.read_search("гонч окс 1958", "UA", TODAY)
    for _tier, query in rules.steps(search):
        with connection.cursor() as cursor, queries._Steered():
            cursor.execute(
                "EXPLAIN " + queries.STEP,
                queries.step_values(operator, queries.network(operator), search, query, 20),
            )
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Bitmap Index Scan on patient_keys" in plan
        assert "Seq Scan" not in plan
