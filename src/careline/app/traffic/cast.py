"""Who plays in the demo, read from the directory: networks, their lines, simulated colleagues, people who might call."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import Q

from careline.app.traffic.habits import COLLEAGUES, LEAST_NOW, PEAK_PER_S, share_of_day
from careline.base.accounts.models import Posting, Role, User
from careline.base.accounts.rights import SESSION_POSTING, Reader, reader_for
from careline.base.organisations.models import Organisation
from careline.care.contacts.models import LedgerRow, LiveState, Stream
from careline.care.directory.models import PhoneLine, Queue, Topic
from careline.care.directory.profiles import agent_profile, queue_rules
from careline.care.patients.models import PatientPhone
from careline.core.acd.model import AgentProfile, Phase, Presence, QueueRules

SPOKEN = ("uk", "ru", "pl", "zh-hans", "en")  # what there are clips for
CALLERS = 400  # patients of one network who may call
FOREIGN = 0.05  # callers who speak another of the line's languages
CSRF = "c" * 32  # a browser's own half of the token; ours has no other page to protect
SIGNED_IN_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Destination:
    """Something one may call about: a line, a topic, and the queue this leads to."""

    line: UUID
    line_code: str
    organisation: UUID
    site: UUID | None
    topic: UUID
    topic_code: str
    queue: str
    urgent: bool
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may call: a patient of the samples."""

    name: str
    number: str
    patient: UUID


@dataclass(frozen=True, slots=True)
class Member:
    """A simulated colleague."""

    user: UUID
    reader: Reader
    profile: AgentProfile


@dataclass(frozen=True, slots=True)
class Cast:
    """One network's people and places."""

    code: str
    language: str
    zone: ZoneInfo
    path: str
    destinations: tuple[Destination, ...]
    people: tuple[Person, ...]
    members: tuple[Member, ...]
    rules: tuple[QueueRules, ...]

    def rate(self, at: float) -> float:
        """Calls a second at that moment (seconds since the epoch), by the day's own shape."""
        local = datetime.fromtimestamp(at, self.zone)
        return PEAK_PER_S * share_of_day(local.hour + local.minute / 60)

    def rate_now(self, at: float) -> float:
        """The same, but never asleep: somebody looks."""
        return max(self.rate(at), PEAK_PER_S * LEAST_NOW)

    def topics(self, queues: Iterable[str] | None = None) -> list[str]:
        """What one may call about; with `queues`, only what leads to one of them."""
        wanted = None if queues is None else set(queues)
        return sorted({each.topic_code for each in self.destinations if wanted is None or each.queue in wanted})

    def destination(self, rng: random.Random, topic: str, queues: Iterable[str] | None = None) -> Destination:
        """Some line that takes calls about `topic` (into one of `queues`)."""
        wanted = None if queues is None else set(queues)
        return rng.choice(
            [d for d in self.destinations if d.topic_code == topic and (wanted is None or d.queue in wanted)]
        )

    def language_of(self, rng: random.Random, destination: Destination) -> str:
        others = [each for each in destination.languages if each in SPOKEN and each != self.language]
        known = [each for each in others if any(f"lang:{each}" in m.profile.skills for m in self.members)]
        return rng.choice(known) if known and rng.random() < FOREIGN else self.language


def casts() -> list[Cast]:
    """Every network that has simulated colleagues, lines with web calls and patients to call them."""
    roots = Organisation.objects.filter(parent=None, active=True).order_by("code")
    found = (_cast(root) for root in roots)
    return [each for each in found if each.members and each.destinations and each.people]


def _cast(root: Organisation) -> Cast:
    members = _members(root)
    served = {queue for member in members for queue in member.profile.queues}
    queues = Queue.objects.filter(organisation__path__startswith=root.path).select_related("organisation")
    return Cast(
        code=root.code,
        language=(root.languages or ["en"])[0],
        zone=ZoneInfo(root.timezone),
        path=root.path,
        destinations=tuple(_destinations(root, served)),
        people=tuple(_people(root)),
        members=tuple(members),
        rules=tuple(queue_rules(queue) for queue in queues if str(queue.pk) in served),
    )


