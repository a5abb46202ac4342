"""A clinic in the country, operators at its desks, a family on one telephone, and a fake line to the switchboard."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from careline.base.accounts.models import Posting, Role, User
from careline.base.accounts.rights import Reader, reader_for
from careline.base.organisations.models import Organisation, Settlement, Site
from careline.care.contacts import actions
from careline.care.contacts.models import Contact, LiveState
from careline.care.contacts.projections import show_now
from careline.care.directory.models import Notice, PhoneLine, Queue, Topic
from careline.care.patients.actions import create_patient
from careline.care.patients.models import Patient
from careline.faces.shared import forget

PASSWORD = "a-long-winter-evening"
FAMILY_NUMBER = "+380505550134"


@dataclass
class Clinic:
    """Everything a desk needs, by name."""

    organisation: Organisation
    site: Site
    queue: Queue
    line: PhoneLine
    booking: Topic
    prescription: Topic
    oksana: Patient
    danylo: Patient
    operator: User
    reader: Reader

    def call(self, **changes: Any) -> Contact:
        """Somebody calls, and is in the operator's hands."""
        wanted = {"channel": "voice", "language": "uk", "topic": self.booking, "number": FAMILY_NUMBER} | changes
        contact = actions.start_contact(self.line, **wanted)
        show_now([contact.pk])
        return contact

    def waits(self, contact: Contact, since_s: float = 40.0, **changes: Any) -> None:
        """As the switchboard keeps it: the folded state of one who waits."""
        state = {
            "id": str(contact.pk), "queue": str(self.queue.pk), "channel": contact.channel, "phase": "queued",
            "queued_at": time.time() - since_s, "key": time.time() - since_s, "seq": 1, "emergency": False,
            "callback": False, "not_before": None, "simulated": False, "agent": "",
        } | changes  # fmt: skip
        LiveState.objects.create(subject=contact.pk, kind="contact", state=state)

    def at_the_phone(self, user: User, presence: str = "ready", **work: str) -> None:
        state = {
            "id": str(user.pk), "presence": presence, "reason": "", "since": time.time(),
            "profile": {"id": str(user.pk), "queues": [str(self.queue.pk)], "skills": {}, "capacity": {}, "site": ""},
            "work": {contact: [phase, "voice", None] for contact, phase in work.items()},
        }  # fmt: skip
        LiveState.objects.create(subject=user.pk, kind="agent", state=state)


@pytest.fixture(autouse=True)
def _nothing_shared():
    """What desks share for a second is of the last test's database."""
    forget()
    yield
    forget()


@pytest.fixture
def staff(db) -> Callable[..., User]:
    """staff("olena", organisation, role) -> somebody who works there."""

    def make(name: str, organisation: Organisation, role: Role = Role.OPERATOR, **fields: Any) -> User:
        user = User.objects.create_user(name, password=PASSWORD, **fields)
        Posting.objects.create(user=user, organisation=organisation, role=role, valid_from=date(2020, 1, 1))
        return user

    return make


@pytest.fixture
def clinic(staff) -> Clinic:
    organisation = Organisation.objects.create(
        code="tykhyi-stav",
        name="Тихий Став",
        kind="clinic",
        policy="UA",
        timezone="Europe/Kyiv",
        languages=["uk", "en"],
    )
    settlement = Settlement.objects.create(organisation=organisation, name="Тихий Став", latitude=49.2, longitude=33.5)
    site = Site.objects.create(organisation=organisation, code="stav", name="Амбулаторія Тихий Став", kind="ambulatory")
    queue = Queue.objects.create(organisation=organisation, code="registry", name="Реєстратура")
    line = PhoneLine.objects.create(
        organisation=organisation, site=site, queue=queue, code="stav", name="Тихий Став", languages=["uk", "en"],
        emergency_number="103",
        greeting={"uk": "Доброго дня! Амбулаторія Тихий Став, мене звати {name}. Чим допомогти?"},
    )  # fmt: skip
    booking = Topic.objects.create(organisation=organisation, code="booking", names={"uk": "Запис", "en": "Booking"})
    prescription = Topic.objects.create(
        organisation=organisation, code="rx", order=1, names={"uk": "Рецепт", "en": "Prescription"}
    )
    Topic.objects.create(
        organisation=organisation, code="rx-late", parent=prescription, names={"uk": "Рецепт прострочено", "en": "Late"}
    )
    Notice.objects.create(
        organisation=organisation, valid_from=timezone.now() - timedelta(hours=1),
        texts={"uk": "Автобус 15:30 з Центру скасовано", "en": "The 15:30 bus is cancelled"},
    )  # fmt: skip
    operator = staff("marichka", organisation, first_name="Марічка", last_name="Довгань")
    reader = reader_for(Posting.objects.select_related("organisation", "user").get(user=operator))
    known = {"settlement": settlement, "site": site, "language": "uk", "phones": [FAMILY_NUMBER]}
    oksana = create_patient(
        reader, family_name="Гончаренко", given_name="Оксана", middle_name="Петрівна", birth_date=date(1958, 5, 14),
        number="0471-2280", hard_of_hearing=True, safety_note="Алергія: пеніцилін", **known,
    )  # fmt: skip
    danylo = create_patient(
        reader, family_name="Гончаренко", given_name="Данило", birth_date=date(2017, 9, 21), **known
    )
    return Clinic(organisation, site, queue, line, booking, prescription, oksana, danylo, operator, reader)


@pytest.fixture
def desk(clinic) -> Client:
    """The operator's browser, as far as the web process sees it."""
    client = Client(headers={"HX-Request": "true"})
    client.force_login(clinic.operator)
    return client


def stream(*phones: dict[str, Any]) -> str:
    """What the live process would say on its stream."""
    return "".join(f"id: t-{n}\nevent: phone\ndata: {json.dumps(phone)}\n\n" for n, phone in enumerate(phones, 1))


def phone(clinic: Clinic, presence: str = "ready", reason: str = "", *work: dict[str, Any]) -> dict[str, Any]:
    """The `phone` event of docs/reference/live.md."""
    now = time.time()
    return {
        "agent": str(clinic.operator.pk), "presence": presence, "reason": reason, "since": now - 47,
        "server_now": now, "work": list(work),
    }  # fmt: skip


def in_hand(contact: Contact, phase: str, **more: Any) -> dict[str, Any]:
    """One item of `phone.work`."""
    now = time.time()
    item = {
        "contact": str(contact.pk), "phase": phase, "channel": contact.channel, "since": now - 72, "queue": "",
        "waited_s": 18, "held": phase == "held", "lost": False, "emergency": False,
    }  # fmt: skip
    if phase == "offered":
        item |= {"since": now - 8, "offer": "o1", "until": now + 12}
    if phase == "wrap_up":
        item |= {"since": now - 3, "until": now + 87}
    return item | more
