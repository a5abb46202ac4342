"""The right of erasure: the person is nowhere in the database afterwards, and nobody else has lost a word."""

from __future__ import annotations

import io
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from careline.base.accounts.models import Role
from careline.base.audit.models import AuditRow
from careline.base.errors import NotAllowed, NotFound, ReasonNeeded
from careline.care.contacts import actions, projections
from careline.care.contacts.drafts import draft_of, save_draft
from careline.care.contacts.erasing import Erasure, erase_patient, what_goes
from careline.care.contacts.errors import PatientInContact, ReasonNamesPatient
from careline.care.contacts.models import (
    CallerDetails,
    Contact,
    ContactDraft,
    ContactSummary,
    ContactText,
    LedgerRow,
    LiveState,
    ReasonText,
)
from careline.care.contacts.queries import recovery_list
from careline.care.contacts.rules import Goes, Written, goes_with
from careline.care.patients.actions import change_patient, create_patient
from careline.care.patients.models import NameWord, Patient

ANNA, BORYS = UUID(int=1), UUID(int=2)
NUMBER = "+380671112233"
NOBODY = Written(frozenset(), None, "", number_theirs=False, number_shared=False, named=False)


@pytest.fixture
def head(reader, district):
    return reader("halyna", district.root, Role.UNIT_HEAD)


@pytest.fixture
def anna(olena):
    """Changed her name and her number once; lives in the history and in the words of the search."""
    made = create_patient(
        olena, family_name="Жовтобрюх", given_name="Ганна", middle_name="Лук'янівна", number="0471-99",
        address="вул. Криничанська 7", safety_note="боїться голок", phones=["067 999 88 77"],
    )  # fmt: skip
    return change_patient(olena, made.pk, family_name="Нетудихата", phones=[NUMBER])


@pytest.fixture
def borys(olena):
    return create_patient(olena, family_name="Бондаренко", given_name="Борис", phones=["050 000 00 01"])


def said(district, olena, *patients, number=NUMBER, caller=None, note="", name="", relation="") -> Contact:
    contact = district.call(number, name=name)
    actions.record_outcome(
        olena,
        contact.pk,
        key=str(uuid4()),
        outcome="answered",
        topic_id=district.lab.pk,
        patient_ids=[patient.pk for patient in patients],
        caller={"name": name, "relation": relation} | ({"patient": caller.pk} if caller else {}),
        note=note,
    )
    return contact


def told(contact: Contact) -> tuple[str, str, str]:
    details = CallerDetails.objects.get(contact=contact)
    return details.name, details.number, details.note


def found(*needles: str) -> set[str]:
    """Where any of these stands in the database: every column of every table that can hold text."""
    places = set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t"
            " USING (table_schema, table_name) WHERE t.table_schema = current_schema() AND t.table_type = 'BASE TABLE'"
            " AND (c.data_type IN ('text', 'character varying', 'character', 'json', 'jsonb', 'ARRAY', 'bytea'))"
        )
        for table, column in cursor.fetchall():
            for needle in needles:
                cursor.execute(f'SELECT 1 FROM "{table}" WHERE "{column}"::text ILIKE %s LIMIT 1', [f"%{needle}%"])
                if cursor.fetchone():
                    places.add(f"{table}.{column}: {needle}")
    return places


PERSON = (
    "Жовтобрюх", "Нетудихата", "Ганна", "Лук'янівна", "netudihat", "жовтобрюх", "нетудихата", "671112233",
    "679998877", "99888", "Криничанська", "боїться", "спитала про аналіз", "дві смужки", "не встигла", "без черги",
)  # fmt: skip


