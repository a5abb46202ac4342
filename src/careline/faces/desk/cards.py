"""What the desk's screens show, made from what the rooms below answer. No decision is taken here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.template.loader import get_template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _

from careline.base.accounts.models import User
from careline.base.accounts.rights import Reader
from careline.base.ids import uuid7
from careline.care.contacts import queries as contacts
from careline.care.contacts.models import CallerDetails, Contact, ContactSummary, ContactText
from careline.care.contacts.queries import Card, Listed
from careline.care.directory.models import Notice, PhoneLine, Queue, Topic, in_language
from careline.care.directory.queries import TopicNode, is_open, lines, notices_now, queues, topic_tree
from careline.care.patients import queries as patients_room
from careline.care.patients.models import Patient
from careline.care.patients.queries import PatientHit
from careline.core import names
from careline.faces.desk.rules import agent_mark, icon_of
from careline.faces.desk.templatetags.desk import birthday
from careline.faces.desk.texts import GIVEN, LANGUAGE_MARKS, LANGUAGE_NAMES, PAUSES
from careline.faces.shared import same_for, shared
from careline.faces.wording import moment, span
from careline.switchboard.queries import AgentNow, Waiting, agents_now, waiting_now

WITHIN = " › "
TOPICS_KEPT_S = 10.0  # a topic added in the administration is on every desk soon enough
TOPIC_CHIPS = 6  # as many as one finds without reading; the rest stands in the list
ASKS = 6

# --- one contact -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flag:
    """What one must know before the first word: shape, words, tint."""

    text: str
    icon: str
    tone: str = "tag--warn"


@dataclass(frozen=True, slots=True)
class Found:
    """A patient in a list to choose from."""

    id: UUID
    name: str
    about: str
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """A chosen patient, opened."""

    id: UUID
    name: str
    number: str
    birth_date: Any
    age: str
    home: str
    site: str
    phones: list[Any]
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier contact, as one line of what was said."""

    at: datetime
    icon: str
    topic: str
    outcome: str
    note: str
    who: str


@dataclass(frozen=True, slots=True)
class Open:
    mark: str
    word: str


@dataclass(frozen=True, slots=True)
class CallCard:
    """Everything the first second needs: for which line, in which language, whose number, why, how long."""

    id: UUID
    channel: str
    channel_name: str
    icon: str
    callback: bool
    urgent: bool  # the caller says they feel unwell: went before all
    emergency: bool  # an operator says: danger to life
    emergency_number: str
    simulated: bool  # a caller of the demo
    answered_at: datetime | None
    language: str
    language_name: str
    language_mark: str
    line: str
    site: str
    greeting: str
    queued_at: datetime
    waited_s: float
    target_s: int
    asked_topic: str
    asked_id: UUID | None
    caller: CallerDetails
    candidates: list[Found] = field(default_factory=list)
    repeat: str = ""
    last_said: str = ""
    gave_up: datetime | None = None
    notices: list[Notice] = field(default_factory=list)
    open: Open | None = None

    @property
    def waited_long(self) -> bool:
        return self.waited_s > self.target_s

    @property
    def warnings(self) -> tuple[Flag, ...]:
        """Of the only candidate: how one must speak, whoever it turns out to be."""
        return self.candidates[0].flags if len(self.candidates) == 1 else ()


def call_card(
    card: Card, past: Sequence[Listed], candidates: Iterable[PatientHit], caller: CallerDetails, speaker: str
) -> CallCard:
    """`past`: earlier contacts (`contacts.history`), newest first. `speaker`: the operator's name in the greeting."""
    contact, summary, now = card.contact, card.summary, timezone.now()
    queued_at = _first(card, "ContactQueued") or contact.started_at
    answered_at = _first(card, "StartTalk")
    callback = bool(summary and summary.callback_asked_at)
    line = contact.line
    return CallCard(
        id=contact.pk,
        channel=contact.channel,
        channel_name=_("Call-back") if callback else contact.get_channel_display(),
        icon=icon_of(contact.channel, callback),
        callback=callback,
        urgent=bool(summary and summary.emergency) or bool(card.asked_topic and card.asked_topic.urgent),
        emergency=flagged(card),
        simulated=contact.simulated,
        answered_at=answered_at,
        emergency_number=line.emergency_number if line else "112",
        language=contact.language,
        language_name=str(LANGUAGE_NAMES.get(contact.language, contact.language)),
        language_mark=str(LANGUAGE_MARKS.get(contact.language, contact.language.upper())),
        line=line.name if line else "",
        site=contact.site.name if contact.site else "",
        greeting=greeting_of(line, contact.language, speaker),
        queued_at=queued_at,
        waited_s=_until(queued_at, answered_at or now),
        target_s=card.queue.answer_target_s if card.queue else 20,
        asked_topic=str(card.asked_topic) if card.asked_topic else "",
        asked_id=card.asked_topic.pk if card.asked_topic else None,
        caller=caller,
        candidates=[found(hit) for hit in candidates],
        repeat=repeat_of(past, contact),
        last_said=_last_said(past),
        gave_up=next((p.summary.ended_at for p in past if p.summary.cause in ("abandoned", "lost")), None),
        notices=notices_now(contact.organisation, now, site_id=contact.site_id),
        open=_open_now(line) if line else None,
    )


