"""Lists, cards, history, the recovery list: right rows, no others, and as many queries at one row as at ten."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from careline.base.accounts.models import Role
from careline.base.audit.models import AuditRow
from careline.base.errors import NotAllowed, NotFound
from careline.care.contacts import actions, ledger, queries
from careline.care.contacts.ledger import Entry
from careline.care.contacts.models import Contact, LiveState, Stream
from careline.care.contacts.projections import show_now
from careline.care.contacts.queries import Filters


def routed(contact: Contact, *told: tuple[str, dict], queue=None) -> None:
    """As the switchboard would have written it, all at the contact's beginning."""
    entries = [
        Entry(contact.pk, Stream.ROUTING, kind, contact.started_at, {"contact": str(contact.pk), **data})
        for kind, data in told
    ]
    ledger.append(*entries)
    show_now([contact.pk])


def talked(contact: Contact, district, agent) -> None:
    by = {"agent": str(agent.user_id)}
    routed(
        contact,
        ("ContactQueued", {"queue": str(district.queue.pk), "emergency": False}),
        ("StartTalk", by),
        ("StopTalk", {**by, "reason": "ended"}),
        ("EndContact", {"cause": "completed"}),
    )


def gave_up(contact: Contact, district) -> None:
    routed(
        contact,
        ("ContactQueued", {"queue": str(district.queue.pk), "emergency": False}),
        ("EndContact", {"cause": "abandoned"}),
    )


@pytest.fixture
def calls(district, olena):
    """calls(3) -> three finished calls of different people, oldest first, a minute apart."""

    def make(count: int) -> list[Contact]:
        start = timezone.now() - timedelta(hours=1)
        made = []
        for n in range(count):
            contact = district.call(f"+38067000{n:04}", at=start + timedelta(minutes=n))
            talked(contact, district, olena)
            made.append(contact)
        return made

    return make


class TestList:
    def test_newest_first_page_by_page(self, calls, olena):
        made = calls(5)

        first = queries.contacts_list(olena, limit=2)
        second = queries.contacts_list(olena, limit=2, after=first.next)
        third = queries.contacts_list(olena, limit=2, after=second.next)

        assert [r.id for r in first.rows + second.rows + third.rows] == [c.pk for c in reversed(made)]
        assert third.next == ""

    def test_a_cursor_made_up_by_hand_is_the_first_page(self, calls, olena):
        calls(1)

        assert len(queries.contacts_list(olena, after="../../etc").rows) == 1

    def test_only_what_the_posting_covers(self, calls, olena, reader, district):
        calls(2)

        assert queries.contacts_list(reader("bob", district.other)).rows == []
        assert len(queries.contacts_list(reader("ann", district.root, Role.SUPERVISOR)).rows) == 2
        assert len(queries.contacts_list(reader("eva", district.centre, site=district.east)).rows) == 2
        with pytest.raises(NotAllowed):
            queries.contacts_list(reader("kit", district.centre, Role.CONTENT_EDITOR))

    def test_simulated_calls_show_only_in_the_demo(self, district, olena, settings):
        contact = district.call(simulated=True)
        talked(contact, district, olena)

        assert queries.contacts_list(olena).rows == []
        settings.DEMO = True
        assert [r.id for r in queries.contacts_list(olena).rows] == [contact.pk]

    def test_every_filter_narrows(self, calls, olena, district):
        first, second = calls(2)
        actions.record_outcome(
            olena, second.pk, key="k", outcome="booked", topic_id=district.lab.pk, caller={"name": "Maria Koval"}
        )
        show_now([second.pk])

        def found(**filters) -> list:
            return [r.id for r in queries.contacts_list(olena, Filters(**filters)).rows]

        both = [second.pk, first.pk]
        assert found(outcome="booked") == found(topic=district.lab.pk) == found(text="koval") == [second.pk]
        assert found(missing=True) == found(text="067000 0000") == [first.pk]
        assert found(since=second.started_at) == [second.pk]
        assert found(until=second.started_at) == [first.pk]
        assert found(queue=district.queue.pk) == found(line=district.line.pk) == found(channel="voice") == both
        assert found(agent=olena.user_id) == found(language="uk") == found(cause="completed") == both
        assert found(site=uuid4()) == found(cause="abandoned") == found(text="nobody") == []

    def test_a_look_is_one_row_that_lists_what_was_shown(self, calls, olena):
        made = calls(3)

        queries.contacts_list(olena, Filters(text="secret"))
        queries.contacts_list(olena)
        queries.contacts_list(olena, look=False)

        [row] = AuditRow.objects.filter(action="contact.listed")
        assert set(row.subject_ids) == {c.pk for c in made}
        assert "secret" not in str(row.detail)

    @pytest.mark.parametrize("count", [1, 10])
    def test_as_many_queries_at_one_row_as_at_ten(self, calls, olena, count, django_assert_num_queries):
        calls(count)

        with django_assert_num_queries(9):
            assert len(queries.contacts_list(olena).rows) == count


