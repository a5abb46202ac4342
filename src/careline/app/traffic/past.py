"""The hours before the visitor came: the same router under a virtual clock, played by the same habits.

Whatever is heard and ordered is written to the ledger as the switchboard writes it, so lists, boards and reports know
no difference but the mark `simulated`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from careline.app.traffic.cast import Cast, Destination, Person
from careline.app.traffic.habits import (
    LEAST_BEFORE,
    PAST_SHARE,
    PEAK_PER_S,
    CallPlan,
    arrivals,
    outcome_of,
    plan_call,
    plan_desk,
)
from careline.base.ids import uuid7
from careline.care.contacts.actions import begun
from careline.care.contacts.bulk import write_past
from careline.care.contacts.ledger import Entry
from careline.care.contacts.models import CallerDetails, Contact, ContactPatient, LiveState, Stream
from careline.care.contacts.projections import catch_up
from careline.care.contacts.rules import GAVE_UP
from careline.core.acd.model import (
    AgentPaused,
    AgentReady,
    AgentSignedIn,
    AgentSignedOut,
    CallbackAsked,
    CallerHungUp,
    Channel,
    Command,
    ContactQueued,
    DialPatient,
    EndCause,
    EndContact,
    Event,
    IllegalEvent,
    Need,
    OfferAccepted,
    OfferContact,
    PatientAnswered,
    PauseAgent,
    QueueSet,
    StartTalk,
    StartWrapUp,
    TalkEnded,
    TalkHeld,
    TalkResumed,
    TimePassed,
    WrapUpDone,
)
from careline.core.acd.router import Router
from careline.switchboard.journal import entry, moment

LONGEST_S = 6 * 3600.0
SHORTEST_S = 900.0  # a shorter gap is not worth it
RATED = 0.2  # of the talks
HANDFUL = 1000  # rows of the ledger written at once while the centre is at work: some tenths of a second
TOLD = (Stream.ROUTING, Stream.RECORD, Stream.AGENT)  # of a day in between; queues and time itself go on as they are
DRAIN_S = 240.0  # the last calls begin so long before the end, so that most of them are over by then


@dataclass(slots=True)
class Call:
    id: UUID
    at: float
    plan: CallPlan
    destination: Destination
    person: Person
    language: str
    before: UUID | None = None  # the call they gave up on
    over: bool = False
    linked: bool = False


@dataclass
class Past:
    """What is to be written: rows of the database, the ledger's in the order of time."""

    contacts: list[Contact] = field(default_factory=list)
    callers: list[CallerDetails] = field(default_factory=list)
    patients: list[ContactPatient] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