def _first(card: Card, kind: str) -> datetime | None:
    """When this first happened, from the contact's own story: the summary may be a moment behind."""
    return next((row.at for row in card.story if row.kind == kind), None)


def _until(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds())


def flagged(card: Card) -> bool:
    """Danger to life, said by an operator; the last word counts."""
    told = [row.kind for row in card.story if row.kind in ("EmergencyFlagged", "EmergencyUnflagged")]
    return bool(told) and told[-1] == "EmergencyFlagged"


def greeting_of(line: PhoneLine | None, language: str, speaker: str) -> str:
    """The line's own words in the caller's language; a line without any greets with its name."""
    if line is None:
        return _("Good day! How can I help?")
    written = in_language(line.greeting, language) or _("Good day! %(line)s. How can I help?") % {"line": line.name}
    return written.replace("{name}", speaker)


def repeat_of(past: Sequence[Listed], contact: Contact) -> str:
    """ "2nd call today" in words, or of the week where it is the first today."""
    spoken = [p for p in past if p.summary.channel != Contact.Channel.WALK_IN]
    start = timezone.localtime(contact.started_at).replace(hour=0, minute=0, second=0, microsecond=0)
    if today := sum(p.summary.started_at >= start for p in spoken):
        return ngettext("Called once before today", "Called %(n)s times before today", today) % {"n": today}
    week = sum(p.summary.started_at >= contact.started_at - timedelta(days=7) for p in spoken)
    if week:
        return ngettext("Called once in the last 7 days", "Called %(n)s times in the last 7 days", week) % {"n": week}
    return ""


def _last_said(past: Sequence[Listed]) -> str:
    if not past:
        return ""
    last = past_of(past[0])
    return " · ".join(part for part in (last.topic, last.outcome) if part)


def _open_now(line: PhoneLine) -> Open:
    """The hours of a line and all their exceptions are read once for everyone who looks within the second."""
    key = ("open", line.pk, get_language(), timezone.get_current_timezone_name())
    return shared(key, lambda: open_of(line, timezone.now()))


def open_of(line: PhoneLine, now: datetime) -> Open:
    state = is_open(line, now)
    if state.open and state.closes_at:
        closes = timezone.localtime(state.closes_at)
        return Open("m-ready ok", _("open until %(at)s") % {"at": f"{closes:%H:%M}"})
    return Open("m-ready ok", _("open")) if state.open else Open("m-off", state.text)


def past_of(row: Listed) -> Past:
    s = row.summary
    outcome = row.outcome or (row.cause if s.cause and s.cause != "completed" else "")
    who = [s.agent.get_full_name()] if s.agent else []
    if row.line:
        who.append(row.line.name)
    return Past(
        at=s.started_at,
        icon=icon_of(s.channel, bool(s.callback_asked_at)),
        topic=str(s.topic or s.asked_topic or _("No topic")),
        outcome=outcome,
        note=row.caller.note if row.caller else "",
        who=" · ".join(who),
    )


def found(hit: PatientHit) -> Found:
    about = [birthday(hit.birth_date)] if hit.birth_date else []
    if hit.age is not None:
        about.append(years(hit.age))
    about += [part for part in (hit.settlement, hit.site) if part]
    if hit.number:
        about.append(f"№ {hit.number}")
    return Found(hit.id, hit.display_name, " · ".join(about), tuple(flag_of(code) for code in hit.flags))


def years(age: int) -> str:
    return ngettext("%(n)s year", "%(n)s years", age) % {"n": age}


def flag_of(code: str, note: str = "") -> Flag:
    match code:
        case "interpreter":
            return Flag(_("Needs an interpreter"), "i-globe")
        case "hard_of_hearing":
            return Flag(_("Hard of hearing: speak slowly"), "i-ear")
        case "child":
            return Flag(_("A child: a parent decides"), "i-users", "tag--info")
        case "safety":
            return Flag(note or _("Safety note: read it first"), "i-octagon", "tag--danger")
    return Flag(code, "i-alert")


