"""Import: every row or none, told by line, and the same file twice changes nothing."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from careline.base.audit.models import AuditRow
from careline.base.errors import NotAllowed
from careline.care.patients.imports import Imported, ImportRefused, import_patients, quick_e164, read_csv
from careline.care.patients.models import Patient, PatientChange
from careline.care.patients.queries import search_patients
from careline.care.patients.rules import BadNumber, e164

HEADER = "external_id,family_name,given_name,middle_name,birth_date,number,phones,sex,needs_interpreter\n"
GOOD = HEADER + (
    "1,Гончаренко,Оксана,Петрівна,02.03.1958,0471-2280,050 123 45 67;+380671112233,f,так\n"
    '2,"O\'Brien, Jr",Mary,,1966-06-06,,,f,\n'
    "3,王,小明,,,,+8613812345678,m,0\n"
)


def load(by, text):
    return import_patients(by, read_csv(io.StringIO(text)))


def test_rows_become_records_that_are_found(district, operator):
    assert load(district, GOOD) == Imported(rows=3, created=3, changed=0)
    for text, external_id in (("honcharenko", "1"), ("0671112233", "1"), ("obrien", "2"), ("wang xiaoming", "3")):
        assert [Patient.objects.get(pk=hit.id).external_id for hit in search_patients(operator, text)] == [external_id]
    assert Patient.objects.get(external_id="1").needs_interpreter
    assert AuditRow.objects.get(action="patient.imported").detail == {"rows": 3, "created": 3, "changed": 0}


def test_the_same_file_again_changes_nothing(district):
    load(district, GOOD)
    assert load(district, GOOD) == Imported(rows=3, created=0, changed=0)
    assert not PatientChange.objects.exists()


def test_a_changed_row_leaves_its_history_and_keeps_what_the_file_does_not_know(district, operator):
    load(district, GOOD)
    Patient.objects.filter(external_id="1").update(address="Stav 1")
    other = GOOD.replace("Оксана", "Олена").replace("050 123 45 67;", "")
    assert load(district, other) == Imported(rows=3, created=0, changed=1)
    row = PatientChange.objects.get()
    assert row.before == {"given_name": "Оксана", "phones": ["+380501234567", "+380671112233"]}
    assert row.after == {"given_name": "Олена", "phones": ["+380671112233"]}
    assert Patient.objects.get(external_id="1").address == "Stav 1"
    assert search_patients(operator, "0501234567") == []


def test_every_bad_row_is_told_and_nothing_is_changed(district):
    bad = HEADER + (
        "1,Гончаренко,Оксана,,02.03.1958,,,f,\n"
        ",NoNumber,,,,,,,\n"
        "3,,Given,,,,,,\n"
        "4,A,B,,31.02.1958,,,f,\n"
        "5,A,B,,,,12,f,\n"
        "6,A,B,,,,,x,\n"
        "7,A,B,,,,,f,maybe\n"
        "8,A,B\n"
        "9,A,B,,2199-01-01,,nonsense,,\n"
    )
    with pytest.raises(ImportRefused) as refused:
        load(district, bad)
    assert [(error.line, error.column) for error in refused.value.errors] == [
        (3, "external_id"),
        (4, "family_name"),
        (5, "birth_date"),
        (6, "phones"),
        (7, "sex"),
        (8, "needs_interpreter"),
        (9, ""),
        (10, "birth_date"),
        (10, "phones"),
    ]
    assert not Patient.objects.exists()


def test_a_number_that_stands_twice_is_told(district):
    with pytest.raises(ImportRefused) as refused:
        load(district, GOOD + "1,Again,,,,,,,\n")
    assert [(error.line, error.column) for error in refused.value.errors] == [(5, "external_id")]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", HEADER.replace("phones", "phone"), HEADER.replace("sex", "number")])
def test_a_file_with_other_columns_is_refused(district, text):
    with pytest.raises(ImportRefused):
        load(district, text)


def test_a_file_that_is_no_text_is_refused(district):
    with pytest.raises(ImportRefused):
        import_patients(district, read_csv(io.TextIOWrapper(io.BytesIO(b"\xff\xfe\x00\x81,"), "utf-8")))


def test_networks_do_not_meet_in_an_import(district, hospital, stranger):
    load(district, GOOD)
    assert load(hospital, GOOD) == Imported(rows=3, created=3, changed=0)
    assert len(search_patients(stranger, "小明")) == 1


def test_an_operator_may_not_import(operator):
    with pytest.raises(NotAllowed):
        load(operator, GOOD)


def test_the_command_tells_lines_and_counts(district, tmp_path, capsys):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("\ufeff" + GOOD.replace(",", "\t").replace('"O\'Brien\t Jr"', "O'Brien"), "utf-8")
    bad.write_text(HEADER + "1,A,B,,nonsense,,,,\n", "utf-8")
    call_command("import_patients", str(good), organisation="district")
    assert "3 created, 0 changed, 0 as they were." in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("import_patients", str(bad), organisation="district")
    assert "2, birth_date" in capsys.readouterr().err
    for arguments in ({"organisation": "nowhere"}, {"organisation": "district", "encoding": "nonsense"}):
        with pytest.raises(CommandError):
            call_command("import_patients", str(good), **arguments)


@pytest.mark.parametrize(
    "number", ["+380501234567", "+48601234567", "+8613812345678", "+375298000000", "+380000", "050 123 45 67"]
)
def test_the_quick_way_reads_numbers_as_the_thorough_way(number):
    def result(read):
        try:
            return read(number, "UA")
        except BadNumber:
            return None

    assert result(quick_e164) == result(e164)
