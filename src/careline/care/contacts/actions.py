"""What is written about contacts. Each action locks its contact, appends to its stream `record`, tells who must know.

Every action that a browser may repeat takes a `key`: the same key twice is done once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from careline.base.accounts.rights import Reader, covered
from careline.base.audit.actions import record as audit
from careline.base.errors import NotAllowed, NotFound
from careline.base.ids import uuid7
from careline.base.organisations.models import Organisation, Site
from careline.base.outbox.actions import tell
from careline.base.prepared import Prepared
from careline.care.contacts import ledger
from careline.care.contacts.errors import (
    KeyReused,
    NothingSaid,
    OutcomeUnknown,
    PlaceUnknown,
    RatingUnknown,
    TextTooLong,
    TooLateToUndo,
    TopicUnknown,
)
from careline.care.contacts.ledger import Entry
from careline.care.contacts.models import (
    CallerDetails,
    Contact,
    ContactPatient,
    ContactText,
    LedgerRow,
    Stream,
    UnwellAlert,
)
from careline.care.contacts.queries import gave_up_before, known_uuid, locked_contact, seen_contact
from careline.care.contacts.rules import HALL_OUTCOMES, UNDO_WITHIN, Outcome, e164, logged_at
from careline.care.directory.models import PhoneLine, Topic
from careline.care.patients.models import Patient

LONGEST_TEXT = 2000

# --- a contact begins -------------------------------------------------------------------------------------


@transaction.atomic
def start_contact(
    line: PhoneLine,
    *,
    channel: str,
    language: str,
    topic: Topic | None = None,
    name: str = "",
    number: str = "",
    token_hash: str = "",
    simulated: bool = False,
    at: datetime | None = None,
    key: str | None = None,
) -> Contact:
    """Somebody calls on a line. With a `key` seen before, the contact it made then."""
    if key and (before := ledger.known(_key("start", key))):
        return Contact.objects.get(pk=before)
    contact = _begin(
        line.organisation,
        line.site_id,
        channel=channel,
        language=language,
        line=line,
        topic=topic,
        simulated=simulated,
        token_hash=token_hash,
        at=at or timezone.now(),
        key=_key("start", key) if key else None,
    )
    CallerDetails.objects.create(
        contact=contact, name=name.strip()[:200], number=e164(number, line.organisation.policy) if number else ""
    )
    return contact


def _begin(
    organisation: Organisation,
    site_id: UUID | None,
    *,
    channel: str,
    language: str,
    at: datetime,
    line: PhoneLine | None = None,
    topic: Topic | None = None,
    place: str = "",
    simulated: bool = False,
    token_hash: str = "",
    key: str | None = None,
) -> Contact:
    contact = Contact.objects.create(
        organisation=organisation,
        site_id=site_id,
        line=line,
        channel=channel,
        language=language,
        simulated=simulated,
        started_at=at,
        place=place.strip()[:120],
        token_hash=token_hash,
    )
    _write(contact, "ContactStarted", at, begun(contact, topic.pk if topic else None), key)
    return contact


def begun(contact: Contact, topic_id: UUID | None) -> dict[str, Any]:
    """What the ledger says of a contact that begins."""
    return {
        "organisation": str(contact.organisation_id),
        "site": contact.site_id and str(contact.site_id),
        "line": contact.line_id and str(contact.line_id),
        "channel": contact.channel,
        "direction": contact.direction,
        "language": contact.language,
        "topic": topic_id and str(topic_id),
        "simulated": contact.simulated,
    }


def _write(contact: Contact, kind: str, at: datetime, data: Mapping[str, Any], key: str | None = None) -> None:
    ledger.append(Entry(contact.pk, Stream.RECORD, kind, at, data, key))


# --- what it was about, and how it ended ------------------------------------------------------------------


@transaction.atomic
def record_outcome(
    reader: Reader,
    contact_id: UUID | str,
    *,
    key: str,
    outcome: str,
    topic_id: UUID | str | None = None,
    patient_ids: Iterable[UUID | str] | None = (),
    caller: Mapping[str, Any] | None = None,
    note: str | None = None,
    next: bool = False,
) -> Contact:
    """Topic, outcome, patients and caller of a contact, at once. Recording again is a correction; both stay written.

    `patient_ids`: None leaves those who are linked already.
    `caller` may hold name, number, relation, patient (id) and verified_level; what it does not name stays as it was.
    `next`: the operator is done writing and ready for the next contact.
    Raises NotFound, NotAllowed, OutcomeUnknown, TopicUnknown, KeyReused.
    """
    reader.require("contacts.record")
    contact = locked_contact(reader, contact_id)
    if _done_before(_key("record", key), contact):
        return contact
    if outcome not in Outcome.values:
        raise OutcomeUnknown
    topic = _topic(contact.organisation, topic_id)
    patients = None if patient_ids is None else _patients(reader, patient_ids)
    now = timezone.now()
    corrected = ledger.written(contact.pk, "OutcomeRecorded")
    if patients is not None:
        _link(reader, contact, patients, now)
    _write(
        contact,
        "OutcomeCorrected" if corrected else "OutcomeRecorded",
        now,
        {"topic": _id(topic), "outcome": outcome, "by": str(reader.user_id)},
        _key("record", key),
    )
    _describe_caller(reader, contact, caller or {}, note)
    audit(reader, "contact.corrected" if corrected else "contact.recorded", "contact", [contact.pk], outcome=outcome)
    mark_reached(contact)
    tell(
        "switchboard",
        "contact_recorded",
        _key("contact_recorded", key),
        contact=str(contact.pk),
        organisation=str(contact.organisation_id),
        agent=str(reader.user_id),
        next=next,
    )
    return contact


@transaction.atomic
def set_topic(reader: Reader, contact_id: UUID | str, *, key: str, topic_id: UUID | str) -> Contact:
    """What the contact is about, while it is still going on."""
    reader.require("contacts.record")
    contact = locked_contact(reader, contact_id)
    if not _done_before(_key("topic", key), contact):
        data = {"topic": _id(_topic(contact.organisation, topic_id)), "by": str(reader.user_id)}
        _write(contact, "TopicSet", timezone.now(), data, _key("topic", key))
    return contact


@transaction.atomic
def flag_emergency(reader: Reader, contact_id: UUID | str, *, key: str, on: bool) -> Contact:
    """Danger to life: the supervisor sees it at once. `on=False`: pressed by mistake; both stay written."""
    reader.require("contacts.record")
    contact = locked_contact(reader, contact_id)
    if not _done_before(_key("emergency", key), contact):
        kind = "EmergencyFlagged" if on else "EmergencyUnflagged"
        _write(contact, kind, timezone.now(), {"by": str(reader.user_id)}, _key("emergency", key))
        audit(reader, "contact.emergency_flagged" if on else "contact.emergency_unflagged", "contact", [contact.pk])
        _tick("contact_changed", f"emergency:{key}", contact)
    return contact


@transaction.atomic
def link_patients(reader: Reader, contact_id: UUID | str, patient_ids: Iterable[UUID | str]) -> Contact:
    """These are the contact's patients, and no others. The caller is often not one of them."""
    reader.require("contacts.record")
    contact = locked_contact(reader, contact_id)
    _link(reader, contact, _patients(reader, patient_ids), timezone.now())
    return contact


