"""What operators, people in the hall and patients write about a contact."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from careline.base.accounts.models import Role
from careline.base.audit.models import AuditRow
from careline.base.errors import NotAllowed, NotFound
from careline.base.outbox.models import OutboxRow
from careline.care.contacts import actions, ledger
from careline.care.contacts.errors import (
    KeyReused,
    NothingSaid,
    OutcomeUnknown,
    PlaceUnknown,
    RatingUnknown,
    TextTooLong,
    TooLateToUndo,
    TopicUnknown,
)
from careline.care.contacts.models import CallerDetails, Contact, ContactPatient, ContactText
from careline.care.directory.models import Topic


def kinds(contact) -> list[str]:
    return [row.kind for row in ledger.story(contact.pk)]


def record(reader, contact, key=None, **changes):
    values = {"key": key or str(uuid4()), "outcome": "booked", **changes}
    return actions.record_outcome(reader, contact.pk, **values)


class TestStart:
    def test_a_call_begins_on_the_ledger_with_ids_and_codes_alone(self, district):
        contact = district.call("067 123 45 67", name="Petro")

        [row] = ledger.story(contact.pk)
        assert (row.stream, row.seq, row.kind) == ("record", 1, "ContactStarted")
        assert row.data == {
            "organisation": str(district.centre.pk),
            "site": None,
            "line": str(district.line.pk),
            "channel": "voice",
            "direction": "in",
            "language": "uk",
            "topic": str(district.booking.pk),
            "simulated": False,
        }

    @pytest.mark.parametrize(
        ("written", "kept"),
        [
            ("067 123-45-67", "+380671234567"),
            ("+48 22 123 45 67", "+48221234567"),
            ("０６７ １２３ ４５ ６７", "+380671234567"),
            ("٠٦٧ ١٢٣ ٤٥ ٦٧", "+380671234567"),
            ("00380 67 123 45 67", "+380671234567"),
            ("067 123 45 67 доб. 12", "+380671234567"),
            ("067123456O", "067123456O"),
            ("not a number", "not a number"),
            ("", ""),
        ],
    )
    def test_a_number_is_kept_in_any_notation(self, district, written, kept):
        assert district.call(written).caller.number == kept

    def test_the_same_key_begins_one_contact(self, district):
        assert district.call(key="k1") == district.call(key="k1")
        assert Contact.objects.count() == 1


class TestOutcome:
    def test_topic_outcome_caller_and_patients_at_once(self, district, olena, patient):
        contact, ivan = district.call(), patient()

        record(
            olena,
            contact,
            topic_id=district.lab.pk,
            patient_ids=[ivan.pk],
            caller={"name": "Maria", "relation": "neighbour"},
            note="asks about blood tests",
            next=True,
            key="k1",
        )

        rows = ledger.story(contact.pk)
        assert [r.kind for r in rows] == ["ContactStarted", "PatientLinked", "OutcomeRecorded"]
        assert rows[-1].data == {"topic": str(district.lab.pk), "outcome": "booked", "by": str(olena.user_id)}
        assert [r.seq for r in rows] == [1, 2, 3]
        caller = CallerDetails.objects.get(contact=contact)
        assert (caller.name, caller.relation, caller.note) == ("Maria", "neighbour", "asks about blood tests")
        assert caller.number == "+380671234567"
        assert [p.patient_id for p in contact.patients.all()] == [ivan.pk]
        told = OutboxRow.objects.get(kind="contact_recorded")
        assert told.data["contact"] == str(contact.pk)
        assert told.data["agent"] == str(olena.user_id)
        assert told.data["next"] is True
        assert AuditRow.objects.get(action="contact.recorded").subject_ids == [contact.pk]

    def test_a_double_click_records_once(self, district, olena):
        contact = district.call()

        record(olena, contact, key="k1")
        record(olena, contact, key="k1", outcome="complaint")

        assert kinds(contact) == ["ContactStarted", "OutcomeRecorded"]
        assert OutboxRow.objects.filter(kind="contact_recorded").count() == 1

    def test_a_correction_is_a_new_event(self, district, olena):
        contact = district.call()

        record(olena, contact, outcome="booked")
        record(olena, contact, outcome="request")

        assert kinds(contact) == ["ContactStarted", "OutcomeRecorded", "OutcomeCorrected"]

    def test_a_key_belongs_to_one_contact(self, district, olena):
        record(olena, district.call(), key="k1")

        with pytest.raises(KeyReused):
            record(olena, district.call(), key="k1")

    def test_patients_may_be_exchanged(self, district, olena, patient):
        contact, ivan, petro = district.call(), patient("A"), patient("B")

        record(olena, contact, patient_ids=[ivan.pk])
        record(olena, contact, patient_ids=[petro.pk])

        assert set(ContactPatient.objects.values_list("patient_id", flat=True)) == {petro.pk}
        assert kinds(contact)[-3:] == ["PatientLinked", "PatientUnlinked", "OutcomeCorrected"]

    def test_refusals_change_nothing(self, district, olena, reader, patient):
        contact = district.call()
        foreign_topic = Topic.objects.create(organisation=district.other, code="x", names={"en": "X"})
        foreign_patient = patient("Z", district.other)
        auditor = reader("ann", district.centre, Role.AUDITOR)
        stranger = reader("bob", district.other)

        with pytest.raises(OutcomeUnknown):
            record(olena, contact, outcome="whatever")
        with pytest.raises(TopicUnknown):
            record(olena, contact, topic_id=foreign_topic.pk)
        with pytest.raises(NotFound):
            record(olena, contact, patient_ids=[foreign_patient.pk])
        with pytest.raises(NotAllowed):
            record(auditor, contact)
        with pytest.raises(NotFound):
            record(stranger, contact)

        assert kinds(contact) == ["ContactStarted"]
        assert not OutboxRow.objects.exists()

    def test_a_long_key_is_still_one_key(self, district, olena):
        contact = district.call()

        record(olena, contact, key="k" * 300)
        record(olena, contact, key="k" * 300)

        assert kinds(contact) == ["ContactStarted", "OutcomeRecorded"]


class TestHall:
    def test_two_taps(self, district, reader):
        guide = reader("iryna", district.centre, Role.PATIENT_ADMINISTRATOR, district.east)

        contact = actions.log_walk_in(guide, key="k1", topic_id=district.lab.pk, place="hall")

        assert (contact.channel, contact.site_id, contact.place) == ("walk_in", district.east.pk, "hall")
        assert kinds(contact) == ["ContactStarted", "WalkInLogged"]

    def test_sent_twice_after_being_offline_it_is_one(self, district, reader):
        guide = reader("iryna", district.centre, Role.PATIENT_ADMINISTRATOR, district.east)
        at = timezone.now() - timedelta(hours=3)

        first = actions.log_walk_in(guide, key="k1", topic_id=district.lab.pk, at=at)
        again = actions.log_walk_in(guide, key="k1", topic_id=district.lab.pk, at=at)

        assert first == again
        assert first.started_at == at

    def test_a_phone_with_a_wrong_clock_logs_nothing_in_the_future(self, district, olena):
        contact = actions.log_walk_in(olena, key="k1", topic_id=district.lab.pk, at=timezone.now() + timedelta(days=2))

        assert contact.started_at <= timezone.now()

    def test_at_another_site_than_ones_own_it_is_refused(self, district, reader):
        guide = reader("iryna", district.centre, Role.PATIENT_ADMINISTRATOR, district.east)

        with pytest.raises(PlaceUnknown):
            actions.log_walk_in(guide, key="k1", topic_id=district.lab.pk, site_id=district.west.pk)

    def test_undo_is_for_ones_own_and_for_a_while(self, district, olena, reader, monkeypatch):
        contact = actions.log_walk_in(olena, key="k1", topic_id=district.lab.pk)
        old = actions.log_walk_in(olena, key="k2", topic_id=district.lab.pk)
        with pytest.raises(NotFound):
            actions.undo_walk_in(reader("iryna", district.centre), contact.pk)

        actions.undo_walk_in(olena, contact.pk)
        actions.undo_walk_in(olena, contact.pk)
        monkeypatch.setattr(actions, "UNDO_WITHIN", timedelta(0))
        with pytest.raises(TooLateToUndo):
            actions.undo_walk_in(olena, old.pk)

        assert kinds(contact) == ["ContactStarted", "WalkInLogged", "WalkInUndone"]

    def test_someone_unwell_until_someone_has_come(self, district, reader, olena):
        guide = reader("iryna", district.centre, Role.PATIENT_ADMINISTRATOR, district.east)
        doctor = reader("danylo", district.centre, Role.DOCTOR)
        late = reader("stepan", district.centre, Role.DOCTOR)

        alert = actions.raise_unwell(guide, key="k1", place="second floor")
        assert actions.raise_unwell(guide, key="k1") == alert
        actions.see_unwell(doctor, alert.pk)
        actions.see_unwell(late, alert.pk)
        actions.come_unwell(doctor, alert.pk)

        alert.refresh_from_db()
        assert (alert.seen_by_id, alert.come_by_id) == (doctor.user_id, doctor.user_id)
        assert kinds(alert.contact) == ["ContactStarted", "UnwellRaised", "UnwellSeen", "UnwellCome"]
        kinds_told = list(OutboxRow.objects.order_by("id").values_list("kind", flat=True))
        assert kinds_told == ["unwell_raised", "unwell_changed", "unwell_changed"]
        with pytest.raises(NotFound):
            actions.see_unwell(reader("x", district.other, Role.DOCTOR), alert.pk)
        with pytest.raises(NotAllowed):
            actions.see_unwell(olena, alert.pk)


class TestPatientsWords:
    def test_the_later_rating_counts_and_the_same_key_is_one(self, district):
        contact = district.call()

        actions.rate_contact(contact.pk, 4, key="a")
        actions.rate_contact(contact.pk, 4, key="a")
        actions.rate_contact(contact.pk, 5, key="b")

        assert [r.data for r in ledger.story(contact.pk)[1:]] == [{"rating": 4}, {"rating": 5}]
        with pytest.raises(RatingUnknown):
            actions.rate_contact(contact.pk, 6, key="c")
        with pytest.raises(NotFound):
            actions.rate_contact(uuid4(), 5, key="d")

    def test_texts(self, district):
        contact = district.call()

        saved = actions.save_text(contact.pk, None, " good morning ")

        assert (saved.text, saved.by_agent) == ("good morning", None)
        with pytest.raises(NothingSaid):
            actions.save_text(contact.pk, None, "  ")
        with pytest.raises(TextTooLong):
            actions.save_text(contact.pk, None, "a" * 2001)
        with pytest.raises(NotFound):
            actions.save_text(uuid4(), None, "hello")


def test_lines_of_a_talk_keep_their_order_when_the_clock_is_set_back(district, olena):
    contact = district.call()
    asked = actions.save_text(contact.pk, None, "Is the doctor in today?")
    ContactText.objects.filter(pk=asked.pk).update(at=timezone.now() + timedelta(hours=1))  # before it was set back
    actions.save_text(contact.pk, olena.user_id, "Until four.")
    actions.save_text(contact.pk, None, "Thank you.")
    said = ContactText.objects.filter(contact=contact).order_by("at", "id")
    assert [line.text for line in said] == ["Is the doctor in today?", "Until four.", "Thank you."]