class Play:
    """One network from `since` to `until` (seconds since the epoch)."""

    def __init__(self, cast: Cast, rng: random.Random, since: float, until: float) -> None:
        self.cast, self.rng, self.since, self.until = cast, rng, since, until
        self.calls: dict[str, Call] = {}
        self.entries: list[Entry] = []
        self._router = Router(journal=False)
        self._due: list[tuple[float, int, Callable[[float], object]]] = []
        self._number = count()

    def run(self) -> Past:
        for rules in self.cast.rules:
            self._router.handle(QueueSet(rules), self.since)
        for member in self.cast.members:
            self._hear(AgentSignedIn(member.profile), self.since)
            self._hear(AgentReady(str(member.user)), self.since)
        rate = lambda at: max(self.cast.rate(at), PEAK_PER_S * LEAST_BEFORE) * PAST_SHARE  # noqa: E731
        for at in arrivals(self.rng, self.since, self.until - DRAIN_S, rate):
            self._then(at, self._somebody_calls)
        self._go_on()
        for member in self.cast.members:
            self._hear(AgentSignedOut(str(member.user), "signed_out"), self.until)
        return self._told()

    # --- time

    def _then(self, at: float, act: Callable[[float], object]) -> None:
        heappush(self._due, (at, next(self._number), act))

    def _go_on(self) -> None:
        """Everything in order of time; the router's own timers among it."""
        while True:
            timer = self._router.next_due()
            next_at = self._due[0][0] if self._due else self.until
            if timer is not None and timer <= min(next_at, self.until):
                self._carry_out(self._router.handle(TimePassed(), timer), timer)
            elif self._due and next_at < self.until:
                at, _, act = heappop(self._due)
                act(at)
            else:
                return

    # --- hearing and writing

    def _hear(self, event: Event, at: float) -> bool:
        """False when it no longer fits: somebody else was quicker."""
        try:
            commands = self._router.handle(event, at)
        except IllegalEvent:
            return False
        self.entries.append(entry(event, moment(at)))
        self._carry_out(commands, at)
        return True

    def _carry_out(self, commands: list[Command], at: float) -> None:
        self.entries += [entry(command, moment(at)) for command in commands]
        for command in commands:
            if (act := _ACTS.get(type(command))) is not None:
                act(self, command, at)

    def _record(self, call: Call, kind: str, at: float, **data: Any) -> None:
        self.entries.append(Entry(call.id, Stream.RECORD, kind, moment(at), data))

    # --- callers

    def _somebody_calls(self, at: float) -> None:
        plan = plan_call(self.rng, self.cast.topics())
        destination = self.cast.destination(self.rng, plan.topic)
        language = self.cast.language_of(self.rng, destination)
        self._calls(Call(uuid7(), at, plan, destination, self.rng.choice(self.cast.people), language))

    def _calls(self, call: Call) -> None:
        self.calls[str(call.id)] = call
        self.entries.append(
            Entry(
                call.id, Stream.RECORD, "ContactStarted", moment(call.at), begun(_contact(call), call.destination.topic)
            )
        )
        contact, plan = str(call.id), call.plan
        self._then(call.at + plan.patience_s, lambda at: self._gives_up(call, at))
        if plan.asks_callback_s is not None and plan.asks_callback_s < plan.patience_s:
            self._then(call.at + plan.asks_callback_s, lambda at: self._asks_callback(contact, at))
        event = ContactQueued(
            contact,
            call.destination.queue,
            Channel.VOICE,
            (Need(f"lang:{call.language}"),),
            emergency=call.destination.urgent,
            simulated=True,
        )
        self._hear(event, call.at)

    def _waits(self, contact: str) -> bool:
        view = self._router.contact(contact)
        return view is not None and view.phase in ("queued", "offered")

    def _gives_up(self, call: Call, at: float) -> None:
        if self._waits(str(call.id)):
            self._hear(CallerHungUp(str(call.id)), at)

    def _asks_callback(self, contact: str, at: float) -> None:
        if self._waits(contact):
            self._hear(CallbackAsked(contact), at)

    def _calls_again(self, call: Call, at: float) -> None:
        self._calls(Call(uuid7(), at, call.plan, call.destination, call.person, call.language, before=call.id))

    # --- colleagues, and what the orders lead to

    def _offered(self, order: OfferContact, at: float) -> None:
        plan = plan_desk(self.rng)
        if not plan.misses:
            self._then(
                at + plan.pick_up_s, lambda at: self._hear(OfferAccepted(order.contact, order.agent, order.offer), at)
            )

    def _dialled(self, order: DialPatient, at: float) -> None:
        self._then(at + self.rng.uniform(3, 9), lambda at: self._hear(PatientAnswered(order.contact), at))

    def _talks(self, order: StartTalk, at: float) -> None:
        call, plan = self.calls[order.contact], plan_desk(self.rng)
        talk_s = call.plan.talk_s
        if call.before is not None:
            data = {"contact": order.contact}
            key = f"reached:{call.before}"
            self.entries.append(Entry(call.before, Stream.RECORD, "CallerReached", moment(at), data, key))
            call.before = None
        if plan.hold_after_s is not None and plan.hold_after_s < talk_s:
            held = at + plan.hold_after_s
            self._then(held, lambda at: self._hear(TalkHeld(order.contact, order.agent), at))
            self._then(held + plan.hold_s, lambda at: self._hear(TalkResumed(order.contact, order.agent), at))
            talk_s += plan.hold_s
        end: Event = TalkEnded(order.contact, order.agent)
        if self.rng.random() < 0.4:
            end = CallerHungUp(order.contact)
        self._then(at + talk_s, lambda at: self._hear(end, at))

    def _writes(self, order: StartWrapUp, at: float) -> None:
        plan = plan_desk(self.rng)
        self._then(at + plan.writes_s, lambda at: self._saves(order.contact, order.agent, plan.pause_s, at))

    def _saves(self, contact: str, agent: str, pause_s: float | None, at: float) -> None:
        call = self.calls[contact]
        topic, outcome = call.destination.topic, outcome_of(self.rng, call.destination.topic_code)
        if self.rng.random() < 0.7:
            call.linked = True
            self._record(call, "PatientLinked", at, patient=str(call.person.patient), by=agent)
        self._record(call, "OutcomeRecorded", at, topic=str(topic), outcome=outcome, by=agent)
        if self.rng.random() < RATED:
            self._record(call, "RatingGiven", at, rating=self.rng.choice((3, 4, 5, 5, 5)))
        self._hear(WrapUpDone(contact, agent), at)
        if pause_s is not None and self._hear(AgentPaused(agent, "break"), at):
            self._then(at + pause_s, lambda at: self._hear(AgentReady(agent), at))

    def _paused(self, order: PauseAgent, at: float) -> None:
        self._then(at + 20.0, lambda at: self._hear(AgentReady(order.agent), at))

    def _ends(self, order: EndContact, at: float) -> None:
        call = self.calls[order.contact]
        call.over = True
        if order.cause == EndCause.ABANDONED and call.plan.again_s is not None and call.before is None:
            self._then(at + call.plan.again_s, lambda at: self._calls_again(call, at))

    # --- what is left of it

    def _told(self) -> Past:
        """Without the calls that were not over at the end: nobody is there to end them."""
        over = {id for id, call in self.calls.items() if call.over}
        calls = [self.calls[id] for id in over]
        return Past(
            [_contact(call) for call in calls],
            [CallerDetails(contact_id=call.id, name=call.person.name, number=call.person.number) for call in calls],
            [ContactPatient(contact_id=call.id, patient_id=call.person.patient) for call in calls if call.linked],
            [each for each in self.entries if self._stays(each, over)],
        )

    def _stays(self, each: Entry, over: set[str]) -> bool:
        if each.stream not in (Stream.ROUTING, Stream.RECORD):
            return True
        return str(each.subject) in over and (each.kind != "CallerReached" or each.data["contact"] in over)


