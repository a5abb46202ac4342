"""Appending in order, reading only what is final, and never changing anything."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

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

    def test_after_a_restore_every_row_is_below_the_new_servers_numbers(self):
        ledger.append(entry(uuid4()))

        ledger.after_restore()

        rows, _ = ledger.page(0, 2, 10)
        assert len(rows) == 1


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
        before, stop = ledger.page(0, ledger.horizon(), 100)
        may_commit.set()
        thread.join()
        after = read_until(stop, {early, late})

        assert late not in {row.subject for row in before}
        assert {row.subject for row in after} == {early, late}

    def test_pages_never_cut_a_transaction_and_leave_nothing_out(self):
        subjects = [uuid4() for _ in range(9)]
        for n in range(0, 9, 3):
            with transaction.atomic():
                ledger.append(*(entry(each) for each in subjects[n : n + 3]))

        sizes, seen, start = [], [], 0
        end = settled(subjects)
        while start < end:
            rows, start = ledger.page(start, end, 2)
            if rows:
                sizes.append(len(rows))
            seen += [row.subject for row in rows]

        assert sizes == [3, 3, 3]
        assert seen == subjects


def settled(subjects: list[UUID]) -> int:
    """The horizon once it has passed these rows: other databases of the same server may hold it back for a moment."""
    read_until(0, set(subjects))
    return ledger.horizon()


def read_until(start: int, wanted: set[UUID]) -> list:
    with connection.cursor() as cursor:
        for _ in range(600):
            rows, _ = ledger.page(start, ledger.horizon(), 100)
            if wanted <= {row.subject for row in rows}:
                return rows
            cursor.execute("SELECT pg_sleep(0.1)")
    raise AssertionError("these rows never became final")