def person(reader: Reader, patient: Patient) -> Person:
    """An opened record as WHO shows it."""
    today = timezone.localdate()
    policy = patients_room.policy_of(reader)
    place = patient.settlement.name if patient.settlement else ""
    return Person(
        id=patient.pk,
        name=names.display_name(patient.family_name, patient.given_name, patient.middle_name, language=reader.language),
        number=patient.number,
        birth_date=patient.birth_date,
        age=years(names.age_on(patient.birth_date, today)) if patient.birth_date else "",
        home=", ".join(part for part in (place, patient.address) if part),
        site=patient.site.name if patient.site else "",
        phones=list(patient.phones.all()),
        flags=tuple(flag_of(code, patient.safety_note) for code in patients_room.flags_of(patient, today, policy)),
    )


@dataclass(frozen=True, slots=True)
class Said:
    at: datetime
    text: str
    mine: bool
    who: str


def said(texts: Iterable[ContactText]) -> list[Said]:
    """A text talk so far, with the names of those who answered."""
    rows = list(texts)
    authors = User.objects.in_bulk({row.by_agent for row in rows if row.by_agent})
    return [
        Said(row.at, row.text, bool(row.by_agent), authors[row.by_agent].first_name if row.by_agent in authors else "")
        for row in rows
    ]


# --- how it ends -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TopicChip:
    """`option`: the same as a line of a list to choose from."""

    id: str
    name: str
    option: str