_ACTS: dict[type[Command], Callable[[Play, Any, float], None]] = {
    OfferContact: Play._offered,
    DialPatient: Play._dialled,
    StartTalk: Play._talks,
    StartWrapUp: Play._writes,
    PauseAgent: Play._paused,
    EndContact: Play._ends,
}


def fill(cast: Cast, rng: random.Random, now: float) -> int:
    """Writes what the network lacks of today (of the last hours of it), and shows it. Returns the number of contacts.

    Does nothing when a colleague is at work already: then only the switchboard may write of them.
    """
    since = max(_midnight(cast, now), now - LONGEST_S, _last_contact(cast))
    if now - since < SHORTEST_S or _at_work(cast):
        return 0
    past = Play(cast, rng, since, now).run()
    write_past(past.contacts, past.callers, past.patients, past.entries)
    return len(past.contacts)


def week_ago(cast: Cast, rng: random.Random, now: float) -> list[Past]:
    """The same weekday a week before, in handfuls to be written one after another; empty when something is told of it.

    The colleagues of that day are others than today's: an agent's story runs forward in time only, and today's are at
    work again. Whoever gave up was called back that day, so that nobody is still to be reached.
    """
    since = _midnight(cast, now, days_before=7)
    until = _midnight(cast, now, days_before=6)
    that_day = replace(cast, members=cast.reserve)
    rows = Contact.objects.filter(organisation__path__startswith=cast.path)
    told = rows.filter(started_at__gte=moment(since), started_at__lt=moment(until)).exists()
    if told or not that_day.members or _at_work(that_day):
        return []
    past = Play(that_day, rng, since, until).run()
    past.entries += [each for lost in _unreached(past.entries) for each in _called_back(that_day, rng, lost)]
    return _handfuls(past)


