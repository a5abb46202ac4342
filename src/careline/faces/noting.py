"""Noting that somebody who gave up was called back: the same two buttons stand at the desk and at the shift."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from careline.base.accounts.rights import Reader
from careline.base.errors import NotFound
from careline.care.contacts.actions import record_attempt, undo_attempt
from careline.care.contacts.projections import show_now
from careline.faces.shared import forget


@transaction.atomic
def note(reader: Reader, contact_id: UUID, said: Mapping[str, str]) -> None:
    """`said`: key, and reached "1" or "0". The lists show it at once; the projector will find the same. A list shared by
    many holds the same keys for all of them: so the key is this reader's own.

    Raises NotFound, NotAllowed, KeyReused.
    """
    try:
        key, reached = str(UUID(said.get("key", ""))), {"1": True, "0": False}[said.get("reached", "")]
    except (ValueError, KeyError) as error:
        raise NotFound from error
    show_now(record_attempt(reader, contact_id, key=f"{key}:{reader.user_id}", reached=reached))
    forget()


@transaction.atomic
def undo(reader: Reader, contact_id: UUID, attempt: UUID) -> None:
    """Raises NotFound, NotAllowed, TooLateToUndo."""
    show_now(undo_attempt(reader, contact_id, attempt))
    forget()
