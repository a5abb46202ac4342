"""A database that has gone silent is away; one that is merely slow is waited for."""

from __future__ import annotations

import time

import psycopg
import pytest
from django.conf import settings

from careline.base.database import watch as watching
from careline.base.database.watch import Watch, connect

pytestmark = pytest.mark.django_db


@pytest.fixture
def watch(monkeypatch) -> Watch:
    made = Watch(silent_s=0.15)
    monkeypatch.setattr(watching, "watch", made)
    return made


@pytest.fixture
def connection(watch, database_url):
    with connect(settings.DATABASE_URL, autocommit=True) as made:
        yield made


def test_a_slow_question_is_answered(connection):
    assert connection.execute("SELECT pg_sleep(0.6), 7").fetchone()[1] == 7


def test_a_silent_database_is_away_and_its_connection_is_never_used_again(connection, monkeypatch):
    monkeypatch.setattr(watching, "answers", lambda address: False)
    with pytest.raises(psycopg.OperationalError, match=watching.AWAY):
        connection.execute("SELECT pg_sleep(5)")
    assert connection.closed


def test_while_it_is_away_nobody_else_waits_and_one_looks_now_and_then(connection, watch, monkeypatch):
    looked = []
    monkeypatch.setattr(watching, "answers", lambda address: bool(looked.append(address)))
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT pg_sleep(5)")
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(psycopg.OperationalError):
            watch.refuse_while_away("")
    assert (len(looked), time.monotonic() - began < 0.5) == (1, True)

    monkeypatch.setattr(watching, "answers", lambda address: True)
    watch._look_at = 0.0
    watch.refuse_while_away("")
    with connect(settings.DATABASE_URL) as again:
        assert again.execute("SELECT 1").fetchone() == (1,)


def test_who_expects_no_answers_waits(monkeypatch, database_url):
    monkeypatch.setattr(watching, "watch", Watch())
    monkeypatch.setattr(watching, "answers", lambda address: pytest.fail("looked"))
    with connect(settings.DATABASE_URL) as made:
        assert made.execute("SELECT pg_sleep(0.3), 1").fetchone()[1] == 1
