from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from careline.base.accounts.models import User


@pytest.fixture
def password(monkeypatch):
    """password("...") pipes it into the command."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text + "\n"))


def test_the_first_person_rules_the_system(password, db):
    password("a-long-winter-evening")
    call_command("create_administrator", "iryna", stdout=io.StringIO())

    iryna = User.objects.get()
    assert iryna.is_superuser
    assert iryna.check_password("a-long-winter-evening")


def test_an_organisations_administrator_rules_no_more_than_it(password, district):
    password("a-long-winter-evening")
    call_command("create_administrator", "iryna", organisation="district-centre", stdout=io.StringIO())

    iryna = User.objects.get()
    assert not iryna.is_superuser
    assert [(p.organisation, p.role) for p in iryna.postings.all()] == [(district.centre, "administrator")]


@pytest.mark.parametrize(("text", "options"), [("short", {}), ("a-long-winter-evening", {"organisation": "nowhere"})])
def test_a_weak_password_or_unknown_organisation_creates_nobody(text, options, password, db):
    password(text)
    with pytest.raises(CommandError):
        call_command("create_administrator", "iryna", stdout=io.StringIO(), **options)

    assert not User.objects.exists()


def test_a_taken_name_is_said(password, person):
    person("iryna")
    password("a-long-winter-evening")

    with pytest.raises(CommandError, match="already someone"):
        call_command("create_administrator", "iryna")