@dataclass(frozen=True, slots=True)
class TopicGroup:
    name: str
    topics: list[TopicChip]


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of an organisation in one language: all by id, and those at the top with all below each."""

    by_id: dict[str, TopicChip]
    groups: dict[str, list[TopicChip]]

    @property
    def tops(self) -> list[TopicChip]:
        return [self.by_id[each] for each in self.groups]


def topics_of(organisation_id: UUID, first: Iterable[str]) -> tuple[list[TopicChip], list[TopicGroup]]:
    """The chips, and every other topic in groups, one for each at the top of the tree.

    Those of `first` are always among the chips, however deep they lie, and even when they are no longer offered.
    """
    topics = shared(("topics", organisation_id, get_language()), lambda: _offered(organisation_id), for_s=TOPICS_KEPT_S)
    wanted = list(dict.fromkeys(each for each in first if each))
    known = topics.by_id | {chip.id: chip for chip in _withdrawn(each for each in wanted if each not in topics.by_id)}
    chosen = [_chip(each, known[each].name.rsplit(WITHIN, 1)[-1]) for each in wanted if each in known]
    tops = topics.tops
    chips = (chosen + [top for top in tops if top.id not in wanted])[:TOPIC_CHIPS]
    shown = {chip.id for chip in chips}
    order = {top.id: number for number, top in enumerate(tops)}
    chips.sort(key=lambda chip: order.get(chip.id, len(order)))
    rest = [
        TopicGroup(known[top].name, [chip for chip in below if chip.id not in shown])
        for top, below in topics.groups.items()
    ]
    return chips, [group for group in rest if group.topics]


def _offered(organisation_id: UUID) -> Topics:
    groups = {str(top.topic.pk): list(_below(top)) for top in topic_tree(organisation_id)}
    return Topics({chip.id: chip for chips in groups.values() for chip in chips}, groups)


def _chip(id: str, name: str) -> TopicChip:
    return TopicChip(id, name, format_html('<option value="{}">{}</option>', id, name))


def options_of(groups: Iterable[TopicGroup]) -> str:
    """What a list offers to choose from. A hundred topics stand on every card: their lines are written beforehand."""
    lines = (
        format_html('<optgroup label="{}">', group.name)
        + mark_safe("".join(chip.option for chip in group.topics))  # noqa: S308
        + mark_safe("</optgroup>")
        for group in groups
    )
    return mark_safe("".join(lines))  # noqa: S308


def _below(node: TopicNode, above: str = "") -> Iterator[TopicChip]:
    """The topic and all below it; from the third level on with what they stand under, so that names tell them apart."""
    name = f"{above}{WITHIN}{node.topic}" if above else str(node.topic)
    yield _chip(str(node.topic.pk), name)
    for child in node.children:
        yield from _below(child, name if node.topic.parent_id else "")


def _withdrawn(ids: Iterable[str]) -> list[TopicChip]:
    known = [UUID(each) for each in ids if _is_id(each)]
    return [_chip(str(topic.pk), str(topic)) for topic in Topic.objects.filter(pk__in=known)] if known else []


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


# --- whom to hand it to ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """An agent or a queue a call may be handed to. `takes`: now."""

    kind: str
    id: str
    name: str
    word: str
    mark: str
    tone: str
    takes: bool
    about: str = ""


@dataclass(frozen=True, slots=True)
class Targets:
    """The two lists, as they stand on the page."""

    agents: str
    queues: str


def targets(reader: Reader) -> Targets:
    """Colleagues at the phone, those who are ready first, and the queues of the posting.

    Every row is drawn once a second for all of the place; each reader gets them without their own.
    """
    rows = shared(same_for(reader, "targets"), lambda: _target_rows(reader))
    me = str(reader.user_id)
    return Targets(
        agents=mark_safe("".join(row for target, row in rows if target.kind == "agent" and target.id != me)),  # noqa: S308
        queues=mark_safe("".join(row for target, row in rows if target.kind == "queue")),  # noqa: S308
    )


def _target_rows(reader: Reader) -> list[tuple[Target, str]]:
    row = get_template("desk/target.html")
    colleagues = sorted(agents_now(reader), key=lambda agent: not agent.ready)
    waiting = Counter(str(item.queue.pk) for item in waiting_now(reader, limit=1000))
    found = [_agent_target(agent) for agent in colleagues]
    found += [_queue_target(queue, waiting[str(queue.pk)]) for queue in queues(reader)]
    return [(target, row.render({"target": target})) for target in found]


def _agent_target(agent: AgentNow) -> Target:
    return Target(
        kind="agent",
        id=str(agent.user.pk),
        name=agent.user.get_full_name() or agent.user.username,
        word=agent_word(agent),
        mark=agent_mark(agent.presence, list(agent.phases)),
        tone="ok" if agent.ready else "soft",
        takes=agent.ready,
        about=_("simulated: takes simulated callers only") if agent.user.simulated else "",
    )


def _queue_target(queue: Queue, waiting: int) -> Target:
    return Target(
        kind="queue",
        id=str(queue.pk),
        name=queue.name,
        word=_queue_word(queue, waiting),
        mark="m-off" if queue.closed else ("m-dash" if waiting else "m-ready"),
        tone="soft",
        takes=not queue.closed,
    )


def _queue_word(queue: Queue, waiting: int) -> str:
    if queue.closed:
        return _("closed for now")
    return ngettext("%(n)s waiting", "%(n)s waiting", waiting) % {"n": waiting} if waiting else _("nobody waiting")


def agent_word(agent: AgentNow) -> str:
    if "talking" in agent.phases:
        return _("talking")
    if agent.phases:
        return {"wrap_up": _("writing up"), "held": _("on hold")}.get(agent.phases[0], _("ringing"))
    if agent.presence == "ready":
        return _("ready")
    reasons = {pause.code: str(pause.label) for pause in PAUSES} | {code: str(word) for code, word in GIVEN.items()}
    return reasons.get(agent.reason, _("paused")).lower()


# --- idle ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Next:
    """A row of the one fair queue."""

    kind: str
    icon: str
    line: str
    topic: str
    language_name: str
    emergency: bool
    ringing: bool
    simulated: bool
    since: float
    waited_s: float
    target_s: int

    @property
    def late(self) -> bool:
        return self.waited_s > self.target_s


def next_up(rows: Sequence[Waiting]) -> list[Next]:
    now = timezone.now()
    asked = _asked([row.contact.pk for row in rows])
    return [_next(row, asked.get(row.contact.pk), now) for row in rows]


def _asked(ids: list[UUID]) -> dict[UUID, Topic | None]:
    rows = ContactSummary.objects.filter(pk__in=ids).select_related("asked_topic")
    return {row.contact_id: row.asked_topic for row in rows}


def _next(row: Waiting, topic: Any, now: datetime) -> Next:
    callback = row.callback or row.phase == "callback"
    return Next(
        kind=_("Call-back") if callback else row.contact.get_channel_display(),
        icon=icon_of(row.contact.channel, callback),
        line=row.contact.line.name if row.contact.line else "",
        topic=str(topic) if topic else "",
        language_name=str(LANGUAGE_NAMES.get(row.contact.language, row.contact.language)),
        emergency=row.emergency,
        ringing=row.phase == "offered",
        simulated=row.contact.simulated,
        since=row.since.timestamp(),
        waited_s=_until(row.since, now),
        target_s=row.queue.answer_target_s,
    )


@dataclass(frozen=True, slots=True)
class LineRow:
    name: str
    mark: str
    tone: str
    word: str
    tone_word: str = "soft"


def line_rows(reader: Reader) -> list[LineRow]:
    """Every line of the posting: closed, with callers waiting, in talk, or free."""
    now = timezone.now()
    waiting = Counter(item.contact.line_id for item in waiting_now(reader, limit=1000))
    spoken = contacts.seen(reader).filter(phase__in=("talking", "held")).values_list("line_id", flat=True)
    talking = Counter(spoken)
    rows = []
    for line in lines(reader):
        state = is_open(line, now)
        if n := waiting[line.pk]:
            word = ngettext("%(n)s waiting", "%(n)s waiting", n) % {"n": n}
            rows.append(LineRow(line.name, "m-late", "warn", word, "warn"))
        elif n := talking[line.pk]:
            rows.append(LineRow(line.name, "m-talk", "soft", ngettext("%(n)s talk", "%(n)s talks", n) % {"n": n}))
        elif state.open:
            rows.append(LineRow(line.name, "m-ready", "ok", _("free")))
        else:
            rows.append(LineRow(line.name, "m-off", "soft", _opens(state, now)))
    return rows


def _opens(state: Any, now: datetime) -> str:
    if state.opens_at is None:
        return state.text
    opens = timezone.localtime(state.opens_at)
    if opens.date() == timezone.localdate(now):
        return _("opens %(at)s") % {"at": f"{opens:%H:%M}"}
    return _("closed")


@dataclass(frozen=True, slots=True)
class Task:
    """Something owed: who, what and when, and the action that moves it."""

    contact: UUID
    at: datetime
    what: str
    about: str
    who: str
    verb: str
    number: str = ""
    late: bool = False
    note_key: UUID | None = None  # somebody to call back: of the note whether they were reached


def tasks_of(reader: Reader) -> list[Task]:
    """Callers who gave up and have not been reached, and the reader's own talks that have no outcome yet."""
    now = timezone.now()
    recover = [_recover(row, now) for row in contacts.recovery_list(reader, limit=50)]
    page = contacts.contacts_list(reader, contacts.Filters(agent=reader.user_id, missing=True), limit=20, look=False)
    return [_unfinished(row) for row in page.rows] + recover


