"""Changes to the directory while people are at work: each tells the switchboard and leaves an audit row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from careline.base.accounts.rights import Reader, covered
from careline.base.audit.actions import record
from careline.base.errors import NotFound
from careline.base.ids import uuid7
from careline.base.organisations.models import Site
from careline.base.outbox.actions import tell
from careline.care.directory.errors import NoticeEmpty, NoticeOver, ReasonMissing
from careline.care.directory.models import Notice, PhoneLine, Queue

Closable = TypeVar("Closable", Queue, PhoneLine)


def close_queue(reader: Reader, queue_id: UUID, reason: str) -> Queue:
    """No new contacts are taken; who waits already is still served. Raises NotAllowed, NotFound, ReasonMissing."""
    return _set_closed(reader, Queue, queue_id, True, reason)


def open_queue(reader: Reader, queue_id: UUID, reason: str) -> Queue:
    """Raises NotAllowed, NotFound, ReasonMissing."""
    return _set_closed(reader, Queue, queue_id, False, reason)


def close_line(reader: Reader, line_id: UUID, reason: str) -> PhoneLine:
    """As `close_queue`, for callers of one line."""
    return _set_closed(reader, PhoneLine, line_id, True, reason)


def open_line(reader: Reader, line_id: UUID, reason: str) -> PhoneLine:
    """Raises NotAllowed, NotFound, ReasonMissing."""
    return _set_closed(reader, PhoneLine, line_id, False, reason)


@transaction.atomic
def announce(
    reader: Reader,
    texts: Mapping[str, str],
    kind: str = Notice.Kind.NOTE,
    site: UUID | None = None,
    until: datetime | None = None,
    *,
    for_callers: bool = True,
) -> Notice:
    """A notice in force from now, for the reader's organisation or one of its sites.

    `texts` by language code; empty ones are dropped. Emergency announcements need the right to supervise.
    Raises NotAllowed, NotFound (the site), NoticeEmpty, NoticeOver.
    """
    reader.require("supervise" if kind == Notice.Kind.EMERGENCY else "notices.change")
    said = {language: text.strip() for language, text in texts.items() if text.strip()}
    if not said:
        raise NoticeEmpty
    now = timezone.now()
    if until is not None and until <= now:
        raise NoticeOver
    place = _site(reader, site or reader.site_id)
    notice = Notice.objects.create(
        organisation_id=place.organisation_id if place else reader.organisation_id,
        site=place,
        kind=Notice.Kind(kind),
        texts=said,
        for_callers=for_callers,
        valid_from=now,
        valid_to=until,
    )
    record(reader, "notice.announced", "notice", [notice.id], kind=str(notice.kind))
    changed(notice.organisation_id)
    return notice


@transaction.atomic
def withdraw_notice(reader: Reader, notice_id: UUID) -> Notice:
    """Ends a notice now; it stays on record. Raises NotAllowed, NotFound."""
    notice = covered(reader, Notice.objects.select_for_update(of=("self",)), shared=True).filter(id=notice_id).first()
    if notice is None:
        raise NotFound
    reader.require("supervise" if notice.kind == Notice.Kind.EMERGENCY else "notices.change")
    now = timezone.now()
    if notice.valid_to is None or notice.valid_to > now:
        notice.valid_to = now
        notice.save(update_fields=["valid_to"])
        record(reader, "notice.withdrawn", "notice", [notice.id])
        changed(notice.organisation_id)
    return notice


def changed(organisation_id: UUID, reason: str = "") -> None:
    """Tells the switchboard to read the directory of this organisation again. In the caller's transaction."""
    tell(
        "switchboard",
        "directory_changed",
        f"directory_changed:{uuid7()}",
        organisation=str(organisation_id),
        reason=reason,
    )


@transaction.atomic
def _set_closed(reader: Reader, model: type[Closable], row_id: UUID, closed: bool, reason: str) -> Closable:
    reader.require("supervise")
    if not reason.strip():
        raise ReasonMissing
    rows = model._default_manager.select_for_update(of=("self",))
    row = covered(reader, rows, shared=False).filter(id=row_id).first()
    if row is None:
        raise NotFound
    if row.closed == closed:
        return row
    row.closed = closed
    row.save(update_fields=["closed"])
    kind = "queue" if model is Queue else "line"
    record(reader, f"{kind}.{'closed' if closed else 'opened'}", kind, [row.id], reason=reason.strip())
    changed(row.organisation_id, reason.strip())
    return row


def _site(reader: Reader, site_id: UUID | None) -> Site | None:
    if site_id is None:
        return None
    site = covered(reader, Site.objects.all(), site="id").filter(id=site_id).first()
    if site is None:
        raise NotFound
    return site
