"""What may be asked about contacts. Everything takes a `Reader` and shows only what the posting covers."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Avg, Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.fields.json import KT
from django.utils import timezone
from django.utils.translation import gettext_lazy

from careline.base.accounts.models import User
from careline.base.accounts.rights import Reader, covered
from careline.base.audit.actions import record as audit
from careline.base.errors import NotFound
from careline.base.organisations.models import Organisation, Site
from careline.base.prepared import Prepared, rows
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
REACHABLE = Q(contact__caller__caller_erased_at=None)  # who asked to be forgotten is not called back
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
    found = list(rows[: limit + 1])
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
    """With line, caller and patients, and `SHOWN` of each summary: a query for each kind, each row fetched once."""
    contacts = [s.contact_id for s in summaries]
    callers = {caller.contact_id: caller for caller in _callers_of(contacts=contacts)}
    patients: dict[UUID, list[Patient]] = defaultdict(list)
    for link in _patients_of(contacts=contacts):
        patients[link.contact_id].append(link.patient)
    lines = _by_id(_lines, (s.line_id for s in summaries))
    _attach(summaries)
    return [
        Listed(s, callers.get(s.contact_id), patients[s.contact_id], lines.get(s.line_id) if s.line_id else None)
        for s in summaries
    ]


def _attach(summaries: list[ContactSummary]) -> None:
    """What many rows share (topics, queues, operators) is read once, not joined to each."""
    topics = _by_id(_topics, (id for s in summaries for id in (s.topic_id, s.asked_topic_id)))
    queues = _by_id(_queues, (s.queue_id for s in summaries))
    agents = _by_id(_agents, (s.agent_id for s in summaries))
    for s in summaries:
        s.topic, s.asked_topic = topics.get(s.topic_id), topics.get(s.asked_topic_id)
        s.queue, s.agent = queues.get(s.queue_id), agents.get(s.agent_id)


def _by_id(rows: Prepared[Any], ids: Iterable[UUID | None]) -> dict[UUID | None, Any]:
    wanted = list({id for id in ids if id})
    return {row.pk: row for row in rows(ids=wanted)} if wanted else {}


_lines = Prepared(lambda ids: PhoneLine.objects.filter(pk__among=ids), ids=list)
_topics = Prepared(lambda ids: Topic.objects.filter(pk__among=ids), ids=list)
_queues = Prepared(lambda ids: Queue.objects.filter(pk__among=ids), ids=list)
_agents = Prepared(lambda ids: User.objects.filter(pk__among=ids), ids=list)
_callers_of = Prepared(lambda contacts: CallerDetails.objects.filter(contact__among=contacts), contacts=list)
_patients_of = Prepared(
    lambda contacts: ContactPatient.objects.filter(contact__among=contacts).select_related("patient").order_by("pk"),
    contacts=list,
)


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
    return str(_OUTCOMES.get(code, code))


_OUTCOMES = dict(Outcome.choices)


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
    contact = seen_contact(reader, contact_id)
    patients = [link.patient for link in _patients_of(contacts=[contact.pk])]
    if look:
        audit(reader, "contact.opened", "contact", [contact.pk, *(p.pk for p in patients)])
    story = [Happened(row.kind, row.at, row.data) for row in ledger.story(contact.pk)]
    summary = getattr(contact, "summary", None)
    return Card(
        contact=contact,
        summary=summary,
        caller=getattr(contact, "caller", None),
        patients=patients,
        texts=_texts(contact=contact.pk),
        asked_topic=asked_topic(contact, story),
        topic=summary.topic if summary else None,
        queue=summary.queue if summary else getattr(contact.line, "queue", None),
        agent=summary.agent if summary else None,
        unwell=getattr(contact, "unwell", None),
        story=story,
    )


def seen_contact(reader: Reader, contact_id: UUID | str) -> Contact:
    """With all that stands one to one beside it, in one query. Raises NotFound, also where nothing may be seen."""
    id = known_uuid(contact_id)
    if reader.site_id is None:
        contact = _covered.first(id=id, path=reader.path)
    else:
        contact = _covered_at.first(id=id, path=reader.path, site=reader.site_id)
    if contact is None and _in_hands.first(id=id, user=reader.user_id, agent=str(reader.user_id)):
        contact = _any.first(id=id)  # rarely: from elsewhere, but in the reader's own hands, now or before
    if contact is None:
        raise NotFound
    return contact


def locked_contact(reader: Reader, contact_id: UUID | str) -> Contact:
    """The same, locked until the transaction ends, so that its record grows by one writer at a time."""
    id = known_uuid(contact_id)
    if _locked.first(id=id) is None:
        raise NotFound
    return seen_contact(reader, id)


def known_uuid(id: UUID | str) -> UUID:
    """Raises NotFound: what is no id is nobody's."""
    try:
        return UUID(str(id))
    except ValueError as error:
        raise NotFound from error


BESIDE = ("organisation", "site", "line__queue", "caller", "unwell", "draft", *(f"summary__{name}" for name in SHOWN))