class TestExport:
    def test_the_export_says_what_the_list_says_and_names_no_caller(self, calls, reader, district, olena):
        made = calls(3)
        head = reader("ann", district.centre, Role.SUPERVISOR)

        header, *lines = queries.export_rows(head)

        assert header == list(queries.COLUMNS)
        assert [line[0] for line in lines] == [str(c.pk) for c in reversed(made)]
        assert lines[0][header.index("line")] == "town"
        assert not any("067000" in cell for line in lines for cell in line)
        assert AuditRow.objects.filter(action="contact.exported").count() == 1
        with pytest.raises(NotAllowed):
            queries.export_rows(olena)

    @pytest.mark.parametrize("count", [1, 10])
    def test_as_many_queries_at_one_row_as_at_ten(self, calls, reader, district, count, django_assert_num_queries):
        calls(count)
        head = reader("ann", district.centre, Role.SUPERVISOR)

        with django_assert_num_queries(5):
            assert len(list(queries.export_rows(head))) == count + 1

    def test_a_name_is_never_a_formula(self):
        assert queries._cell("=HYPERLINK(1)") == "'=HYPERLINK(1)"


class TestCard:
    def test_everything_about_one_contact_and_the_look_is_written(self, calls, olena, patient):
        [contact], ivan = calls(1), patient()
        actions.record_outcome(olena, contact.pk, key="k", outcome="booked", patient_ids=[ivan.pk])
        actions.save_text(contact.pk, None, "hello")

        card = queries.contact_card(olena, contact.pk)

        assert (card.contact, card.patients, [t.text for t in card.texts]) == (contact, [ivan], ["hello"])
        assert [h.kind for h in card.story][-1] == "OutcomeRecorded"
        assert AuditRow.objects.get(action="contact.opened").subject_ids == [contact.pk, ivan.pk]

    def test_before_the_projection_has_met_it(self, district, olena):
        contact = district.call()

        card = queries.contact_card(olena, contact.pk)

        assert card.summary is None
        assert (card.asked_topic, card.queue, card.outcome) == (district.booking, district.queue, "")

    def test_elsewhere_it_does_not_exist_unless_it_is_in_ones_own_hands(self, district, reader):
        contact = district.call()
        stranger = reader("bob", district.other)
        with pytest.raises(NotFound):
            queries.contact_card(stranger, contact.pk)

        LiveState.objects.create(subject=contact.pk, kind="contact", state={"agent": str(stranger.user_id)})

        assert queries.contact_card(stranger, contact.pk).contact == contact


class TestHistory:
    def test_earlier_contacts_of_the_same_number_or_patient(self, district, olena, patient):
        ivan, now = patient(), timezone.now()
        by_number = district.call("067 123 45 67", at=now - timedelta(hours=2))
        by_patient = district.call("050 765 43 21", at=now - timedelta(days=3))
        other = district.call("050 111 11 11", at=now - timedelta(hours=1))
        for contact in (by_number, by_patient, other):
            talked(contact, district, olena)
        present = district.call("+380671234567", at=now)
        actions.link_patients(olena, by_patient.pk, [ivan.pk])
        actions.link_patients(olena, present.pk, [ivan.pk])

        assert [r.id for r in queries.history(olena, queries.contact_card(olena, present.pk))] == [
            by_number.pk,
            by_patient.pk,
        ]

    def test_callers_without_a_number_share_nothing(self, district, olena):
        talked(district.call(""), district, olena)

        assert queries.history(olena, queries.contact_card(olena, district.call("").pk)) == []


class TestRecovery:
    def test_who_gave_up_stays_until_reached(self, district, olena):
        lost = district.call(at=timezone.now() - timedelta(hours=2))
        gave_up(lost, district)
        anonymous = district.call("", at=timezone.now() - timedelta(hours=1))
        gave_up(anonymous, district)
        assert [r.last.id for r in queries.recovery_list(olena)] == [lost.pk, anonymous.pk]
        assert queries.today(olena).to_recover == 2

        actions.record_attempt(olena, lost.pk, key="a", reached=False)
        show_now([lost.pk])
        assert queries.recovery_list(olena)[0].attempts == 1

        actions.record_attempt(olena, lost.pk, key="b", reached=True)
        show_now([lost.pk])
        assert [r.last.id for r in queries.recovery_list(olena)] == [anonymous.pk]

    def test_one_who_tried_three_times_is_one_row(self, district, olena):
        for hours in (3, 2, 1):
            gave_up(district.call(at=timezone.now() - timedelta(hours=hours)), district)

        [row] = queries.recovery_list(olena)

        assert row.times == 3

    def test_who_calls_again_and_is_answered_is_reached(self, district, olena):
        lost = district.call(at=timezone.now() - timedelta(hours=2))
        gave_up(lost, district)
        again = district.call()

        actions.record_outcome(olena, again.pk, key="k", outcome="answered")
        show_now([lost.pk])

        assert queries.recovery_list(olena) == []
        assert [h.kind for h in ledger.story(lost.pk)][-1] == "CallerReached"

    def test_one_who_is_waiting_again_need_not_be_called(self, district, olena):
        gave_up(district.call(at=timezone.now() - timedelta(hours=2)), district)
        again = district.call()
        routed(again, ("ContactQueued", {"queue": str(district.queue.pk), "emergency": False}))

        assert queries.recovery_list(olena) == []


def test_the_day_so_far(calls, district, olena):
    calls(2)
    walk_in = actions.log_walk_in(olena, key="w", topic_id=district.lab.pk)
    undone = actions.log_walk_in(olena, key="x", topic_id=district.lab.pk)
    actions.undo_walk_in(olena, undone.pk)
    show_now([walk_in.pk, undone.pk])

    day = queries.today(olena, timezone.now())

    assert (day.walk_ins, day.missing, day.to_recover) == (1, day.answered, 0)
    assert [r.id for r in queries.walk_ins_today(olena)] == [walk_in.pk]
