"""What may be asked about contacts. Everything takes a `Reader` and shows only what the posting covers."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Avg, Count, Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy

from careline.base.accounts.models import User
from careline.base.accounts.rights import Reader, covered
from careline.base.audit.actions import record as audit
from careline.base.errors import NotFound
from careline.base.organisations.models import Organisation, Site
from careline.care.contacts import ledger
from careline.care.contacts.models import (
    CallerDetails,
    Contact,
    ContactPatient,
    ContactSummary,
    ContactText,
    LiveState,
    UnwellAlert,
)
from careline.care.contacts.rules import GAVE_UP, RECOVER_WITHIN, SECOND_CALL, UNDO_WITHIN, Outcome
from careline.care.directory.models import PhoneLine, Queue, Topic
from careline.care.patients.models import Patient

PAGE = 50
SHOWN = ("queue", "topic", "asked_topic", "agent")

CAUSES = {
    "completed": gettext_lazy("Completed"),
    "abandoned": gettext_lazy("Caller gave up"),
    "closed": gettext_lazy("Queue closed"),
    "full": gettext_lazy("Queue full"),
    "lost": gettext_lazy("Connection lost"),
    "callback_failed": gettext_lazy("Call-back failed"),
    "cancelled": gettext_lazy("Cancelled"),
}
PHASES = {
    "": gettext_lazy("Beginning"),
    "queued": gettext_lazy("Waiting"),
    "offered": gettext_lazy("Ringing"),
    "talking": gettext_lazy("Talking"),
    "held": gettext_lazy("On hold"),
    "callback": gettext_lazy("Waiting for call-back"),
    "dialling": gettext_lazy("Being called back"),
    "wrap_up": gettext_lazy("Wrap-up"),
    "ended": gettext_lazy("Ended"),
}

# --- who may see what -------------------------------------------------------------------------------------


def seen(reader: Reader) -> QuerySet[ContactSummary]:
    """The contacts of the posting's organisations (and its site), and those the reader has taken themselves.

    Undone walk-ins are nowhere; simulated contacts only in the demo.
    """
    rows = ContactSummary.objects.filter(undone=False)
    if not settings.DEMO:
        rows = rows.filter(simulated=False)
    place = Q(organisation_id__in=_organisations(reader))
    if reader.site_id is not None:
        place &= Q(site_id=reader.site_id) | Q(site_id=None)
    return rows.filter(place | Q(agent_id=reader.user_id))


def _organisations(reader: Reader) -> list[UUID]:
    return list(Organisation.objects.filter(path__startswith=reader.path).values_list("pk", flat=True))


def may_see(reader: Reader, contact: Contact) -> bool:
    """Covered by the posting, or in the reader's own hands now or before (an overflow from another site)."""
    if covered(reader, Contact.objects.filter(pk=contact.pk), shared=True).exists():
        return True
    if ContactSummary.objects.filter(pk=contact.pk, agent_id=reader.user_id).exists():
        return True
    live = LiveState.objects.filter(subject=contact.pk, kind="contact", state__agent=str(reader.user_id))
    return live.exists()