def test_after_erasing_no_column_of_the_database_tells_of_the_patient(district, olena, head, anna, borys):
    own = said(district, olena, anna, name="Нетудихата Ганна", note="спитала про аналіз", relation="self")
    actions.save_text(own.pk, None, "у мене дві смужки, Нетудихата")
    actions.save_text(own.pk, olena.user_id, "дві смужки: приходьте")
    save_draft(olena, own.pk, {"caller_name": "Нетудихата Ганна", "note": "не встигла дописати"})
    ReasonText.objects.create(subject=own.pk, at=timezone.now(), text="без черги: літня")
    ReasonText.objects.create(subject=olena.user_id, at=timezone.now(), text="розмова з Нетудихата Ганна")
    district.call(NUMBER, name="Ганна")  # gave up; never linked to the record
    for_child = said(district, olena, borys, name="Ганна Нетудихата", note="у Бориса кашель", relation="parent")
    other = said(district, olena, borys, number="050 000 00 01", name="Борис", note="скарга")
    assert found(*PERSON) != set()
    kept = told(other)

    done = erase_patient(head, anna.pk, "Письмова заява № 17")

    assert found(*PERSON) == set()
    assert done == Erasure(contacts=2, callers=3, read_over=(for_child.pk,))
    assert told(for_child) == ("", "", "у Бориса кашель")
    assert told(other) == kept == ("Борис", "+380500000001", "скарга")
    assert list(other.patients.values_list("patient", flat=True)) == [borys.pk]
    assert NameWord.objects.filter(word="бондаренко").exists()


def test_the_ledger_and_every_figure_stay(district, olena, head, anna):
    said(district, olena, anna, name="Нетудихата Ганна", note="спитала про аналіз")
    projections.catch_up()
    ledger = list(LedgerRow.objects.order_by("position").values())
    figures = list(ContactSummary.objects.order_by("pk").values())

    erase_patient(head, anna.pk, "заява")
    projections.rebuild()

    assert list(LedgerRow.objects.order_by("position").values()) == ledger
    assert list(ContactSummary.objects.order_by("pk").values()) == figures


def test_the_trail_keeps_id_reason_and_who(district, olena, head, anna):
    patient_id = anna.pk
    contact = said(district, olena, anna)
    erase_patient(head, patient_id, "  заява № 17 ")
    row = AuditRow.objects.get(action="patient.erased")
    assert (row.subject_ids, row.reason, row.user_id) == ([patient_id], "заява № 17", head.user_id)
    assert row.detail == {"contacts": 1, "callers": 1, "read_over": []}
    assert Contact.objects.filter(pk=contact.pk).exists()


def test_twice_is_once(district, olena, head, anna):
    patient_id = anna.pk
    erase_patient(head, patient_id, "заява")
    assert erase_patient(head, patient_id, "заява") == Erasure(again=True)
    assert AuditRow.objects.filter(action="patient.erased").count() == 1
    with pytest.raises(NotFound):
        erase_patient(head, uuid4(), "заява")


def test_a_second_record_of_the_same_person_is_not_touched(district, olena, head, anna):
    twin = create_patient(olena, family_name="Нетудихата", given_name="Ганна", phones=[NUMBER])
    contact = said(district, olena, twin, name="Нетудихата Ганна", note="її власне")

    erase_patient(head, anna.pk, "заява")

    assert told(contact) == ("Нетудихата Ганна", NUMBER, "її власне")
    assert list(Patient.objects.get(pk=twin.pk).phones.values_list("e164", flat=True)) == [NUMBER]
    assert NameWord.objects.filter(word="нетудихата").exists()
    assert not NameWord.objects.filter(word="жовтобрюх").exists()


def test_a_daughter_with_a_record_keeps_her_name_and_loses_what_was_said_of_her_mother(
    district, olena, head, anna, borys
):
    contact = said(
        district, olena, anna, caller=borys, number="050 000 00 01", name="Борис", note="про маму", relation="child"
    )
    actions.save_text(contact.pk, None, "мама хвора")

    erase_patient(head, anna.pk, "заява")

    assert told(contact) == ("Борис", "+380500000001", "")
    assert not ContactText.objects.filter(contact=contact).exists()


