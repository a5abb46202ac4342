"""Writing the audit trail. It stands in the transaction of what it tells of: neither exists without the other."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.utils import timezone

from careline.base.accounts.rights import Reader
from careline.base.ids import uuid7
from careline.base.prepared import execute

INSERT = """
INSERT INTO audit_auditrow
    (id, at, user_id, posting_id, organisation_id, action, subject, subject_ids, reason, detail)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s, %s::jsonb)
"""


def record(
    reader: Reader | None,
    action: str,
    subject: str,
    ids: Iterable[UUID | str] = (),
    reason: str = "",
    **detail: Any,
) -> None:
    """One row: who did `action` ("patient.opened") to the `subject` ("patient") with these ids, and why.

    A search is one row that lists every id it showed. `detail` holds codes and counts, never names or numbers.
    `reader=None` is the system itself.
    """
    who = (reader.user_id, reader.posting_id, reader.organisation_id) if reader else (None, None, None)
    subjects = [UUID(str(id)) for id in ids]
    execute(
        INSERT,
        [uuid7(), timezone.now(), *who, action, subject, subjects, reason[:200], json.dumps(detail, default=str)],
    )