# --- the list ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to. `until` is exclusive; `text` looks in callers' names and numbers."""

    since: datetime | None = None
    until: datetime | None = None
    queue: UUID | None = None
    line: UUID | None = None
    site: UUID | None = None
    topic: UUID | None = None
    outcome: str = ""
    channel: str = ""
    language: str = ""
    agent: UUID | None = None
    cause: str = ""
    missing: bool = False  # talked, but no outcome recorded
    text: str = ""

    def codes(self) -> dict[str, str]:
        """For the audit: everything but the words looked for."""
        names = ("since", "until", "queue", "line", "site", "topic", "outcome", "channel", "language", "agent", "cause")
        return {name: str(value) for name in names if (value := getattr(self, name))}


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list."""

    summary: ContactSummary
    caller: CallerDetails | None
    patients: list[Patient]
    line: PhoneLine | None

    @property
    def id(self) -> UUID:
        return self.summary.contact_id

    @property
    def outcome(self) -> str:
        return outcome_label(self.summary.outcome)

    @property
    def cause(self) -> str:
        return str(CAUSES.get(self.summary.cause, self.summary.cause))

    @property
    def phase(self) -> str:
        return str(PHASES.get(self.summary.phase, self.summary.phase))


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Listed]
    next: str  # the cursor of the page after this one, empty at the end


def contacts_list(
    reader: Reader, filters: Filters | None = None, *, after: str = "", limit: int = PAGE, look: bool = True
) -> Page:
    """Newest first; `after` is the `next` of the page before. The same number of queries whatever the page.

    `look=False` when a screen is only drawn again: the first look has been audited.
    """
    reader.require("contacts.view")
    rows = filtered(reader, filters or Filters())
    if (place := _place(after)) is not None:
        started_at, contact = place
        rows = rows.filter(
            Q(started_at__lt=started_at) | Q(started_at=started_at, contact_id__lt=contact), started_at__lte=started_at
        )
    found = list(rows.select_related("contact__caller", *SHOWN)[: limit + 1])
    page = listed(found[:limit])
    if look and page:
        audit(reader, "contact.listed", "contact", [row.id for row in page], **(filters or Filters()).codes())
    return Page(page, _cursor(found[limit - 1]) if len(found) > limit else "")


def filtered(reader: Reader, filters: Filters) -> QuerySet[ContactSummary]:
    """The summaries the filters leave, newest first."""
    rows = seen(reader)
    exact = {
        "started_at__gte": filters.since,
        "started_at__lt": filters.until,
        "queue_id": filters.queue,
        "line_id": filters.line,
        "site_id": filters.site,
        "outcome": filters.outcome,
        "channel": filters.channel,
        "language": filters.language,
        "agent_id": filters.agent,
        "cause": filters.cause,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if filters.topic:
        rows = rows.filter(Q(topic_id=filters.topic) | Q(topic_id__in=_topics_below(filters.topic)))
    if filters.missing:
        rows = rows.filter(outcome="", answered_at__isnull=False, phase="ended")
    if filters.text.strip() and reader.may("patients.search"):
        rows = rows.filter(contact_id__in=_callers(filters.text.strip()))
    return rows.order_by("-started_at", "-contact_id")


def listed(summaries: list[ContactSummary]) -> list[Listed]:
    """With line, caller and patients, in two queries whatever their number."""
    lines = PhoneLine.objects.in_bulk({s.line_id for s in summaries if s.line_id})
    patients: dict[UUID, list[Patient]] = defaultdict(list)
    links = ContactPatient.objects.filter(contact_id__in=[s.contact_id for s in summaries])
    for link in links.select_related("patient").order_by("pk"):
        patients[link.contact_id].append(link.patient)
    return [
        Listed(
            s, getattr(s.contact, "caller", None), patients[s.contact_id], lines.get(s.line_id) if s.line_id else None
        )
        for s in summaries
    ]


def _topics_below(topic: UUID) -> QuerySet[Topic, Any]:
    below = Q(parent=topic) | Q(parent__parent=topic) | Q(parent__parent__parent=topic)
    return Topic.objects.filter(below).values("pk")


def _callers(text: str) -> QuerySet[CallerDetails, Any]:
    digits = "".join(c for c in text if c.isdigit())
    wanted = Q(name__icontains=text)
    if len(digits) >= 3:
        wanted |= Q(number__contains=digits)
    return CallerDetails.objects.filter(wanted).values("pk")


def _cursor(summary: ContactSummary) -> str:
    place = json.dumps([summary.started_at.isoformat(), str(summary.contact_id)])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[datetime, UUID] | None:
    """A cursor somebody has changed by hand is the first page."""
    try:
        started_at, contact = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return datetime.fromisoformat(started_at), UUID(contact)
    except (ValueError, TypeError):
        return None


def outcome_label(code: str) -> str:
    return str(Outcome(code).label) if code in Outcome.values else code


# --- the export -------------------------------------------------------------------------------------------

COLUMNS = (
    "contact",
    "started",
    "channel",
    "direction",
    "language",
    "site",
    "line",
    "queue",
    "asked_topic",
    "topic",
    "outcome",
    "outcome_text",
    "ended",
    "cause",
    "wait_s",
    "talk_s",
    "hold_s",
    "wrap_up_s",
    "offers",
    "transfers",
    "callback_asked",
    "answered",
    "recorded",
    "agent",
    "rating",
    "recovered",
    "simulated",
)


def export_rows(reader: Reader, filters: Filters | None = None) -> Iterator[list[str]]:
    """The list as lines of text, header first, streamed: no names, no numbers, so that a file left behind tells nothing
    of anybody. Times in UTC. Three queries whatever its length."""
    reader.require("contacts.export")
    chosen = filters or Filters()
    audit(reader, "contact.exported", "contact", **chosen.codes())
    return _export(filtered(reader, chosen).select_related(*SHOWN))


def _export(rows: QuerySet[ContactSummary]) -> Iterator[list[str]]:
    lines = dict(PhoneLine.objects.values_list("pk", "code"))
    sites = dict(Site.objects.values_list("pk", "code"))
    yield list(COLUMNS)
    for s in rows.iterator(chunk_size=1000):
        yield [
            str(s.contact_id),
            _time(s.started_at),
            s.channel,
            s.direction,
            s.language,
            sites.get(s.site_id, "") if s.site_id else "",
            lines.get(s.line_id, "") if s.line_id else "",
            s.queue.code if s.queue else "",
            s.asked_topic.code if s.asked_topic else "",
            s.topic.code if s.topic else "",
            s.outcome,
            outcome_label(s.outcome),
            _time(s.ended_at),
            s.cause,
            _seconds(s.wait_s),
            _seconds(s.talk_s),
            _seconds(s.hold_s),
            _seconds(s.wrap_up_s),
            str(s.offers),
            str(s.transfers),
            _time(s.callback_asked_at),
            _time(s.answered_at),
            _time(s.recorded_at),
            _cell(s.agent.get_full_name()) if s.agent else "",
            str(s.rating or ""),
            str(s.recovered_by or ""),
            "1" if s.simulated else "",
        ]


def _time(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S") if at else ""


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _cell(text: str) -> str:
    """A spreadsheet must not take a name for a formula."""
    return f"'{text}" if text[:1] in "=+-@" else text


# --- one contact ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of a contact's story: a code of the ledger, and when."""

    kind: str
    at: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Card:
    """Everything known of one contact. `summary` is None while the projection has not met it yet."""

    contact: Contact
    summary: ContactSummary | None
    caller: CallerDetails | None
    patients: list[Patient]
    texts: list[ContactText]
    asked_topic: Topic | None
    topic: Topic | None
    queue: Queue | None
    agent: User | None
    unwell: UnwellAlert | None
    story: list[Happened] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        return outcome_label(self.summary.outcome) if self.summary else ""