def _key(kind: str, key: str) -> str:
    """The intent's name on the ledger, at most 80 characters whatever a browser sends."""
    whole = f"{kind}:{key}"
    return whole if len(whole) <= 80 else f"{kind}:{hashlib.sha256(key.encode()).hexdigest()}"


def _done_before(key: str, contact: Contact) -> bool:
    before = ledger.known(key)
    if before is not None and before != contact.pk:
        raise KeyReused
    return before is not None


def _topic(organisation: Organisation, topic_id: UUID | str | None) -> Topic | None:
    """A topic of the organisation or of one above it. Raises TopicUnknown."""
    if topic_id is None:
        return None
    topic = _topic_of.first(id=known_uuid(topic_id))
    if topic is None or not organisation.path.startswith(topic.organisation.path):
        raise TopicUnknown
    return topic


_topic_of = Prepared(lambda id: Topic.objects.filter(pk=id).select_related("organisation"), id=UUID)


def _id(row: Topic | None) -> str | None:
    return str(row.pk) if row else None


def _patients(reader: Reader, ids: Iterable[UUID | str]) -> list[Patient]:
    """Those of the reader's network. Raises NotFound when one of them is not."""
    wanted = {UUID(str(each)) for each in ids}
    if not wanted:
        return []
    root = reader.path.split("/", 1)[0] + "/"
    found = list(Patient.objects.filter(pk__in=wanted, organisation__path__startswith=root))
    if len(found) != len(wanted):
        raise NotFound
    return found


