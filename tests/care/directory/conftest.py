"""The directory's cast: the district as the sample has it, and people at work in it."""

from __future__ import annotations

import pytest
from django.conf import settings

from careline.base.accounts.models import Posting
from careline.base.accounts.rights import Reader, reader_for
from careline.base.organisations.models import Organisation
from careline.care.directory.samples.load import load

HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def cheap_hashes(settings):
    settings.PASSWORD_HASHERS = HASHERS


@pytest.fixture
def district(db) -> Organisation:
    return load("district").root


@pytest.fixture
def city(db) -> Organisation:
    return load("city").root


@pytest.fixture
def working():
    """working("district.supervisor") -> the Reader of that person's posting."""

    def reader(username: str) -> Reader:
        return reader_for(Posting.objects.select_related("organisation", "user").get(user__username=username))

    return reader


@pytest.fixture
def operator(district, working) -> Reader:
    return working("district.operator")


@pytest.fixture
def supervisor(district, working) -> Reader:
    return working("district.supervisor")


@pytest.fixture
def administrator(district, working) -> Reader:
    return working("district.admin")


@pytest.fixture
def languages() -> list[str]:
    return [code for code, _name in settings.LANGUAGES]