def test_a_contact_about_two_keeps_the_words_for_the_other(district, olena, head, anna, borys):
    contact = said(district, olena, anna, borys, number="050 000 00 01", name="Борис", note="обом", relation="spouse")
    actions.save_text(contact.pk, None, "нам обом")

    done = erase_patient(head, anna.pk, "заява")

    assert told(contact) == ("Борис", "+380500000001", "обом")
    assert [text.text for text in ContactText.objects.filter(contact=contact)] == ["нам обом"]
    assert done.read_over == (contact.pk,)


def test_a_number_given_up_is_a_strangers_afterwards(district, olena, head, anna):
    long_ago = district.call("067 999 88 77", name="Ганна", at=timezone.now() - timedelta(days=900))
    today = district.call("067 999 88 77", name="Степан", at=timezone.now() + timedelta(seconds=1))

    erase_patient(head, anna.pk, "заява")

    assert told(long_ago)[:2] == ("", "")
    assert told(today)[:2] == ("Степан", "+380679998877")


def test_other_networks_are_not_touched(district, olena, head, anna, reader):
    stranger = reader("pavlo", district.other, Role.UNIT_HEAD)
    theirs = Contact.objects.create(
        organisation=district.other, channel="voice", language="uk", started_at=timezone.now()
    )
    CallerDetails.objects.create(contact=theirs, number=NUMBER, name="Нетудихата Ганна")
    with pytest.raises(NotFound):
        erase_patient(stranger, anna.pk, "заява")

    erase_patient(head, anna.pk, "заява")

    assert told(theirs)[:2] == ("Нетудихата Ганна", NUMBER)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.SUPERVISOR, Role.UNIT_HEAD}))
def test_only_supervisors_and_heads_erase(role, district, reader, anna):
    somebody = reader("inna", district.root, role)
    for ask in (lambda: erase_patient(somebody, anna.pk, "заява"), lambda: what_goes(somebody, anna.pk)):
        with pytest.raises(NotAllowed):
            ask()
    assert Patient.objects.filter(pk=anna.pk).exists()


@pytest.mark.parametrize("reason", ["заява Нетудихата", "для ганна", "дзвонила з 067 111-22-33", "НетудихатаГанна"])
def test_a_reason_never_names_the_patient(reason, head, anna):
    with pytest.raises(ReasonNamesPatient):
        erase_patient(head, anna.pk, reason)
    with pytest.raises(ReasonNeeded):
        erase_patient(head, anna.pk, "  ")
    assert not AuditRow.objects.filter(action="patient.erased").exists()


def test_nothing_is_erased_while_they_are_talked_to(district, olena, head, anna):
    contact = said(district, olena, anna, note="спитала про аналіз")
    LiveState.objects.create(subject=contact.pk, kind="contact", state={"phase": "talking"})
    with pytest.raises(PatientInContact):
        erase_patient(head, anna.pk, "заява")
    assert told(contact)[2] == "спитала про аналіз"


def test_a_page_left_open_brings_nothing_back(district, olena, head, anna):
    contact = said(district, olena, anna, name="Нетудихата Ганна", note="спитала про аналіз")
    save_draft(olena, contact.pk, {"note": "спитала про аналіз"})
    erase_patient(head, anna.pk, "заява")

    save_draft(olena, contact.pk, {"caller_name": "Нетудихата", "note": "спитала про аналіз", "outcome": "booked"})
    late = {"name": "Нетудихата", "number": NUMBER, "relation": "self"}
    actions.record_outcome(olena, contact.pk, key="late", outcome="booked", caller=late, note="спитала про аналіз")

    assert found(*PERSON) == set()
    assert draft_of(contact).outcome == "booked"
    assert ContactDraft.objects.get(contact=contact).note == ""


def test_whoever_asked_to_be_forgotten_is_not_called_back(district, olena, head, anna):
    contact = district.call(NUMBER)
    ended = timezone.now()
    ContactSummary.objects.filter(pk=contact.pk).delete()
    projections.show_now([contact.pk])
    ContactSummary.objects.filter(pk=contact.pk).update(cause="abandoned", phase="ended", ended_at=ended)
    assert [row.last.id for row in recovery_list(olena)] == [contact.pk]

    erase_patient(head, anna.pk, "заява")

    assert recovery_list(olena) == []