def contact_card(reader: Reader, contact_id: UUID | str, *, look: bool = True) -> Card:
    """Raises NotFound, also for what the posting does not cover. `look=False` when it is only drawn again."""
    reader.require("contacts.view")
    contact = _seen_contact(reader, contact_id)
    summary = ContactSummary.objects.select_related(*SHOWN).filter(pk=contact.pk).first()
    links = ContactPatient.objects.filter(contact=contact).select_related("patient").order_by("pk")
    patients = [link.patient for link in links]
    if look:
        audit(reader, "contact.opened", "contact", [contact.pk, *(p.pk for p in patients)])
    story = [Happened(row.kind, row.at, row.data) for row in ledger.story(contact.pk)]
    asked = summary.asked_topic if summary else _asked_topic(story)
    return Card(
        contact=contact,
        summary=summary,
        caller=getattr(contact, "caller", None),
        patients=patients,
        texts=list(contact.texts.order_by("at", "pk")),
        asked_topic=asked,
        topic=summary.topic if summary else None,
        queue=summary.queue if summary else getattr(contact.line, "queue", None),
        agent=summary.agent if summary else None,
        unwell=getattr(contact, "unwell", None),
        story=story,
    )


def _seen_contact(reader: Reader, contact_id: UUID | str) -> Contact:
    rows = Contact.objects.select_related("organisation", "site", "line", "line__queue", "caller", "unwell")
    rows = rows.filter(pk=contact_id)
    contact = covered(reader, rows, shared=True).first()
    if contact is None:  # rarely: from elsewhere, but in the reader's own hands
        contact = rows.first()
        if contact is None or not may_see(reader, contact):
            raise NotFound
    return contact


def _asked_topic(story: list[Happened]) -> Topic | None:
    asked = next((h.data.get("topic") for h in story if h.kind == "ContactStarted"), None)
    return Topic.objects.filter(pk=asked).first() if asked else None


def history(reader: Reader, card: Card, limit: int = 20) -> list[Listed]:
    """Earlier contacts of the same number or the same patients ("second call today"), newest first.

    Of the whole organisation, not only of the reader's site: the caller does not care which site answered.
    """
    reader.require("contacts.view")
    contact = card.contact
    number = card.caller.number if card.caller else ""
    if not number and not card.patients:
        return []
    rows = _related(contact, number, [patient.pk for patient in card.patients])
    rows = rows.filter(organisation_id__in=_organisations(reader), started_at__gte=contact.started_at - SECOND_CALL)
    rows = rows.select_related("contact__caller", *SHOWN)
    return listed(list(rows.order_by("-started_at", "-contact_id")[:limit]))


