"""The cast of the base rooms: a district network, a city network beside it, and people who work in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from careline.base.accounts.models import Posting, Role, User
from careline.base.accounts.rights import Reader, reader_for
from careline.base.organisations.models import Organisation, Site

PASSWORD = "a-long-winter-evening"
# One round: a test that signs nobody in should not pay for a good hash.
CHEAP_HASH = PBKDF2PasswordHasher().encode(PASSWORD, "salt", 1)


@dataclass
class Network:
    root: Organisation
    centre: Organisation
    east: Site
    west: Site


def _network(code: str) -> Network:
    root = Organisation.objects.create(code=code, name=code.title(), kind=Organisation.Kind.NETWORK)
    centre = Organisation.objects.create(code=f"{code}-centre", name="Centre", kind=root.Kind.CLINIC, parent=root)
    sites = [
        Site.objects.create(organisation=centre, code=side, name=side.title(), kind=Site.Kind.AMBULATORY)
        for side in ("east", "west")
    ]
    return Network(root, centre, *sites)


@pytest.fixture
def district(db) -> Network:
    return _network("district")


@pytest.fixture
def city(db) -> Network:
    return _network("city")


@pytest.fixture
def person(db):
    """person("oksana") -> User with PASSWORD."""

    def make(username: str, **fields) -> User:
        return User.objects.create(username=username, password=CHEAP_HASH, **fields)

    return make


@pytest.fixture
def posting(person):
    """posting("oksana", organisation, role, site) -> Posting, of a new or an already made person."""

    def make(
        user: User | str,
        organisation: Organisation,
        role: Role = Role.OPERATOR,
        site: Site | None = None,
        valid_from: date = date(2020, 1, 1),
        valid_to: date | None = None,
    ) -> Posting:
        user = user if isinstance(user, User) else person(user)
        return Posting.objects.create(
            user=user, organisation=organisation, role=role, site=site, valid_from=valid_from, valid_to=valid_to
        )

    return make


@pytest.fixture
def reader(posting):
    def make(*args, **kwargs) -> Reader:
        return reader_for(posting(*args, **kwargs))

    return make
