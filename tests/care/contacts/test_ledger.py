"""Appending in order, reading only what is final, and never changing anything."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from careline.base.outbox.models import OutboxRow
from careline.care.contacts import ledger
from careline.care.contacts.ledger import Entry
from careline.care.contacts.models import LedgerRow

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def entry(subject: UUID, kind: str = "TopicSet", stream: str = "record", key: str | None = None) -> Entry:
    return Entry(subject, stream, kind, AT, {"n": 1}, key)


@pytest.mark.django_db
class TestAppend:
    def test_numbers_go_on_without_gaps_in_each_stream(self):
        one, two = uuid4(), uuid4()

        ledger.append(entry(one), entry(two), entry(one), entry(one, stream="routing"))
        positions = ledger.append(entry(one), entry(two))

        numbers = list(LedgerRow.objects.order_by("position").values_list("subject", "stream", "seq"))
        assert numbers == [
            (one, "record", 1),
            (two, "record", 1),
            (one, "record", 2),
            (one, "routing", 1),
            (one, "record", 3),
            (two, "record", 2),
        ]
        assert positions == list(LedgerRow.objects.order_by("position").values_list("position", flat=True))[-2:]

    def test_the_same_key_is_refused(self):
        subject = uuid4()
        ledger.append(entry(subject, key="k1"))

        with pytest.raises(IntegrityError), transaction.atomic():
            ledger.append(entry(uuid4(), key="k1"))

        assert ledger.known("k1") == subject
        assert ledger.known("k2") is None

    @pytest.mark.parametrize("order", ["UPDATE contacts_ledgerrow SET kind = 'x'", "DELETE FROM contacts_ledgerrow"])
    def test_nothing_is_ever_changed(self, order):
        ledger.append(entry(uuid4()))

        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(order)


@pytest.mark.django_db(transaction=True)
class TestReading:
    def test_a_transaction_that_commits_late_is_not_skipped(self):
        """The early one takes its number first and commits last; whoever read past it would never see it."""
        early, late = uuid4(), uuid4()
        may_commit, written = threading.Event(), threading.Event()

        def write_early() -> None:
            with transaction.atomic():
                ledger.append(entry(early))
                written.set()
                may_commit.wait(10)
            connections.close_all()

        thread = threading.Thread(target=write_early)
        thread.start()
        written.wait(10)
        with transaction.atomic():
            ledger.append(entry(late))
        before = ledger.page(0, ledger.horizon(), 100)
        may_commit.set()
        thread.join()
        after = ledger.page(0, ledger.horizon(), 100)

        assert before == []
        assert [row.subject for row in after] == [early, late]

    def test_who_writes_something_else_holds_nobody_up(self):
        """An import that runs for minutes in one transaction must not stop the wallboard."""
        subject = uuid4()
        may_commit, written = threading.Event(), threading.Event()

        def import_much() -> None:
            with transaction.atomic():
                OutboxRow.objects.create(to="nobody", kind="import", key="k")
                written.set()
                may_commit.wait(10)
            connections.close_all()

        thread = threading.Thread(target=import_much)
        thread.start()
        written.wait(10)
        with transaction.atomic():
            ledger.append(entry(subject))

        seen = ledger.page(0, ledger.horizon(), 100)
        may_commit.set()
        thread.join()
        assert [row.subject for row in seen] == [subject]

    def test_what_was_taken_back_leaves_a_gap_that_nobody_waits_for(self):
        one, two = uuid4(), uuid4()
        with transaction.atomic():
            ledger.append(entry(one))
            transaction.set_rollback(True)
        with transaction.atomic():
            ledger.append(entry(two))

        assert [row.subject for row in ledger.page(0, ledger.horizon(), 100)] == [two]

    def test_pages_follow_each_other_and_leave_nothing_out(self):
        subjects = [uuid4() for _ in range(9)]
        with transaction.atomic():
            ledger.append(*(entry(each) for each in subjects))

        seen, last = [], 0
        while rows := ledger.page(last, ledger.horizon(), 2):
            seen += [row.subject for row in rows]
            last = rows[-1].position

        assert seen == subjects


def test_the_position_in_a_lock_is_found_again_beyond_what_a_lock_can_hold():
    assert ledger._whole(100, 150) == 100
    assert ledger._whole(5, 2147483647 * 3 + 9) == 2147483647 * 3 + 5
