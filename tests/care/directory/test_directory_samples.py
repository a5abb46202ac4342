"""The sample networks against the figures of the issue, and against themselves."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime

import phonenumbers
import pytest
from django.contrib.auth.hashers import check_password

from careline.base.accounts.models import Posting, Role, User
from careline.base.organisations.models import Organisation, Settlement, Site
from careline.care.directory import samples
from careline.care.directory.models import HoursException, Notice, OperatorSettings, PhoneLine, Queue, StaffSkill, Topic
from careline.care.directory.profiles import agent_profiles, all_queue_rules
from careline.care.directory.queries import is_open
from careline.care.directory.samples.load import load, open_for_demonstration

TABLES = (
    Organisation,
    Settlement,
    Site,
    User,
    Posting,
    PhoneLine,
    Queue,
    Topic,
    HoursException,
    Notice,
    StaffSkill,
    OperatorSettings,
)


def test_district_has_its_centre_ambulatories_points_settlements_and_lines(district):
    kinds = Counter(Site.objects.values_list("kind", flat=True))
    assert kinds == {"centre": 1, "ambulatory": 7, "feldsher_point": 15}
    assert Settlement.objects.count() == 13
    lines = list(PhoneLine.objects.all())
    assert len(lines) == 5
    assert {line.queue.code for line in lines} == {"registry"}  # they share them
    assert {tuple(map(str, line.hours.week)) for line in lines} == {(*["[['08:00', '16:00']]"] * 5, "[]", "[]")}
    assert district.languages[0] == "uk"


def test_every_settlement_of_the_district_is_served_and_within_70_km(district):
    home = Settlement.objects.get(name="Нова Долина")
    for place in Settlement.objects.prefetch_related("sites"):
        assert place.sites.all(), place.name
        east = math.radians(place.longitude - home.longitude) * math.cos(math.radians(home.latitude))
        north = math.radians(place.latitude - home.latitude)
        assert 6371 * math.hypot(east, north) <= 70, place.name


def test_city_has_twelve_clinics_and_a_contractors_two_hundred_operators(city):
    assert Organisation.objects.filter(kind="clinic").count() == 12
    assert Site.objects.filter(kind="clinic").count() == 12
    contractors = Posting.objects.filter(role=Role.OPERATOR, user__employer__kind="contractor")
    assert contractors.count() == 200
    assert set(contractors.values_list("organisation__code", flat=True)) == {"city"}
    assistants = Posting.objects.filter(role=Role.PATIENT_ADMINISTRATOR)
    assert set(assistants.values_list("user__employer__kind", flat=True)) == {"office"}
    assert set(assistants.values_list("organisation__kind", flat=True)) == {"clinic"}
    assert assistants.values("organisation").distinct().count() == 12


def test_hospital_has_its_departments_desks_and_a_line_around_the_clock(db):
    root = load("hospital").root
    departments = set(Site.objects.filter(kind="department").values_list("code", flat=True))
    assert departments == {"outpatient", "inpatient", "emergency", "traditional-medicine", "reproductive"}
    assert Site.objects.filter(kind="contact_centre").count() >= 5
    emergency = PhoneLine.objects.get(code="hospital-emergency")
    assert emergency.emergency
    assert emergency.hours.week == [[["00:00", "24:00"]]] * 7
    assert root.languages[0] == "zh-hans"


def test_standard_has_a_price_list_and_rules_of_registration(db):
    load("standard")
    codes = set(Topic.objects.values_list("code", flat=True))
    assert {"prices", "price-consultation", "payer", "registration-rules", "confirm-visit"} <= codes


@pytest.mark.parametrize("code", samples.NETWORKS)
def test_network_is_whole(db, code, languages):
    root = load(code).root
    assert set(Posting.objects.values_list("role", flat=True)) == set(Role.values)  # every role can be tried
    for topic in Topic.objects.all():
        assert sorted(topic.names) == sorted(languages)
        assert all(topic.names.values())
    for line in PhoneLine.objects.all():
        assert set(line.greeting) == set(root.languages)
        assert all("{name}" in text and "{line}" not in text for text in line.greeting.values())
        assert phonenumbers.is_possible_number(phonenumbers.parse(line.number))
        assert "55501" in line.number  # kept for fiction
    for notice in Notice.objects.all():
        assert sorted(notice.texts) == sorted(languages)
    assert all(rules.overflow or not queue_overflows(rules.id) for rules in all_queue_rules())
    assert not User.objects.exclude(email="").exists()


def queue_overflows(queue_id: str) -> bool:
    return bool(Queue.objects.get(id=queue_id).overflow)


@pytest.mark.parametrize("code", samples.NETWORKS)
def test_somebody_answers_every_queue_in_the_networks_language(db, code):
    root = load(code).root
    takers = Posting.objects.filter(role__in=[Role.OPERATOR, Role.REGISTRAR, Role.DOCTOR])
    profiles = agent_profiles(list(takers.select_related("user", "organisation")))
    for queue in Queue.objects.all():
        speakers = [
            p for p in profiles if str(queue.id) in p.queues and p.skills.get(f"lang:{root.languages[0]}", 0) >= 3
        ]
        assert speakers or queue.overflow, queue.code


def test_sick_callers_topic_goes_before_all_to_the_emergency_queue(district):
    topic = Topic.objects.get(code="unwell")
    assert topic.urgent
    assert topic.queue.emergency


@pytest.mark.parametrize("code", samples.NETWORKS)
def test_sample_patients_fit_their_network(db, code):
    load(code)
    rows = samples.patients(code)
    assert 55 <= len(rows) <= 70
    assert len({row["external_id"] for row in rows}) == len(rows)
    assert {row["settlement"] for row in rows} <= set(Settlement.objects.values_list("name", flat=True))
    assert {row["site"] for row in rows} <= set(Site.objects.values_list("code", flat=True))
    phones = Counter(phone for row in rows for phone in row["phones"].split(";"))
    assert sum(count > 2 for count in phones.values()) >= 5  # families on one number
    assert not set(phones) & set(PhoneLine.objects.values_list("number", flat=True))
    assert all("55501" in phone and phonenumbers.is_possible_number(phonenumbers.parse(phone)) for phone in phones)
    for flag in ("needs_interpreter", "hard_of_hearing", "safety_note", "channel"):
        assert any(row[flag] for row in rows), flag


def test_loading_again_changes_nothing(district):
    def everything() -> list:
        return [sorted(map(str, model.objects.values_list())) for model in TABLES]

    before = everything()
    assert everything() == before


def test_password_is_set_only_in_a_demo(db, settings):
    settings.DEMO = False
    load("standard")
    assert not User.objects.get(username="standard.operator").has_usable_password()
    settings.DEMO = True
    load("hospital")
    assert check_password(samples.PASSWORD, User.objects.get(username="hospital.operator").password)


def test_sign_ins_are_people_of_every_role_in_every_network(db):
    listed = samples.sign_ins()
    assert {each.username.split(".")[0] for each in listed} == set(samples.NETWORKS)
    for code in samples.NETWORKS:
        roles = {each.role for each in listed if each.username.startswith(f"{code}.")}
        assert roles == {str(role.label) for role in Role}


@pytest.mark.django_db
def test_the_demonstration_is_open_on_a_sunday_night(district):
    sunday_night = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
    line = PhoneLine.objects.select_related("hours", "queue").first()
    assert not is_open(line, sunday_night).open
    open_for_demonstration(sunday_night)
    assert is_open(PhoneLine.objects.get(pk=line.pk), sunday_night).open
