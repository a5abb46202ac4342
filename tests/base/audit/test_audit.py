from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from careline.base.audit.actions import record
from careline.base.audit.models import AuditRow


def test_a_search_is_one_row_that_lists_what_it_showed(reader, district):
    oksana, shown = reader("oksana", district.centre), [uuid4(), uuid4()]

    record(oksana, "patient.searched", "patient", shown, reason="call", found=2)

    row = AuditRow.objects.get()
    assert (row.user_id, row.posting_id, row.organisation_id) == (
        oksana.user_id,
        oksana.posting_id,
        oksana.organisation_id,
    )
    assert (row.action, row.subject, row.subject_ids, row.reason, row.detail) == (
        "patient.searched",
        "patient",
        shown,
        "call",
        {"found": 2},
    )


def test_the_row_shares_the_fate_of_its_transaction(reader, district):
    @transaction.atomic
    def opened_and_failed() -> None:
        record(reader("oksana", district.centre), "patient.opened", "patient", [uuid4()])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        opened_and_failed()

    assert not AuditRow.objects.exists()


@pytest.mark.parametrize(
    "statement",
    ["update audit_auditrow set reason = 'nothing to see'", "delete from audit_auditrow"],
)
def test_the_database_itself_refuses_to_change_history(statement, db):
    record(None, "patient.opened", "patient", [uuid4()])

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditRow.objects.count() == 1
