"""The desk's parts: who may ask, what they show, and that looking costs the same whatever there is to see."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from careline.base.accounts.models import Role
from careline.base.audit.models import AuditRow
from careline.base.organisations.models import Organisation
from careline.base.outbox.models import OutboxRow
from careline.care.contacts import ledger
from careline.care.contacts.models import CallerDetails, ContactDraft, ContactPatient, ContactSummary, LedgerRow
from careline.care.contacts.projections import show_now
from careline.care.patients.models import Patient
from careline.faces.shared import forget


def at(name: str, *args) -> str:
    return reverse(f"desk:{name}", args=args)


# --- who may ask ------------------------------------------------------------------------------------------


def test_stranger_is_sent_to_the_door(db):
    assert Client().get("/").headers["Location"].endswith("/accounts/login/")
    assert "/accounts/login/" in Client().get("/desk/").headers["Location"]


def test_partial_tells_a_stranger_so_without_navigating(clinic):
    answer = Client(headers={"HX-Request": "true"}).get(at("idle"))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("role", "home"), [(Role.OPERATOR, "/desk/"), (Role.SUPERVISOR, "/desk/"), (Role.ADMINISTRATOR, "/admin/")]
)
def test_each_role_begins_its_day_where_its_work_is(clinic, staff, role, home):
    client = Client()
    client.force_login(staff("somebody", clinic.organisation, role))
    assert client.get("/").headers["Location"] == home


@pytest.mark.parametrize("name", ["offer", "contact", "targets"])
def test_auditor_reads_contacts_but_answers_none(clinic, staff, name):
    client = Client(headers={"HX-Request": "true"})
    client.force_login(staff("auditor", clinic.organisation, Role.AUDITOR))
    assert client.get(at(name, clinic.call().pk)).status_code == 403


def test_contact_of_another_network_is_not_there(clinic, staff, desk):
    from careline.base.organisations.models import Organisation
    from careline.care.contacts.actions import start_contact
    from careline.care.directory.models import PhoneLine, Queue

    other = Organisation.objects.create(code="other", name="Other", kind="clinic", timezone="Europe/Kyiv")
    queue = Queue.objects.create(organisation=other, code="q", name="Q")
    line = PhoneLine.objects.create(organisation=other, queue=queue, code="other", name="Other")
    foreign = start_contact(line, channel="voice", language="uk")
    assert desk.get(at("contact", foreign.pk)).status_code == 404
    assert desk.post(at("emergency", foreign.pk), {"on": "1", "key": str(uuid.uuid4())}).status_code == 404


@pytest.mark.parametrize("name", ["record", "draft", "emergency", "search"])
def test_writes_need_the_token_of_the_page(clinic, name):
    client = Client(enforce_csrf_checks=True, headers={"HX-Request": "true"})
    client.force_login(clinic.operator)
    assert client.post(at(name, clinic.call().pk), {}).status_code == 403


def test_nothing_personal_stands_in_an_address_or_a_cache(clinic, desk):
    contact = clinic.call()
    answer = desk.get(at("contact", contact.pk))
    assert answer.headers["Cache-Control"] == "no-store"
    assert desk.get(at("search", contact.pk)).status_code == 405


# --- the first second -------------------------------------------------------------------------------------


def test_offer_greets_in_the_callers_language_by_the_operators_name(clinic, desk):
    page = desk.get(at("offer", clinic.call().pk)).content.decode()
    assert "Доброго дня! Амбулаторія Тихий Став, мене звати Марічка. Чим допомогти?" in page
    assert 'lang="uk"' in page


def test_shared_number_lists_candidates_and_opens_none(clinic, desk):
    page = desk.get(at("offer", clinic.call().pk)).content.decode()
    assert "Оксана Петрівна Гончаренко" in page
    assert "Данило Гончаренко" in page
    assert "Алергія: пеніцилін" not in page
    assert not AuditRow.objects.filter(action="patient.opened").exists()


def test_unknown_caller_is_said_to_be_unknown(clinic, desk):
    page = desk.get(at("offer", clinic.call(number="").pk)).content.decode()
    assert "Unknown caller" in page
    assert "No number was given" in page


def test_second_call_of_the_day_is_seen_before_the_answer(clinic, desk):
    clinic.call()
    page = desk.get(at("offer", clinic.call().pk)).content.decode()
    assert "Called once before today" in page


# --- patients ---------------------------------------------------------------------------------------------


def test_patient_is_chosen_opened_and_audited(clinic, desk):
    contact = clinic.call()
    page = desk.post(at("choose", contact.pk, clinic.oksana.pk)).content.decode()
    assert "Алергія: пеніцилін" in page
    assert ContactPatient.objects.get().patient == clinic.oksana
    assert AuditRow.objects.filter(action="patient.opened", subject_ids=[clinic.oksana.pk]).count() == 1


def test_several_patients_are_chosen_and_one_is_taken_back(clinic, desk):
    contact = clinic.call()
    desk.post(at("choose", contact.pk, clinic.oksana.pk))
    desk.post(at("choose", contact.pk, clinic.danylo.pk))
    desk.post(at("unchoose", contact.pk, clinic.oksana.pk))
    assert list(ContactPatient.objects.values_list("patient_id", flat=True)) == [clinic.danylo.pk]


def test_search_finds_in_another_alphabet(clinic, desk):
    page = desk.post(at("search", clinic.call().pk), {"text": "honcharenko oks"}).content.decode()
    assert "Оксана Петрівна Гончаренко" in page


def test_new_patient_is_made_and_chosen_at_once(clinic, desk):
    contact = clinic.call()
    fields = {"family_name": "Савчук", "given_name": "Леся", "birth_date": "1990-07-01", "phone": "050 555 01 20"}
    answer = desk.post(at("new-patient", contact.pk), fields)
    made = Patient.objects.get(family_name="Савчук")
    assert answer.headers["HX-Retarget"] == "#who"
    assert ContactPatient.objects.get(contact=contact).patient == made


def test_impossible_number_is_said_at_the_form(clinic, desk):
    answer = desk.post(at("new-patient", clinic.call().pk), {"family_name": "Савчук", "phone": "12"})
    assert answer.status_code == 422
    assert "This is not a telephone number" in answer.content.decode()
    assert not Patient.objects.filter(family_name="Савчук").exists()


# --- how it ends ------------------------------------------------------------------------------------------


def outcome(clinic, **changes) -> dict[str, str]:
    return {
        "key": str(uuid.uuid4()), "topic": str(clinic.booking.pk), "outcome": "answered", "note": "Донька приїде.",
        "caller_name": "Оксана", "relation": "self", "next": "1",
    } | changes  # fmt: skip


def test_outcome_is_on_the_ledger_and_frees_the_operator(clinic, desk):
    contact = clinic.call()
    answer = desk.post(at("record", contact.pk), outcome(clinic))
    assert answer.status_code == 200
    assert "careline:recorded" in answer.headers["HX-Trigger"]
    told = OutboxRow.objects.get(kind="contact_recorded")
    assert told.data["next"] is True
    assert CallerDetails.objects.get(contact=contact).note == "Донька приїде."
    show_now([contact.pk])
    assert ContactSummary.objects.get(pk=contact.pk).outcome == "answered"


def test_pressed_twice_is_recorded_once(clinic, desk):
    contact, said = clinic.call(), outcome(clinic)
    assert [desk.post(at("record", contact.pk), said).status_code for _ in range(2)] == [200, 200]
    assert LedgerRow.objects.filter(kind__in=["OutcomeRecorded", "OutcomeCorrected"]).count() == 1


def test_no_outcome_is_refused_and_what_was_written_is_kept(clinic, desk):
    contact = clinic.call()
    answer = desk.post(at("record", contact.pk), outcome(clinic, outcome=""))
    page = answer.content.decode()
    assert answer.status_code == 400
    assert 'role="alert"' in page
    assert "Донька приїде." in page


def test_topic_may_come_from_the_list(clinic, desk):
    contact = clinic.call()
    desk.post(at("record", contact.pk), outcome(clinic, topic="", topic_more=str(clinic.prescription.pk)))
    show_now([contact.pk])
    assert ContactSummary.objects.get(pk=contact.pk).topic == clinic.prescription


def test_draft_is_kept_and_goes_along_with_the_contact(clinic, desk, staff):
    contact = clinic.call()
    desk.post(at("draft", contact.pk), {"note": "Питає про", "outcome": "nonsense", "relation": "parent"})
    assert ContactDraft.objects.values_list("note", "outcome", "relation").get() == ("Питає про", "", "parent")
    colleague = Client(headers={"HX-Request": "true"})
    colleague.force_login(staff("olena", clinic.organisation, first_name="Олена"))
    assert "Питає про" in colleague.get(at("contact", contact.pk)).content.decode()


# --- danger to life ---------------------------------------------------------------------------------------


def test_danger_to_life_is_written_told_and_taken_back(clinic, desk):
    contact = clinic.call()
    page = desk.post(at("emergency", contact.pk), {"on": "1", "key": str(uuid.uuid4())}).content.decode()
    assert "Pressed by mistake" in page
    show_now([contact.pk])
    assert ContactSummary.objects.get(pk=contact.pk).emergency
    desk.post(at("emergency", contact.pk), {"on": "", "key": str(uuid.uuid4())})
    show_now([contact.pk])
    assert not ContactSummary.objects.get(pk=contact.pk).emergency
    assert OutboxRow.objects.filter(kind="contact_changed", data__contact=str(contact.pk)).count() == 2
    assert list(LedgerRow.objects.filter(kind__startswith="Emergency").values_list("kind", flat=True)) == [
        "EmergencyFlagged",
        "EmergencyUnflagged",
    ]


# --- idle -------------------------------------------------------------------------------------------------


def test_one_queue_shows_emergencies_first_then_turn(clinic, desk):
    first, second, urgent = clinic.call(), clinic.call(channel="text"), clinic.call()
    clinic.waits(first, 90)
    clinic.waits(second, 40)
    clinic.waits(urgent, 5, emergency=True)
    page = desk.get(at("queue")).content.decode()
    assert page.count("<tr") == 4
    assert (
        page.index("feels unwell") < page.index("i-globe soft", page.index("feels unwell")) < page.index("i-chat soft")
    )


def test_transfer_lists_colleagues_those_ready_first(clinic, desk, staff):
    busy = staff("busy", clinic.organisation, first_name="Анна", last_name="Авдієнко")
    free = staff("free", clinic.organisation, first_name="Яна", last_name="Яценко")
    clinic.at_the_phone(busy, **{str(uuid.uuid4()): "talking"})
    clinic.at_the_phone(free)
    clinic.at_the_phone(clinic.operator)
    page = desk.get(at("targets", clinic.call().pk)).content.decode()
    assert page.index("Яна Яценко") < page.index("Анна Авдієнко")
    assert "Марічка" not in page
    assert page.count("disabled") == 1


def test_preferences_are_kept(clinic, desk):
    answer = desk.post(at("preferences"), {"theme": "dark", "density": "compact", "language": "pl"})
    assert answer.status_code == 204
    assert answer.cookies["careline_theme"].value == "dark"
    clinic.operator.refresh_from_db()
    assert clinic.operator.language == "pl"
    assert 'data-theme="dark" data-density="compact"' in desk.get("/desk/").content.decode()


def test_unknown_preferences_change_nothing(clinic, desk):
    answer = desk.post(at("preferences"), {"theme": '"><script>', "language": "xx"})
    assert not answer.cookies


# --- what it costs ----------------------------------------------------------------------------------------


def queries_of(desk, url, capture) -> int:
    forget()
    with capture() as seen:
        assert desk.get(url).status_code == 200
    return len(seen)


def test_idle_costs_the_same_with_three_waiting_as_with_one(clinic, desk, django_assert_max_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def capture():
        return CaptureQueriesContext(connection)

    desk.get(at("idle"))
    clinic.waits(clinic.call())
    one = queries_of(desk, at("idle"), capture)
    for _ in range(2):
        clinic.waits(clinic.call())
    assert queries_of(desk, at("idle"), capture) == one
    contact = clinic.call()
    before = queries_of(desk, at("contact", contact.pk), capture)
    for _ in range(2):
        clinic.call()
    assert queries_of(desk, at("contact", contact.pk), capture) <= before
    assert before <= 50


def test_desks_of_a_place_share_what_a_tick_makes_them_ask(clinic, desk, django_assert_num_queries):
    desk.get(at("queue"))
    with django_assert_num_queries(4):  # the session, the person and the posting: nothing of the queue
        desk.get(at("queue"))


# --- those who gave up ------------------------------------------------------------------------------------


@pytest.fixture
def gave_up(clinic):
    contact = clinic.call()
    told = {"contact": str(contact.pk), "queue": str(clinic.queue.pk), "emergency": False, "cause": "abandoned"}
    with transaction.atomic():
        ledger.append(
            ledger.Entry(contact.pk, "routing", "ContactQueued", contact.started_at, told),
            ledger.Entry(contact.pk, "routing", "EndContact", contact.started_at + timedelta(seconds=50), told),
        )
    show_now([contact.pk])
    return contact


def test_call_back_is_noted_from_the_task_and_taken_back(desk, gave_up):
    tasks = desk.get(at("tasks")).content.decode()
    assert f'id="reached-{gave_up.pk}"' in tasks
    missed = desk.post(at("note-attempt", gave_up.pk), {"key": str(uuid.uuid4()), "reached": "0"}).content.decode()
    assert "called back once in vain" in missed
    answer = desk.post(at("note-attempt", gave_up.pk), {"key": str(uuid.uuid4()), "reached": "1"})
    reached = answer.content.decode()
    assert answer["HX-Trigger-After-Swap"] == "careline:noted"
    assert f'id="reached-{gave_up.pk}"' not in reached
    assert ContactSummary.objects.get(pk=gave_up.pk).recovered_at is not None
    undo = re.findall(r'hx-post="(/desk/tasks/[^"]+/undo/)"', reached)
    again = desk.post(undo[0]).content.decode()
    assert f'id="reached-{gave_up.pk}"' in again
    assert "called back once in vain" in again


def test_note_of_a_call_back_needs_right_and_token(clinic, staff, gave_up):
    auditor = Client(headers={"HX-Request": "true"})
    auditor.force_login(staff("auditor", clinic.organisation, Role.AUDITOR))
    assert f'id="reached-{gave_up.pk}"' not in auditor.get(at("tasks")).content.decode()
    said = {"key": str(uuid.uuid4()), "reached": "1"}
    assert auditor.post(at("note-attempt", gave_up.pk), said).status_code == 403
    stranger = Client(enforce_csrf_checks=True, headers={"HX-Request": "true"})
    stranger.force_login(clinic.operator)
    assert stranger.post(at("note-attempt", gave_up.pk), said).status_code == 403


# --- the site's word --------------------------------------------------------------------------------------


def test_desk_calls_people_as_the_site_does(clinic, desk):
    contact = clinic.call()
    desk.post(at("choose", contact.pk, clinic.oksana.pk))
    for word, here, not_here in (("patient", "Patient", "client"), ("client", "Client", "patient")):
        Organisation.objects.filter(pk=clinic.organisation.pk).update(patient_word=word)
        forget()
        page = desk.get(at("contact", contact.pk)).content.decode()
        assert f'<h2 id="who-h">{here}</h2>' in page
        assert f"<span>the {here.lower()}</span>" in page
        assert f"{here} not reached" in page
        assert f"Find a {not_here}" not in desk.get(at("shell")).content.decode()
