"""A town with a clinic of its own, made afresh for each journey: its line, its topics, its people and a family."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from uuid import UUID

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import transaction
from django.utils import timezone

from careline.base.accounts.models import Posting, Role, User
from careline.base.accounts.rights import Reader, reader_for
from careline.base.ids import uuid7
from careline.base.organisations.models import Organisation, Settlement, Site
from careline.care.contacts.models import Contact, ContactSummary
from careline.care.directory.actions import changed
from careline.care.directory.models import Notice, PhoneLine, Queue, Skill, StaffSkill, Topic
from careline.care.patients.actions import create_patient
from careline.care.patients.models import Patient

PASSWORD = "a-long-winter-evening"
FAMILY_NUMBER = "+380505550134"
STAFF = (
    ("marichka", "Марічка", "Довгань", Role.OPERATOR),
    ("olena", "Олена", "Кравчук", Role.OPERATOR),
    ("vira", "Віра", "Сєдова", Role.SUPERVISOR),
    ("taras", "Тарас", "Бойко", Role.REGISTRAR),
    ("andrii", "Андрій", "Шевчук", Role.DOCTOR),
    ("inna", "Інна", "Левченко", Role.ADMINISTRATOR),
)
TOPICS = (
    ("booking", "calendar", "Запис до лікаря", "Booking a visit", "预约就诊", {}),
    ("rx", "pill", "Рецепт", "Prescription", "处方", {}),
    ("results", "drop", "Результати аналізів", "Test results", "化验结果", {}),
    ("declaration", "doctor", "Декларація з лікарем", "Registering with a doctor", "签约医生", {}),
    ("ill", "heart", "Погано почуваюся", "I feel unwell", "我感觉不舒服", {"urgent": True, "order": 9}),
)
_numbers = itertools.count(1)

PRODUCT_HASHER = Argon2PasswordHasher()  # at the product's cost, or it would make the hash anew and end the session


@dataclass(frozen=True)
class Town:
    """Everything a story needs, by name. `people`: who works there, by their first name."""

    organisation: Organisation
    site: Site
    queue: Queue
    line: PhoneLine
    topics: dict[str, Topic]
    people: dict[str, User]
    oksana: Patient

    def reader(self, name: str = "vira") -> Reader:
        return reader_for(Posting.objects.select_related("organisation", "user").get(user=self.people[name]))

    def contacts(self) -> list[Contact]:
        """In the order they came."""
        return list(Contact.objects.filter(organisation=self.organisation).order_by("started_at"))

    def staff_ids(self) -> list[UUID]:
        return list(Posting.objects.filter(organisation=self.organisation).values_list("user_id", flat=True))

    def summary(self) -> ContactSummary:
        """What the figures will count of the contact that came last."""
        return ContactSummary.objects.get(pk=self.contacts()[-1].pk)


@transaction.atomic
def found(story: str) -> Town:
    """Builds the town and tells the switchboard of it."""
    code = f"t{next(_numbers)}-{uuid7().hex[-8:]}"
    organisation = Organisation.objects.create(
        code=code, name="Тихий Став", kind="clinic", policy="UA", timezone="Europe/Kyiv",
        languages=["uk", "en", "zh-hans"],
    )  # fmt: skip
    settlement = Settlement.objects.create(organisation=organisation, name="Тихий Став", latitude=49.2, longitude=33.5)
    site = Site.objects.create(organisation=organisation, code="stav", name="Амбулаторія Тихий Став", kind="ambulatory")
    queue = Queue.objects.create(organisation=organisation, code="registry", name="Реєстратура", answer_target_s=20)
    line = PhoneLine.objects.create(
        organisation=organisation, site=site, queue=queue, code=code, name="Амбулаторія Тихий Став",
        number="+380472555010", languages=["uk", "en", "zh-hans"], emergency_number="103",
        greeting={
            "uk": "Доброго дня! Амбулаторія Тихий Став, мене звати {name}. Чим допомогти?",
            "en": "Good day! Tykhyi Stav clinic, my name is {name}. How can I help?",
        },
    )  # fmt: skip
    topics = {
        key: Topic.objects.create(
            organisation=organisation, code=key, icon=icon, names={"uk": uk, "en": en, "zh-hans": zh}, **more
        )
        for key, icon, uk, en, zh, more in TOPICS
    }
    Notice.objects.create(
        organisation=organisation, valid_from=timezone.now() - timedelta(hours=1),
        texts={"uk": "Автобус 15:30 з Центру скасовано", "en": "The 15:30 bus is cancelled"},
    )  # fmt: skip
    people = {name: employ(organisation, f"{code}.{name}", first, last, role) for name, first, last, role in STAFF}
    speaks(organisation, list(people.values()))
    town = Town(organisation, site, queue, line, topics, people, family(organisation, settlement, site, people["vira"]))
    changed(organisation.pk, story)
    return town


@cache
def hashed() -> str:
    """PASSWORD as the database keeps it: made once, since making it is slow on purpose."""
    return PRODUCT_HASHER.encode(PASSWORD, PRODUCT_HASHER.salt())


def employ(organisation: Organisation, username: str, first: str, last: str, role: Role) -> User:
    user = User(username=username, password=hashed(), first_name=first, last_name=last, language="en")
    user.save()
    Posting.objects.create(user=user, organisation=organisation, role=role, valid_from=date(2020, 1, 1))
    return user


def speaks(organisation: Organisation, people: Sequence[User]) -> None:
    """All of them speak the languages of the line."""
    for language in ("uk", "en", "zh-hans"):
        skill, _ = Skill.objects.get_or_create(organisation=organisation, code=f"lang:{language}", name=language)
        StaffSkill.objects.bulk_create(StaffSkill(user=user, skill=skill, proficiency=3) for user in people)


def family(organisation: Organisation, settlement: Settlement, site: Site, by: User) -> Patient:
    """Oksana and her grandson, on one telephone. Returns Oksana."""
    reader = reader_for(Posting.objects.select_related("organisation", "user").get(user=by))
    known = {"settlement": settlement, "site": site, "language": "uk", "phones": [FAMILY_NUMBER]}
    create_patient(reader, family_name="Гончаренко", given_name="Данило", birth_date=date(2017, 9, 21), **known)
    return create_patient(
        reader, family_name="Гончаренко", given_name="Оксана", middle_name="Петрівна", birth_date=date(1958, 5, 14),
        number="0471-2280", hard_of_hearing=True, safety_note="Алергія: пеніцилін", **known,
    )  # fmt: skip