def _members(root: Organisation) -> list[Member]:
    postings = Posting.objects.filter(
        organisation=root, user__simulated=True, user__is_active=True, role=Role.OPERATOR
    ).select_related("user", "organisation")
    return [
        Member(posting.user_id, reader_for(posting), agent_profile(posting))
        for posting in postings.order_by("user__username")[:COLLEAGUES]
    ]


def _destinations(root: Organisation, served: set[str]) -> Iterable[Destination]:
    """Topics without topics below them, as people say them; only where a simulated colleague would answer."""
    lines = PhoneLine.objects.filter(organisation__path__startswith=root.path, web_calls=True, emergency=False)
    topics = Topic.objects.filter(organisation=root, for_calls=True, active=True)
    parents = {topic.parent_id for topic in topics if topic.parent_id}
    for line in lines.order_by("code"):
        for topic in topics:
            queue = str(topic.queue_id or line.queue_id)
            if topic.pk not in parents and queue in served:
                yield Destination(
                    line.pk, line.code, line.organisation_id, line.site_id, topic.pk, topic.code, queue,
                    topic.urgent, tuple(line.languages),
                )  # fmt: skip


def _people(root: Organisation) -> list[Person]:
    rows = PatientPhone.objects.filter(patient__organisation__path__startswith=root.path).select_related("patient")
    return [
        Person(
            " ".join(part for part in (row.patient.family_name, row.patient.given_name) if part),
            row.e164,
            row.patient_id,
        )
        for row in rows.order_by("patient__created_at", "pk")[:CALLERS]
    ]


# --- signing in -------------------------------------------------------------------------------------------


def sign_in(member: Member) -> dict[str, str]:
    """The cookies of a new session, as the sign-in page makes it."""
    user = User.objects.get(pk=member.user)
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "careline.base.accounts.backends.AccountBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session[SESSION_POSTING] = str(member.reader.posting_id)
    session.set_expiry(SIGNED_IN_FOR)
    session.create()
    session.save()
    return {settings.SESSION_COOKIE_NAME: str(session.session_key), settings.CSRF_COOKIE_NAME: CSRF}


def sign_out(cookies: Mapping[str, str]) -> None:
    Session.objects.filter(session_key=cookies[settings.SESSION_COOKIE_NAME]).delete()


# --- what stands now --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Visitor:
    """A real operator who is ready and has nothing in hand."""

    agent: str
    queues: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sight:
    """`asked`: queues in which a real caller waits."""

    visitors: tuple[Visitor, ...]
    asked: frozenset[str]


def look() -> Sight:
    """Real people in the centre at this moment. Two reads."""
    ready = [
        row.state
        for row in LiveState.objects.filter(kind="agent", state__presence=Presence.READY)
        if not row.state["work"]
    ]
    real = set(
        User.objects.filter(pk__in=[UUID(state["id"]) for state in ready], simulated=False).values_list("pk", flat=True)
    )
    waiting = LiveState.objects.filter(kind="contact", state__simulated=False).filter(
        Q(state__phase=Phase.QUEUED) | Q(state__phase=Phase.OFFERED)
    )
    return Sight(
        tuple(Visitor(s["id"], frozenset(s["profile"]["queues"])) for s in ready if UUID(s["id"]) in real),
        frozenset(row.state["queue"] for row in waiting),
    )


def left_over() -> list[str]:
    """The keys with which simulated calls that still live were begun: those of a traffic process that was killed."""
    living = LiveState.objects.filter(
        kind="contact", state__simulated=True, state__phase__in=[Phase.QUEUED, Phase.OFFERED, Phase.CALLBACK]
    )
    begun = LedgerRow.objects.filter(
        subject__in=living.values("subject"), stream=Stream.RECORD, kind="ContactStarted", key__startswith="start:"
    )
    return [str(key).removeprefix("start:") for key in begun.values_list("key", flat=True)]


def topic_asked(contact: str) -> tuple[str, UUID] | None:
    """Code and id of what the caller named, None for no topic."""
    row = LedgerRow.objects.filter(subject=contact, stream=Stream.RECORD, kind="ContactStarted").first()
    topic = Topic.objects.filter(pk=row.data["topic"]).first() if row and row.data.get("topic") else None
    return (topic.code, topic.pk) if topic else None