def _link(reader: Reader, contact: Contact, patients: list[Patient], now: datetime) -> None:
    before = set(ContactPatient.objects.filter(contact=contact).values_list("patient_id", flat=True))
    wanted = {patient.pk for patient in patients}
    ContactPatient.objects.filter(contact=contact, patient_id__in=before - wanted).delete()
    ContactPatient.objects.bulk_create(
        [ContactPatient(contact=contact, patient_id=each) for each in sorted(wanted - before)], ignore_conflicts=True
    )
    changes = [("PatientLinked", each) for each in sorted(wanted - before)]
    changes += [("PatientUnlinked", each) for each in sorted(before - wanted)]
    entries = [
        Entry(contact.pk, Stream.RECORD, kind, now, {"patient": str(each), "by": str(reader.user_id)})
        for kind, each in changes
    ]
    if entries:
        ledger.append(*entries)


def _describe_caller(reader: Reader, contact: Contact, caller: Mapping[str, Any], note: str | None) -> None:
    details = getattr(contact, "caller", None) or CallerDetails(contact=contact)
    if details.caller_erased_at:
        caller = {}
    if details.words_erased_at:
        note = None
    if "name" in caller:
        details.name = str(caller["name"] or "").strip()[:200]
    if "number" in caller:
        details.number = e164(str(caller["number"] or ""), contact.organisation.policy)
    if caller.get("relation", "") in CallerDetails.Relation.values:
        details.relation = caller["relation"]
    if "patient" in caller:
        own = _patients(reader, [caller["patient"]]) if caller["patient"] else [None]
        details.patient = own[0]
    if "verified_level" in caller:
        details.verified_level = max(0, min(2, int(caller["verified_level"])))
    if note is not None:
        details.note = note.strip()
    details.save()


# --- those who gave up ------------------------------------------------------------------------------------


def mark_reached(contact: Contact) -> int:
    """Whoever of the same number or patients gave up before has now been reached, by this contact. Returns how many.

    Runs in the caller's transaction, or in one of its own; doing it again changes nothing.
    """
    with transaction.atomic(savepoint=False):
        now, done = timezone.now(), 0
        for earlier in gave_up_before(contact):
            if ledger.known(f"reached:{earlier.pk}") is None:
                _write(earlier, "CallerReached", now, {"contact": str(contact.pk)}, f"reached:{earlier.pk}")
                done += 1
        return done


@transaction.atomic
def record_attempt(reader: Reader, contact_id: UUID | str, *, key: str, reached: bool) -> Contact:
    """A caller who gave up was called back, from whatever telephone. Unreached, they stay on the list."""
    reader.require("contacts.record")
    contact = locked_contact(reader, contact_id)
    if _done_before(_key("attempt", key), contact):
        return contact
    now, by = timezone.now(), str(reader.user_id)
    _write(contact, "RecoveryTried", now, {"reached": reached, "by": by}, _key("attempt", key))
    if reached and ledger.known(f"reached:{contact.pk}") is None:
        _write(contact, "CallerReached", now, {"by": by}, f"reached:{contact.pk}")
    audit(reader, "contact.called_back", "contact", [contact.pk], reached=reached)
    _tick("contact_changed", key, contact)
    return contact