# --- the rule itself ------------------------------------------------------------------------------------------------


def written(**changes) -> Written:
    given = {name: getattr(NOBODY, name) for name in Written.__slots__} | changes
    return Written(**given | {"patients": frozenset(given["patients"])})


ALL, NOTHING = Goes(caller=True, number=True, words=True), Goes()


@pytest.mark.parametrize(
    ("contact", "goes"),
    [
        (written(), NOTHING),
        (written(named=True), NOTHING),  # somebody of that name
        (written(patients={BORYS}), NOTHING),
        (written(patients={BORYS}, relation="self"), NOTHING),
        (written(patients={ANNA}), ALL),
        (written(patients={ANNA}, relation="child"), ALL),
        (written(patients={ANNA}, relation="self"), ALL),
        (written(patients={ANNA}, caller=BORYS), Goes(words=True)),
        (written(patients={ANNA}, caller=BORYS, number_theirs=True), Goes(number=True, words=True)),
        (written(patients={ANNA, BORYS}), NOTHING),
        (written(patients={ANNA, BORYS}, relation="self"), NOTHING),  # which of them?
        (written(patients={ANNA, BORYS}, named=True), Goes(caller=True, number=True)),
        (written(patients={ANNA, BORYS}, caller=ANNA), Goes(caller=True, number=True)),
        (written(patients={BORYS}, caller=ANNA), Goes(caller=True, number=True)),
        (written(patients={BORYS}, number_theirs=True), Goes(caller=True, number=True)),
        (written(patients={BORYS}, number_theirs=True, number_shared=True), NOTHING),
        (written(patients={BORYS}, number_theirs=True, number_shared=True, named=True), Goes(caller=True, number=True)),
        (written(caller=ANNA), ALL),
        (written(caller=BORYS, number_theirs=True), Goes(number=True)),
        (written(number_theirs=True), ALL),
        (written(number_theirs=True, number_shared=True), NOTHING),
        (written(number_theirs=True, number_shared=True, named=True), ALL),
    ],
)
def test_what_goes_with_a_patient(contact, goes):
    assert goes_with(ANNA, contact) == goes


# --- the command ----------------------------------------------------------------------------------------------------


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("erase_patient", *words, stdout=out)
    return out.getvalue()


def test_the_command_tells_first_and_erases_then(district, olena, anna):
    patient_id, contact = str(anna.pk), said(district, olena, anna, note="спитала про аналіз")
    assert "It would be erased." in run("0471-99", "--network", "district", "--dry-run")
    assert told(contact)[2] == "спитала про аналіз"
    with pytest.raises(CommandError, match="Say why"):
        run(patient_id)

    assert "The record is erased.\nContacts losing notes and messages: 1; losing the caller: 1." in run(
        patient_id, "--reason", "заява № 17"
    )

    assert found(*PERSON) == set()
    row = AuditRow.objects.get(action="patient.erased")
    assert (row.reason, row.user_id) == ("заява № 17", None)
    assert "erased before" in run(patient_id, "--reason", "заява № 17")


def test_the_command_speaks_for_somebody_who_may(district, olena, head, anna):
    patient_id = str(anna.pk)
    for wrong in ("olena", "nobody"):
        with pytest.raises(CommandError, match="role"):
            run(patient_id, "--reason", "заява", "--by", wrong)
    run(patient_id, "--reason", "заява", "--by", "halyna")
    assert AuditRow.objects.get(action="patient.erased").user_id == head.user_id


@pytest.mark.parametrize("wrong", [["17"], ["0471-00", "--network", "district"], ["0471-99", "--network", "elsewhere"]])
def test_the_command_refuses_whom_it_does_not_find(wrong, anna):
    with pytest.raises(CommandError):
        run(*wrong, "--reason", "заява")
