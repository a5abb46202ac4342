"""A clinic on a Monday morning: calls answered, given up and waiting, and people at the phones."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from django.utils import timezone

from careline.base.accounts.models import Posting, Role, User
from careline.base.accounts.rights import Reader, reader_for
from careline.base.organisations.models import Organisation
from careline.care.contacts.models import AgentInterval, CallerDetails, Contact, ContactSummary, LiveState
from careline.care.directory.models import PhoneLine, Queue
from careline.faces import shared
from tests.base.conftest import PASSWORD, person, posting  # noqa: F401


@dataclass
class Clinic:
    organisation: Organisation
    queue: Queue
    line: PhoneLine

    def staff(self, name: str, role: Role = Role.OPERATOR, **fields) -> User:
        """Somebody with a posting here, whose password is PASSWORD."""
        user = User.objects.create_user(name.lower(), password=PASSWORD, last_name=name, language="en", **fields)
        Posting.objects.create(user=user, organisation=self.organisation, role=role, valid_from=date(2020, 1, 1))
        return user

    def reader(self, name: str = "Sedova", role: Role = Role.SUPERVISOR) -> Reader:
        user = User.objects.filter(username=name.lower()).first() or self.staff(name, role)
        return reader_for(Posting.objects.select_related("organisation", "user").get(user=user))

    def contact(self, started: datetime, name: str = "", number: str = "", **summary) -> Contact:
        contact = Contact.objects.create(
            organisation=self.organisation, line=self.line, channel="voice", language="uk", started_at=started
        )
        CallerDetails.objects.create(contact=contact, name=name, number=number)
        ContactSummary.objects.create(
            **{
                "contact": contact,
                "organisation_id": self.organisation.pk,
                "line_id": self.line.pk,
                "queue": self.queue,
                "channel": "voice",
                "direction": "in",
                "language": "uk",
                "simulated": False,
                "phase": "ended",
                "started_at": started,
                "queued_at": started,
            }
            | summary
        )
        return contact

    def answered(self, started: datetime, wait_s: float = 8.0, agent: User | None = None, **more) -> Contact:
        at = started + timedelta(seconds=wait_s)
        return self.contact(
            started,
            **{
                "wait_s": wait_s,
                "answered_at": at,
                "talk_s": 140.0,
                "ended_at": at + timedelta(seconds=140),
                "cause": "completed",
                "outcome": "answered",
                "agent": agent,
            }
            | more,
        )

    def abandoned(self, started: datetime, wait_s: float = 40.0, **more) -> Contact:
        ended = started + timedelta(seconds=wait_s)
        return self.contact(started, **{"wait_s": wait_s, "ended_at": ended, "cause": "abandoned"} | more)

    def waiting(self, since: datetime, number: str = "+380005550177", phase: str = "queued", **state) -> Contact:
        contact = self.contact(since, number=number, phase=phase)
        said = {
            "id": str(contact.pk),
            "queue": str(self.queue.pk),
            "phase": phase,
            "channel": "voice",
            "emergency": False,
            "callback": phase == "callback",
            "queued_at": since.timestamp(),
            "not_before": None,
            "simulated": False,
            "key": since.timestamp(),
            "seq": 1,
        }
        LiveState.objects.create(subject=contact.pk, kind="contact", state=said | state)
        return contact

    def at_work(self, name: str, state: str, since: datetime, reason: str = "") -> User:
        """`state` is that of the agent's open interval."""
        user, work = self.staff(name), {}
        phases = {"talking": "talking", "hold": "held", "ringing": "offered", "wrap_up": "wrap_up"}
        if state in phases:
            work = {str(uuid.uuid4()): [phases[state], "voice", 0.0]}
        said = {
            "id": str(user.pk),
            "presence": "paused" if state == "paused" else "ready",
            "reason": reason,
            "since": since.timestamp(),
            "work": work,
            "profile": {"queues": [str(self.queue.pk)], "site": ""},
        }
        LiveState.objects.create(subject=user.pk, kind="agent", state=said)
        last = AgentInterval.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        AgentInterval.objects.create(id=last + 1, agent_id=user.pk, state=state, reason=reason, started_at=since)
        return user


@pytest.fixture(autouse=True)
def nothing_shared():
    shared.forget()
    yield
    shared.forget()


@pytest.fixture
def clinic(db) -> Clinic:
    organisation = Organisation.objects.create(
        code="riverside", name="Riverside clinic", kind="clinic", policy="UA", timezone="Europe/Kyiv",
        languages=["uk", "en"],
    )  # fmt: skip
    queue = Queue.objects.create(organisation=organisation, code="town", name="Town line", answer_target_s=20)
    line = PhoneLine.objects.create(
        organisation=organisation, queue=queue, code="town", name="Town line", number="+380005550100",
        languages=["uk"],
    )  # fmt: skip
    return Clinic(organisation, queue, line)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def signed_in(client, clinic, settings):
    """signed_in(role) -> a test client at work in that role."""
    settings.SECOND_FACTOR = "off"

    def go(role: Role = Role.SUPERVISOR, name: str = "Sedova"):
        client.force_login(clinic.staff(name, role), backend="careline.base.accounts.backends.AccountBackend")
        return client

    return go