# --- in the hall ------------------------------------------------------------------------------------------


@transaction.atomic
def log_walk_in(
    reader: Reader,
    *,
    key: str,
    topic_id: UUID | str,
    outcome: str = "",
    site_id: UUID | str | None = None,
    place: str = "",
    at: datetime | None = None,
) -> Contact:
    """Somebody in the hall was helped: two taps. `at` is when it happened, if the phone was offline then.

    Raises NotAllowed, PlaceUnknown, TopicUnknown, OutcomeUnknown.
    """
    reader.require("walk_in.log")
    if outcome and outcome not in HALL_OUTCOMES:
        raise OutcomeUnknown
    if before := ledger.known(_key("walk_in", key)):
        return _own(reader, before)
    site = _site(reader, site_id or reader.site_id)
    contact, topic = _in_the_hall(reader, site, place, at, _key("walk_in", key), topic_id)
    data = {"topic": _id(topic), "outcome": outcome, "by": str(reader.user_id)}
    _write(contact, "WalkInLogged", contact.started_at, data)
    _tick("walk_in_logged", key, contact)
    return contact


@transaction.atomic
def undo_walk_in(reader: Reader, contact_id: UUID | str) -> Contact:
    """Take back one's own log, soon after it was made (as the server counts, not the phone). Twice is once."""
    reader.require("walk_in.log")
    contact = Contact.objects.select_for_update().filter(pk=contact_id).first()
    logged = LedgerRow.objects.filter(subject=contact_id, stream=Stream.RECORD, kind="WalkInLogged").first()
    if contact is None or logged is None or logged.data["by"] != str(reader.user_id):
        raise NotFound
    if ledger.known(f"undo:{contact.pk}"):
        return contact
    now = timezone.now()
    # The id was made by this server when the log arrived: its first 48 bits are the milliseconds of that moment.
    arrived_ms = contact.pk.int >> 80
    if now.timestamp() * 1000 - arrived_ms > UNDO_WITHIN.total_seconds() * 1000:
        raise TooLateToUndo
    _write(contact, "WalkInUndone", now, {"by": str(reader.user_id)}, f"undo:{contact.pk}")
    _tick("walk_in_logged", f"undo:{contact.pk}", contact)
    return contact


@transaction.atomic
def raise_unwell(
    reader: Reader,
    *,
    key: str,
    site_id: UUID | str | None = None,
    place: str = "",
    at: datetime | None = None,
) -> UnwellAlert:
    """Someone looks unwell: the doctor on duty is called at once. Raises NotAllowed, PlaceUnknown."""
    reader.require("walk_in.log")
    if before := ledger.known(_key("unwell", key)):
        return UnwellAlert.objects.get(contact_id=before)
    site = _site(reader, site_id or reader.site_id)
    contact, _no_topic = _in_the_hall(reader, site, place, at, _key("unwell", key), None)
    alert = UnwellAlert.objects.create(
        contact=contact,
        organisation=contact.organisation,
        site_id=contact.site_id,
        place=contact.place,
        raised_by_id=reader.user_id,
        raised_at=contact.started_at,
    )
    data = {"alert": str(alert.pk), "by": str(reader.user_id)}
    _write(contact, "UnwellRaised", contact.started_at, data)
    _tell_unwell("unwell_raised", alert)
    return alert


def see_unwell(reader: Reader, alert_id: UUID | str) -> UnwellAlert:
    """A doctor has seen the alert and is on the way. The first one counts."""
    return _answer_unwell(reader, alert_id, "seen", "UnwellSeen")


def come_unwell(reader: Reader, alert_id: UUID | str) -> UnwellAlert:
    """Someone is with the patient: the clock stops."""
    return _answer_unwell(reader, alert_id, "come", "UnwellCome")


