"""Writing the audit trail. It stands in the transaction of what it tells of: neither exists without the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from careline.base.accounts.rights import Reader
from careline.base.audit.models import AuditRow


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
    AuditRow.objects.create(
        user_id=reader.user_id if reader else None,
        posting_id=reader.posting_id if reader else None,
        organisation_id=reader.organisation_id if reader else None,
        action=action,
        subject=subject,
        subject_ids=[UUID(str(i)) for i in ids],
        reason=reason[:200],
        detail=detail,
    )