def tell_week_ago(past: Past) -> int:
    """Writes one handful and shows it in the same moment: nobody sees figures that lag a week behind."""
    with transaction.atomic():
        write_past(past.contacts, past.callers, past.patients, past.entries)
        catch_up()
        catch_up()  # who called again has been reached: that was written meanwhile
    return len(past.contacts)


def _unreached(entries: list[Entry]) -> list[Entry]:
    """The ends of the calls that were given up and nobody has made good."""
    reached = {each.subject for each in entries if each.kind == "CallerReached"}
    ends = (each for each in entries if each.kind == "EndContact" and each.data["cause"] in GAVE_UP)
    return [each for each in ends if UUID(str(each.subject)) not in reached]


def _called_back(cast: Cast, rng: random.Random, lost: Entry) -> tuple[Entry, Entry]:
    at = lost.at + timedelta(minutes=rng.uniform(10, 90))
    by, attempt = str(rng.choice(cast.members).user), str(uuid7())
    tried = {"reached": True, "by": by, "attempt": attempt, "also": []}
    reached = {"by": by, "attempt": attempt}
    return (
        Entry(lost.subject, Stream.RECORD, "RecoveryTried", at, tried, f"attempt:{attempt}"),
        Entry(lost.subject, Stream.RECORD, "CallerReached", at, reached, f"reached:{lost.subject}"),
    )


def _handfuls(past: Past) -> list[Past]:
    """In order of time; a contact is written with the row that begins it."""
    told = (replace(each, key=None) for each in past.entries if each.stream in TOLD)  # between two of them others write
    entries = sorted(told, key=lambda each: each.at)
    contacts = {str(each.pk): each for each in past.contacts}
    callers = {str(each.contact_id): each for each in past.callers}
    patients = {str(each.contact_id): each for each in past.patients}
    handfuls = []
    for some in (entries[n : n + HANDFUL] for n in range(0, len(entries), HANDFUL)):
        begun_now = [str(each.subject) for each in some if each.kind == "ContactStarted"]
        handfuls.append(
            Past(
                [contacts[each] for each in begun_now],
                [callers[each] for each in begun_now],
                [patients[each] for each in begun_now if each in patients],
                some,
            )
        )
    return handfuls


def _midnight(cast: Cast, now: float, days_before: int = 0) -> float:
    day = datetime.fromtimestamp(now, cast.zone).date() - timedelta(days=days_before)
    return datetime.combine(day, time(), cast.zone).timestamp()


def _last_contact(cast: Cast) -> float:
    rows = Contact.objects.filter(organisation__path__startswith=cast.path)
    last = rows.aggregate(last=Max("started_at"))["last"]
    return last.timestamp() if last else 0.0


def _at_work(cast: Cast) -> bool:
    members = [member.user for member in cast.members]
    return LiveState.objects.filter(kind="agent", subject__in=members).exists()


def _contact(call: Call) -> Contact:
    return Contact(
        id=call.id,
        organisation_id=call.destination.organisation,
        site_id=call.destination.site,
        line_id=call.destination.line,
        channel=Contact.Channel.WEB,
        language=call.language,
        simulated=True,
        started_at=moment(call.at),
    )