@transaction.atomic
def _answer_unwell(reader: Reader, alert_id: UUID | str, step: str, kind: str) -> UnwellAlert:
    if not (reader.may("unwell.answer") or (step == "come" and reader.may("walk_in.log"))):
        raise NotAllowed
    rows = covered(reader, UnwellAlert.objects.select_for_update(of=("self",)), shared=True)
    alert = rows.filter(pk=alert_id).first()
    if alert is None:
        raise NotFound
    if getattr(alert, f"{step}_at") is not None:
        return alert
    now = max(timezone.now(), alert.raised_at)  # the clock may have been set back: nobody came before the alarm
    setattr(alert, f"{step}_at", now)
    setattr(alert, f"{step}_by_id", reader.user_id)
    alert.save(update_fields=[f"{step}_at", f"{step}_by"])
    contact = Contact.objects.select_for_update().get(pk=alert.contact_id)
    _write(contact, kind, now, {"alert": str(alert.pk), "by": str(reader.user_id)})
    _tell_unwell("unwell_changed", alert, step)
    return alert


def _in_the_hall(
    reader: Reader, site: Site | None, place: str, at: datetime | None, key: str, topic_id: UUID | str | None
) -> tuple[Contact, Topic | None]:
    organisation = site.organisation if site else Organisation.objects.get(pk=reader.organisation_id)
    topic = _topic(organisation, topic_id)
    contact = _begin(
        organisation,
        site.pk if site else None,
        channel=Contact.Channel.WALK_IN,
        language=reader.language,
        topic=topic,
        place=place,
        at=logged_at(at, timezone.now()),
        key=key,
    )
    return contact, topic


def _site(reader: Reader, site_id: UUID | str | None) -> Site | None:
    if site_id is None:
        return None
    site = covered(reader, Site.objects.select_related("organisation"), site="pk").filter(pk=site_id).first()
    if site is None:
        raise PlaceUnknown
    return site


def _own(reader: Reader, contact_id: UUID) -> Contact:
    try:
        return seen_contact(reader, contact_id)
    except NotFound as error:
        raise KeyReused from error


def _tick(kind: str, key: str, contact: Contact) -> None:
    tell("switchboard", kind, _key(kind, key), contact=str(contact.pk), organisation=str(contact.organisation_id))


def _tell_unwell(kind: str, alert: UnwellAlert, step: str = "") -> None:
    tell(
        "switchboard",
        kind,
        f"{kind}:{alert.pk}:{step}",
        alert=str(alert.pk),
        step=step,
        contact=str(alert.contact_id),
        organisation=str(alert.organisation_id),
    )


# --- the patient's own words ------------------------------------------------------------------------------


@transaction.atomic
def rate_contact(contact_id: UUID | str, rating: int, *, key: str) -> None:
    """One to five. Given again, the later one counts. Whoever calls this has checked the patient's token."""
    if rating not in range(1, 6):
        raise RatingUnknown
    contact = Contact.objects.select_for_update().filter(pk=contact_id).first()
    if contact is None:
        raise NotFound
    if not _done_before(_key("rate", key), contact):
        _write(contact, "RatingGiven", timezone.now(), {"rating": rating}, _key("rate", key))


def _after_the_last(contact_id: UUID | str) -> datetime:
    """Now; after the last line of the talk even when the clock was set back since: an answer never stands before its
    question."""
    last = ContactText.objects.filter(contact_id=contact_id).aggregate(at=Max("at"))["at"]
    return max(timezone.now(), last + timedelta(microseconds=1)) if last else timezone.now()


def save_text(contact_id: UUID | str, agent_id: UUID | str | None, text: str, *, key: str = "") -> ContactText:
    """A line of a text talk; no agent: the patient wrote it. The same `key` twice is one line.

    Raises NothingSaid, TextTooLong, NotFound.
    """
    text = text.strip()
    if not text:
        raise NothingSaid
    if len(text) > LONGEST_TEXT:
        raise TextTooLong
    if not Contact.objects.filter(pk=contact_id).exists():
        raise NotFound
    line_id = uuid5(UUID(str(contact_id)), key) if key else uuid7()
    said, _made = ContactText.objects.get_or_create(
        id=line_id,
        defaults={"contact_id": contact_id, "by_agent": agent_id, "text": text, "at": _after_the_last(contact_id)},
    )
    return said
