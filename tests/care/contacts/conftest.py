"""A district with one line, its topics, and the people who answer it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from careline.base.accounts.models import Posting, Role, User
from careline.base.accounts.rights import Reader, reader_for
from careline.base.organisations.models import Organisation, Site
from careline.care.contacts import actions
from careline.care.contacts.models import Contact
from careline.care.directory.models import PhoneLine, Queue, Topic
from careline.care.patients.models import Patient


@dataclass
class District:
    root: Organisation
    centre: Organisation
    other: Organisation
    east: Site
    west: Site
    queue: Queue
    line: PhoneLine
    booking: Topic
    lab: Topic

    def call(self, number: str = "067 123 45 67", **changes) -> Contact:
        return actions.start_contact(
            self.line, **{"channel": "voice", "language": "uk", "topic": self.booking, "number": number, **changes}
        )


@pytest.fixture
def district(db) -> District:
    kinds = Organisation.Kind
    root = Organisation.objects.create(code="district", name="District", kind=kinds.NETWORK, policy="UA")
    centre = Organisation.objects.create(code="centre", name="Centre", kind=kinds.CLINIC, parent=root, policy="UA")
    other = Organisation.objects.create(code="elsewhere", name="Elsewhere", kind=kinds.NETWORK)
    east, west = (
        Site.objects.create(organisation=centre, code=side, name=side.title(), kind=Site.Kind.AMBULATORY)
        for side in ("east", "west")
    )
    queue = Queue.objects.create(organisation=centre, code="town", name="Town")
    line = PhoneLine.objects.create(organisation=centre, code="town", name="Town line", queue=queue, languages=["uk"])
    booking = Topic.objects.create(organisation=root, code="booking", names={"en": "Booking"})
    lab = Topic.objects.create(organisation=root, code="lab", names={"en": "Lab tests"})
    return District(root, centre, other, east, west, queue, line, booking, lab)


@pytest.fixture
def reader(db):
    """reader("oksana", organisation, role, site) -> Reader, of a new person or a new posting of a known one."""

    def make(name: str, organisation: Organisation, role: Role = Role.OPERATOR, site: Site | None = None) -> Reader:
        user = User.objects.filter(username=name).first() or User.objects.create_user(name, first_name=name.title())
        posting = Posting.objects.create(
            user=user, organisation=organisation, role=role, site=site, valid_from=date(2020, 1, 1)
        )
        return reader_for(posting)

    return make


@pytest.fixture
def olena(reader, district) -> Reader:
    return reader("olena", district.centre)


@pytest.fixture
def patient(district):
    def make(family: str = "Bondarenko", organisation: Organisation | None = None) -> Patient:
        return Patient.objects.create(
            organisation=organisation or district.root, family_name=family, given_name="Ivan", sort_key=family.lower()
        )

    return make