_any = Prepared(lambda id: Contact.objects.filter(pk=id).select_related(*BESIDE), id=UUID)
_covered = Prepared(
    lambda id, path: Contact.objects.filter(pk=id, organisation__path__startswith=path).select_related(*BESIDE),
    id=UUID,
    path=str,
)
_covered_at = Prepared(
    lambda id, path, site: (
        Contact.objects.filter(pk=id, organisation__path__startswith=path)
        .filter(Q(site_id=site) | Q(site_id=None))
        .select_related(*BESIDE)
    ),
    id=UUID,
    path=str,
    site=UUID,
)
_locked = Prepared(lambda id: Contact.objects.select_for_update().filter(pk=id).values_list("pk", flat=True), id=UUID)
_in_hands = Prepared(
    lambda id, user, agent: (
        Contact.objects.filter(pk=id)
        .filter(
            Exists(ContactSummary.objects.filter(pk=id, agent_id=user))
            | Exists(
                LiveState.objects.alias(holder=KT("state__agent")).filter(subject=id, kind="contact", holder=agent)
            )
        )
        .values_list("pk", flat=True)
    ),
    id=UUID,
    user=UUID,
    agent=str,
)
_texts = Prepared(lambda contact: ContactText.objects.filter(contact=contact).order_by("at", "pk"), contact=UUID)


def asked_topic(contact: Contact, story: list[Happened] | None = None) -> Topic | None:
    """What the caller chose; from the contact's own story while the projection has not met it yet."""
    if (summary := getattr(contact, "summary", None)) is not None:
        return cast(ContactSummary, summary).asked_topic
    begun = [row for row in (story or ledger.story(contact.pk)) if row.kind == "ContactStarted"]
    asked = begun[0].data.get("topic") if begun else None
    return Topic.objects.filter(pk=asked).first() if asked else None


def history(reader: Reader, card: Card, limit: int = 20) -> list[Listed]:
    """Earlier contacts of the same number or the same patients ("second call today"), newest first.

    Of the whole organisation, not only of the reader's site: the caller does not care which site answered.
    """
    reader.require("contacts.view")
    contact = card.contact
    same = related(contact)
    since = contact.started_at - SECOND_CALL
    found = (
        _earlier[contact.simulated](ids=same, until=contact.started_at, since=since, path=reader.path) if same else []
    )
    return listed(found[:limit])


def related(contact: Contact) -> list[UUID]:
    """Other contacts of the same number or patients, at most `MOST_RELATED`, the newest of them."""
    found = rows(RELATED, {"contact": contact.pk, "most": MOST_RELATED})
    return [id for (id,) in found]


MOST_RELATED = 500
RELATED = """
SELECT other.contact_id FROM contacts_callerdetails mine JOIN contacts_callerdetails other USING (number)
WHERE mine.contact_id = %(contact)s AND mine.number <> '' AND other.contact_id <> %(contact)s
UNION
SELECT other.contact_id FROM contacts_contactpatient mine JOIN contacts_contactpatient other USING (patient_id)
WHERE mine.contact_id = %(contact)s AND other.contact_id <> %(contact)s
ORDER BY contact_id DESC LIMIT %(most)s
"""  # ids are UUIDs of version 7: their order is that of time


def _earlier_of(simulated: bool) -> Prepared[ContactSummary]:
    return Prepared(
        lambda ids, until, since, path: ContactSummary.objects.filter(
            pk__among=ids,
            started_at__lte=until,
            started_at__gte=since,
            undone=False,
            simulated=simulated,
            organisation_id__in=Organisation.objects.filter(path__startswith=path).values("pk"),
        ).order_by("-started_at", "-contact_id"),
        ids=list,
        until=datetime,
        since=datetime,
        path=str,
    )


_earlier = {simulated: _earlier_of(simulated) for simulated in (False, True)}


# --- those who gave up ------------------------------------------------------------------------------------


def gave_up_before(contact: Contact, *, too: bool = False) -> list[Contact]:
    """Earlier contacts of the same caller or patients that nobody answered and nobody has made good, locked.

    `too`: the contact itself among them, so that all are locked in one order.
    """
    same = related(contact)
    if not (same or too):
        return []
    earlier = Q(
        pk__in=same,
        started_at__lte=contact.started_at,
        started_at__gte=contact.started_at - RECOVER_WITHIN,
        simulated=contact.simulated,
        organisation__path__startswith=contact.organisation.path.split("/", 1)[0] + "/",
        summary__cause__in=GAVE_UP,
        summary__recovered_at=None,
        summary__answered_at=None,
        summary__undone=False,
    )
    rows = Contact.objects.select_for_update(of=("self",)).order_by("pk")
    return list(rows.filter(earlier | Q(pk=contact.pk) if too else earlier))


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
        .filter(REACHABLE, cause__in=GAVE_UP, recovered_at=None, answered_at=None, ended_at__gte=since)
        .exclude(Exists(later.exclude(contact__caller__number="")))
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
    since = timezone.now() - RECOVER_WITHIN
    rows = seen(reader).filter(REACHABLE, cause__in=GAVE_UP, recovered_at=None, answered_at=None, ended_at__gte=since)
    numbers = rows.exclude(contact__caller__number="").values("contact__caller__number").distinct().count()
    return numbers + rows.filter(contact__caller__number="").count()


def walk_ins_today(reader: Reader, now: datetime | None = None) -> list[Listed]:
    """The reader's own, newest first: "my day" on the phone."""
    zone = Organisation.objects.values_list("timezone", flat=True).get(pk=reader.organisation_id)
    since, until = _day(zone, now or timezone.now())
    rows = seen(reader).filter(
        agent_id=reader.user_id, channel=Contact.Channel.WALK_IN, started_at__gte=since, started_at__lt=until
    )
    return listed(list(rows.order_by("-started_at")))


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
