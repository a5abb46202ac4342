"""Help in the hall: two taps, undo, unwell; what the phone sends, and what it is told."""

from __future__ import annotations

import uuid
from datetime import date

import pytest

from careline.base.accounts.models import Posting, Role, User
from careline.base.organisations.models import Organisation, Site
from careline.care.contacts.models import Contact, ContactSummary, UnwellAlert
from careline.care.directory.models import Topic


class Hall:
    def __init__(self) -> None:
        self.clinic = Organisation.objects.create(
            code="clinic", name="Речная", kind="clinic", policy="RU", timezone="Europe/Moscow", languages=["ru"]
        )
        self.site = Site.objects.create(organisation=self.clinic, code="hall", name="Холл", kind="clinic")
        self.topic = Topic.objects.create(organisation=self.clinic, code="way", names={"en": "Find the way"})

    def staff(self, client, role: Role) -> User:
        user = User.objects.create_user(f"u{uuid.uuid4().hex[:8]}", first_name="Анна", last_name="Седова")
        Posting.objects.create(
            user=user, organisation=self.clinic, site=self.site, role=role, valid_from=date(2020, 1, 1)
        )
        client.force_login(user)
        return user

    def logged(self, client, **values: object):
        data = {"key": uuid.uuid4(), "topic": self.topic.pk, "outcome": "helped", "site": self.site.pk, **values}
        return client.post("/hall/log/", data)


@pytest.fixture
def hall(db) -> Hall:
    return Hall()


def test_two_taps_are_a_contact_with_topic_and_outcome(client, hall):
    user = hall.staff(client, Role.PATIENT_ADMINISTRATOR)
    answer = hall.logged(client)
    summary = ContactSummary.objects.get(pk=answer.json()["contact"])
    assert (answer.status_code, summary.channel, summary.topic_id, summary.outcome, summary.agent_id) == (
        201,
        "walk_in",
        hall.topic.pk,
        "helped",
        user.pk,
    )


def test_the_same_key_sent_twice_is_logged_once(client, hall):
    hall.staff(client, Role.PATIENT_ADMINISTRATOR)
    key = uuid.uuid4()
    first, second = hall.logged(client, key=key), hall.logged(client, key=key)
    assert first.json() == second.json()
    assert Contact.objects.count() == 1


def test_undo_takes_it_back_and_it_counts_nowhere(client, hall):
    hall.staff(client, Role.PATIENT_ADMINISTRATOR)
    contact = hall.logged(client).json()["contact"]
    client.post("/hall/undo/", {"contact": contact})
    assert ContactSummary.objects.get(pk=contact).undone
    assert 'data-number="0"' in client.get("/hall/day/").content.decode()


def test_my_day_shows_shares(client, hall):
    hall.staff(client, Role.PATIENT_ADMINISTRATOR)
    for outcome in ("helped", "shown", "not_solved", "helped"):
        hall.logged(client, outcome=outcome)
    page = client.get("/hall/day/").content.decode()
    assert 'data-number="4"' in page
    assert "75 %" in page
    assert "25 %" in page


@pytest.mark.parametrize("change", [{"topic": "x"}, {"outcome": "miracle"}, {"key": ""}, {"at": "1e99"}])
def test_bad_input_is_refused_by_name_and_nothing_is_written(client, hall, change):
    hall.staff(client, Role.PATIENT_ADMINISTRATOR)
    answer = client.post("/hall/log/", {"key": uuid.uuid4(), "topic": hall.topic.pk, "outcome": "helped", **change},
                         headers={"Accept": "application/json"})  # fmt: skip
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert Contact.objects.count() == 0


def test_unwell_runs_a_clock_until_someone_has_come(client, hall):
    hall.staff(client, Role.PATIENT_ADMINISTRATOR)
    alert = client.post("/hall/unwell/", {"key": uuid.uuid4(), "site": hall.site.pk}).json()
    assert (alert["seen_at"], alert["come_at"]) == (None, None)

    hall.staff(client, Role.DOCTOR)
    assert str(alert["alert"]) in client.get("/hall/alerts/").content.decode()
    seen = client.post(f"/hall/alerts/{alert['alert']}/seen/", headers={"Accept": "application/json"}).json()
    assert seen["by"] == "Анна Седова"
    client.post(f"/hall/alerts/{alert['alert']}/come/")
    assert UnwellAlert.objects.get().come_at is not None
    assert str(alert["alert"]) not in client.get("/hall/alerts/").content.decode()


def test_who_may_not_answer_is_refused(client, hall):
    hall.staff(client, Role.PATIENT_ADMINISTRATOR)
    assert client.get("/hall/alerts/").status_code == 403


def test_another_clinic_sees_no_alert(client, hall):
    hall.staff(client, Role.PATIENT_ADMINISTRATOR)
    alert = client.post("/hall/unwell/", {"key": uuid.uuid4()}).json()["alert"]
    other = Organisation.objects.create(code="other", name="Другая", kind="clinic", languages=["ru"])
    doctor = User.objects.create_user("other-doctor")
    Posting.objects.create(user=doctor, organisation=other, role=Role.DOCTOR, valid_from=date(2020, 1, 1))
    client.force_login(doctor)
    assert client.get(f"/hall/alerts/{alert}/").status_code == 404
    assert client.post(f"/hall/alerts/{alert}/seen/").status_code == 404


def test_the_page_opens_with_few_queries(client, hall, django_assert_max_num_queries):
    hall.staff(client, Role.PATIENT_ADMINISTRATOR)
    client.get("/hall/")
    with django_assert_max_num_queries(9):
        client.get("/hall/")


def test_the_worker_keeps_the_page_and_its_files(client, hall):
    hall.staff(client, Role.PATIENT_ADMINISTRATOR)
    answer = client.get("/hall/worker.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert "js/hall.js" in answer.content.decode()