def calls_today(reader: Reader, contact_id: UUID | str) -> int:
    """Which call of the day this is: 2 for "second call today". Counts in the organisation's own day."""
    contact = Contact.objects.select_related("organisation").filter(pk=contact_id).first()
    if contact is None:
        return 1
    start, _end = _day(contact.organisation.timezone, contact.started_at)
    rows = _of_the_same(contact).filter(organisation_id__in=_organisations(reader), started_at__gte=start)
    return rows.exclude(channel=Contact.Channel.WALK_IN).count() + 1


def _of_the_same(contact: Contact) -> QuerySet[ContactSummary]:
    number = CallerDetails.objects.filter(contact=contact).values_list("number", flat=True).first()
    patients = list(ContactPatient.objects.filter(contact=contact).values_list("patient_id", flat=True))
    return _related(contact, number or "", patients)


def _related(contact: Contact, number: str, patients: list[UUID]) -> QuerySet[ContactSummary]:
    """Earlier contacts of the same number or patients."""
    same = Q(pk__in=[])
    if number:
        same |= Q(contact__in=CallerDetails.objects.filter(number=number).values("contact"))
    if patients:
        same |= Q(contact__in=ContactPatient.objects.filter(patient__in=patients).values("contact"))
    rows = ContactSummary.objects.filter(same, undone=False, simulated=contact.simulated)
    return rows.filter(started_at__lte=contact.started_at).exclude(pk=contact.pk)


# --- those who gave up ------------------------------------------------------------------------------------


def gave_up_before(contact: Contact, *, too: bool = False) -> list[Contact]:
    """Earlier contacts of the same caller or patients that nobody answered and nobody has made good, locked.

    `too`: the contact itself among them, so that all are locked in one order.
    """
    root = contact.organisation.path.split("/", 1)[0] + "/"
    network = Organisation.objects.filter(path__startswith=root).values("pk")
    rows = _of_the_same(contact).filter(
        cause__in=GAVE_UP,
        recovered_at=None,
        answered_at=None,
        organisation_id__in=network,
        started_at__gte=contact.started_at - RECOVER_WITHIN,
    )
    wanted = Q(pk__in=rows.values("pk")) | (Q(pk=contact.pk) if too else Q())
    return list(Contact.objects.select_for_update().filter(wanted).order_by("pk"))


@dataclass(frozen=True, slots=True)
class ToRecover:
    """A caller who gave up. `times`: how often they tried; `attempts`: how often we called back in vain."""

    last: Listed
    times: int
    attempts: int
    tried_at: datetime | None
    waited_s: float


def recovery_list(reader: Reader, limit: int = 200) -> list[ToRecover]:
    """Callers who gave up in the last days and have not been reached since, the longest forgotten first.

    One row a number; a caller without a number has a row of their own.
    """
    reader.require("contacts.view")
    since = timezone.now() - RECOVER_WITHIN
    later = ContactSummary.objects.filter(
        contact__caller__number=OuterRef("contact__caller__number"),
        started_at__gt=OuterRef("started_at"),
        phase__in=("queued", "offered", "talking", "held", "callback", "dialling"),
    )
    rows = (
        seen(reader)
        .filter(cause__in=GAVE_UP, recovered_at=None, answered_at=None, ended_at__gte=since)
        .exclude(Exists(later.exclude(contact__caller__number="")))
        .select_related("contact__caller", *SHOWN)
        .order_by("ended_at")
    )
    return sorted(_by_caller(listed(list(rows[: limit * 5]))), key=lambda r: r.last.summary.ended_at or since)[:limit]


def _by_caller(rows: Iterable[Listed]) -> list[ToRecover]:
    groups: dict[str, list[Listed]] = defaultdict(list)
    for row in rows:
        number = row.caller.number if row.caller else ""
        groups[number or str(row.id)].append(row)
    return [
        ToRecover(
            last=group[-1],
            times=len(group),
            attempts=sum(r.summary.recovery_attempts for r in group),
            tried_at=max((r.summary.recovery_tried_at for r in group if r.summary.recovery_tried_at), default=None),
            waited_s=max(r.summary.wait_s or 0.0 for r in group),
        )
        for group in groups.values()
    ]