def _recover(row: contacts.ToRecover, now: datetime) -> Task:
    summary, caller = row.last.summary, row.last.caller
    at = summary.ended_at or summary.started_at
    about = [caller.name] if caller and caller.name else []
    if row.last.line:
        about.append(row.last.line.name)
    if row.attempts:
        tries = ngettext(
            "called back once in vain, at %(at)s", "called back %(n)s times in vain, last at %(at)s", row.attempts
        )
        about.append(tries % {"n": row.attempts, "at": moment(row.tried_at)})
    elif row.times > 1:
        about.append(ngettext("tried once", "tried %(n)s times", row.times) % {"n": row.times})
    return Task(
        contact=row.last.id,
        at=at,
        what=_("Call back: gave up after %(waited)s") % {"waited": span(row.waited_s)},
        about=" · ".join(about),
        who=_("Anyone"),
        verb=pgettext("a record", "Open"),
        number=caller.number if caller else "",
        late=now - at > timedelta(hours=1),
        note_key=uuid7(),
    )


def _unfinished(row: Listed) -> Task:
    about = [str(row.summary.asked_topic)] if row.summary.asked_topic else []
    if row.line:
        about.append(row.line.name)
    return Task(
        contact=row.id,
        at=row.summary.ended_at or row.summary.started_at,
        what=_("Finish the record"),
        about=" · ".join(about),
        who=_("You"),
        verb=_("Finish"),
    )


@dataclass(frozen=True, slots=True)
class Ask:
    name: str
    n: int


def asks_today(reader: Reader) -> list[Ask]:
    """The topics of today's contacts, the most frequent first."""
    start = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = contacts.filtered(reader, contacts.Filters(since=start)).exclude(topic=None).order_by()
    counted = rows.values("topic").annotate(n=Count("pk")).order_by("-n", "topic")[:ASKS]
    topics = Topic.objects.in_bulk([row["topic"] for row in counted])
    return [Ask(str(topics[row["topic"]]), row["n"]) for row in counted if row["topic"] in topics]


@dataclass(frozen=True, slots=True)
class Colleagues:
    ready: int
    talking: int


def colleagues(reader: Reader) -> Colleagues:
    rows = agents_now(reader)
    return Colleagues(sum(a.ready for a in rows), sum("talking" in a.phases for a in rows))
