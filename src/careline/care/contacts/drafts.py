"""Drafts: what an operator has written and not recorded. Saved while they type, so that nothing typed is ever lost."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from careline.base.accounts.rights import Reader
from careline.care.contacts.models import CallerDetails, Contact, ContactDraft
from careline.care.contacts.queries import locked_contact
from careline.care.contacts.rules import Outcome

FIELDS = ("caller_name", "relation", "topic", "outcome", "note")


def draft_of(contact: Contact) -> ContactDraft:
    """The contact's draft; before the first word an unsaved one that holds what is known of the caller."""
    draft: ContactDraft | None = getattr(contact, "draft", None)
    if draft is not None:
        return draft
    caller: CallerDetails | None = getattr(contact, "caller", None)
    if caller is None:
        return ContactDraft(contact=contact)
    return ContactDraft(contact=contact, caller_name=caller.name, relation=caller.relation, note=caller.note)


@transaction.atomic
def save_draft(reader: Reader, contact_id: UUID | str, fields: Mapping[str, str]) -> ContactDraft:
    """Keeps what is typed so far; what `fields` does not name stays. Codes that do not exist are dropped.

    Raises NotAllowed, NotFound.
    """
    reader.require("contacts.record")
    return keep_draft(reader, locked_contact(reader, contact_id), fields)


def keep_draft(reader: Reader, contact: Contact, fields: Mapping[str, str]) -> ContactDraft:
    """`save_draft` for a contact that this transaction has locked already."""
    draft = draft_of(contact)
    draft.by = reader.user_id
    erased = _erased(contact)
    for name in FIELDS:
        if name in fields and name not in erased:
            setattr(draft, name, _clean(name, str(fields[name])))
    draft.save()
    return draft


def _erased(contact: Contact) -> set[str]:
    """What a page that was still open when a patient was erased must not bring back."""
    details: CallerDetails | None = getattr(contact, "caller", None)
    caller = {"caller_name", "relation"} if details and details.caller_erased_at else set()
    return caller | ({"note"} if details and details.words_erased_at else set())


def _clean(name: str, value: str) -> str:
    value = value.strip()
    if name == "relation" and value not in CallerDetails.Relation.values:
        return ""
    if name == "outcome" and value not in Outcome.values:
        return ""
    return value[: {"caller_name": 200, "topic": 36, "note": 4000}.get(name, 30)]