@dataclass(frozen=True, slots=True)
class Noted:
    """A call back the reader has noted and may still take back."""

    contact: UUID
    attempt: str
    reached: bool
    at: datetime
    number: str
    name: str


def attempts_noted(reader: Reader, limit: int = 3) -> list[Noted]:
    """What the reader has noted in the last minutes, the latest first."""
    since = timezone.now() - UNDO_WITHIN
    rows = seen(reader).filter(recovery_tried_by=reader.user_id, recovery_tried_at__gte=since)
    latest = list(rows.select_related("contact__caller").order_by("-recovery_tried_at")[:limit])
    if not latest:
        return []
    told: dict[UUID, dict[str, Noted]] = {row.contact_id: {} for row in latest}
    for subject, found in ledger.of_subjects(told).items():
        caller = next((getattr(row.contact, "caller", None) for row in latest if row.contact_id == subject), None)
        for row in found:
            if row.kind == "RecoveryTried" and row.data["by"] == str(reader.user_id) and row.at >= since:
                told[subject][row.data["attempt"]] = Noted(
                    contact=subject,
                    attempt=row.data["attempt"],
                    reached=row.data["reached"],
                    at=row.at,
                    number=caller.number if caller else "",
                    name=caller.name if caller else "",
                )
            elif row.kind == "RecoveryUndone":
                told[subject].pop(row.data["attempt"], None)
    noted = [each for attempts in told.values() for each in attempts.values()]
    return sorted(noted, key=lambda each: each.at, reverse=True)[:limit]


# --- the day so far ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Today:
    """For the state bar, since local midnight: the reader's own figures, and how many callers wait to be recovered."""

    since: datetime
    answered: int
    handle_s: float | None  # mean talk + hold + wrap-up of the reader's contacts that ended
    missing: int  # talks of the reader without an outcome
    walk_ins: int
    to_recover: int


def today(reader: Reader, now: datetime | None = None) -> Today:
    zone = Organisation.objects.values_list("timezone", flat=True).get(pk=reader.organisation_id)
    since, until = _day(zone, now or timezone.now())
    mine = seen(reader).filter(agent_id=reader.user_id, started_at__gte=since, started_at__lt=until)
    figures = mine.aggregate(
        answered=Count("pk", filter=Q(answered_at__isnull=False)),
        handle_s=Avg(F("talk_s") + F("hold_s") + F("wrap_up_s"), filter=Q(answered_at__isnull=False, phase="ended")),
        missing=Count("pk", filter=Q(answered_at__isnull=False, outcome="", phase="ended")),
        walk_ins=Count("pk", filter=Q(channel=Contact.Channel.WALK_IN)),
    )
    return Today(since=since, to_recover=_to_recover(reader), **figures)


def _to_recover(reader: Reader) -> int:
    rows = seen(reader).filter(
        cause__in=GAVE_UP, recovered_at=None, answered_at=None, ended_at__gte=timezone.now() - RECOVER_WITHIN
    )
    numbers = rows.exclude(contact__caller__number="").values("contact__caller__number").distinct().count()
    return numbers + rows.filter(contact__caller__number="").count()


def walk_ins_today(reader: Reader, now: datetime | None = None) -> list[Listed]:
    """The reader's own, newest first: "my day" on the phone."""
    zone = Organisation.objects.values_list("timezone", flat=True).get(pk=reader.organisation_id)
    since, until = _day(zone, now or timezone.now())
    rows = seen(reader).filter(
        agent_id=reader.user_id, channel=Contact.Channel.WALK_IN, started_at__gte=since, started_at__lt=until
    )
    return listed(list(rows.select_related("contact__caller", *SHOWN).order_by("-started_at")))


def alerts_open(reader: Reader) -> list[UnwellAlert]:
    """Someone unwell whom nobody has come to yet, the longest waiting first."""
    rows = covered(reader, UnwellAlert.objects.filter(come_at=None), shared=True)
    return list(rows.select_related("site", "raised_by", "seen_by").order_by("raised_at"))


def dangers_open(reader: Reader) -> list[ContactSummary]:
    """Talks going on now in which somebody's life is in danger, the oldest first."""
    rows = seen(reader).filter(emergency=True, phase__in=("talking", "held"))
    return list(rows.select_related("contact__line", "agent").order_by("started_at"))


def _day(zone: str, now: datetime) -> tuple[datetime, datetime]:
    midnight = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight, midnight + timedelta(days=1)
