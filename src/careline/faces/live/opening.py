"""A patient's wish turned into a contact: which queue, which skills, how urgent. Reads and writes the database."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from careline.care.contacts import actions
from careline.care.contacts.models import Contact, ContactSummary, ContactText
from careline.care.directory import queries as directory
from careline.care.directory.models import PhoneLine, StaffSkill, Topic
from careline.care.directory.profiles import PERSON
from careline.core.acd.model import Channel, Need
from careline.faces.live.errors import BadRequest, LineClosed, TopicUnknown


@dataclass(frozen=True, slots=True)
class Wish:
    """What the page asks for, checked for form alone."""

    line: str
    language: str
    topic: str
    channel: Channel
    name: str = ""
    number: str = ""
    simulated: bool = False
    prefers: str = ""  # of a simulated caller: the operator it should ring first


@dataclass(frozen=True, slots=True)
class Opening:
    """A contact that may now be queued. `opens_at`: seconds since the epoch, should the queue refuse it."""

    contact: str
    token_hash: str
    queue: str
    needs: tuple[Need, ...]
    hard: frozenset[str]
    head_start_s: float
    urgent: bool
    opens_at: float | None


@dataclass(frozen=True, slots=True)
class Known:
    """A web contact as the database knows it."""

    contact: str
    token_hash: str
    queue: str
    language: str
    channel: str
    cause: str = ""


def open_contact(wish: Wish, token_hashes: list[str], key: str, now: float) -> Opening:
    """The contact of one of these tokens: made now with the first, or found when the same request comes again.

    Raises LineUnknown, LineClosed, TopicUnknown or BadRequest.
    """
    at = datetime.fromtimestamp(now, UTC)
    line = directory.line_by_code(wish.line)
    topic = _topic(line, wish.topic)
    if wish.language not in dict(settings.LANGUAGES):
        raise BadRequest
    contact = Contact.objects.filter(token_hash__in=token_hashes).first()
    opening = directory.is_open(line, at)
    opens_at = opening.opens_at.timestamp() if opening.opens_at else None
    if contact is None:
        if not opening.open or not line.web_calls:
            raise LineClosed(opens_at=opens_at, emergency_number=line.emergency_number)
        contact = actions.start_contact(
            line,
            channel=wish.channel,
            language=wish.language,
            topic=topic,
            name=wish.name,
            number=wish.number,
            token_hash=token_hashes[0],
            simulated=wish.simulated,
            at=at,
            key=key,
        )
    for_a_person = settings.DEMO and not contact.simulated  # a real caller is never handed to a simulated colleague
    return Opening(
        contact=str(contact.id),
        token_hash=contact.token_hash,
        queue=str((topic.queue_id if topic else None) or line.queue_id),
        needs=(*_needs(line, topic, wish.language), *((Need(PERSON),) if for_a_person else ())),
        hard=frozenset({PERSON} if for_a_person else ()),
        head_start_s=float(topic.head_start_s if topic else 0),
        urgent=bool(line.emergency or (topic and topic.urgent)),
        opens_at=opens_at,
    )


def _topic(line: PhoneLine, asked: str) -> Topic | None:
    """By id or by code; a code set nearer to the line's organisation wins."""
    if not asked:
        return None
    rows = directory.topics(line.organisation_id).filter(for_calls=True).select_related("organisation")
    try:
        found = rows.filter(id=uuid.UUID(asked)).first()
    except ValueError:
        found = max(rows.filter(code=asked), key=lambda row: len(row.organisation.path), default=None)
    if found is None:
        raise TopicUnknown
    return found


def _needs(line: PhoneLine, topic: Topic | None, language: str) -> tuple[Need, ...]:
    """The language always; the topic only where somebody of the network is known for it."""
    needs = [Need(f"lang:{language}")]
    if topic is not None:
        code = f"topic:{topic.code}"
        root = f"{line.organisation.root_code}/"
        if StaffSkill.objects.filter(skill__code=code, skill__organisation__path__startswith=root).exists():
            needs.append(Need(code))
    return tuple(needs)


def known_contact(token_hash: str) -> Known | None:
    """The contact of a token, living or ended."""
    contact = Contact.objects.filter(token_hash=token_hash).select_related("line").first()
    if contact is None:
        return None
    summary = ContactSummary.objects.filter(contact=contact).only("cause", "queue_id").first()
    return _known(contact, str(summary.queue_id or "") if summary else "", summary.cause if summary else "")


def web_contacts(ids: Iterable[str]) -> list[Known]:
    """Those of the contacts that were started by a patient's page."""
    rows = Contact.objects.filter(id__in=list(ids)).exclude(token_hash="").select_related("line")
    return [_known(row, str(row.line.queue_id) if row.line else "") for row in rows]


def _known(contact: Contact, queue: str, cause: str = "") -> Known:
    return Known(str(contact.id), contact.token_hash, queue, contact.language, contact.channel, cause)


def texts_of(contact: str) -> list[dict[str, Any]]:
    """The lines of a text talk, in order, as they are pushed."""
    rows = ContactText.objects.filter(contact_id=contact).order_by("at", "id")
    return [
        {
            "contact": contact,
            "id": str(row.id),
            "at": row.at.timestamp(),
            "by": "agent" if row.by_agent else "patient",
            "text": row.text,
        }
        for row in rows
    ]
