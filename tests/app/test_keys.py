"""The installation's secret key: where it comes from, how it is replaced, how it is kept apart."""

from __future__ import annotations

import json
import os
import signal
import stat
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest

from careline.app import backup, keys
from careline.app.failures import KeyElsewhere, KeyFromEnvironment, KeyNotTaken
from careline.app.keys import Keys
from careline.app.places import Home
from careline.base.keys import CURRENT, FORMER, read_fallbacks

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
MONTH = timedelta(days=30)


@pytest.fixture(autouse=True)
def _no_key_given(monkeypatch):
    for name in (CURRENT, FORMER, "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_old_key_is_kept_for_the_stated_time(home):
    home.prepare()
    first = home.keys()["secret_key"]

    assert keys.rotate(home, MONTH, NOW) is False  # nothing runs

    now = keys.kept(home)
    assert now.former == ((first, NOW + MONTH),)
    assert len(now.current) > 40
    assert now.current != first
    assert stat.S_IMODE(home.keys_file.stat().st_mode) == 0o600
    given = keys.environment(home)
    assert given[CURRENT] == now.current
    assert read_fallbacks(given[FORMER]).dated == [(first, (NOW + MONTH).timestamp())]


def test_a_second_change_never_lengthens_an_earlier_keys_time():
    once = Keys("a").replaced("b", MONTH, NOW)
    twice = once.replaced("c", timedelta(0), NOW + timedelta(days=1))
    assert twice == Keys("c", (("b", NOW + timedelta(days=1)), ("a", NOW + timedelta(days=1))))
    assert twice.without_ended(NOW + timedelta(days=1)) == Keys("c")


def test_keys_whose_time_is_over_are_taken_out_and_others_stay(home):
    home.prepare()
    first = home.keys()["secret_key"]
    keys.rotate(home, timedelta(days=1), datetime.now(UTC) - MONTH)
    second = keys.kept(home).current
    keys.rotate(home, MONTH, datetime.now(UTC))
    assert [key for key, _ in keys.kept(home).former] == [second, first]
    keys.forget_ended(home)
    assert [key for key, _ in keys.kept(home).former] == [second]


def test_a_key_of_the_environment_comes_first_and_is_not_replaced_here(home, monkeypatch):
    home.prepare()
    before = home.keys()
    monkeypatch.setenv(CURRENT, "the house's own")
    monkeypatch.setenv(FORMER, "before")
    assert keys.environment(home) == {CURRENT: "the house's own", FORMER: "before"}
    with pytest.raises(KeyFromEnvironment):
        keys.rotate(home, MONTH, NOW)
    assert home.keys() == before


def test_a_key_that_cannot_be_seen_from_here_is_not_taken_for_another(home):
    home.prepare()
    keys.mark(home, "one of the service's own environment")
    before = home.keys()
    for act in (lambda: keys.rotate(home, MONTH, NOW), lambda: keys.in_use(home)):
        with pytest.raises(KeyElsewhere):
            act()
    assert home.keys() == before


def test_a_running_careline_that_does_not_answer_is_told(home, monkeypatch):
    """It gets the signal, and never notes that it works with the new key."""
    home.prepare()
    keys.mark(home, home.keys()["secret_key"])
    heard = []
    monkeypatch.setattr(keys, "TAKEN_WITHIN_S", 0.0)
    monkeypatch.setattr(keys.os, "kill", lambda pid, number: heard.append((pid, number)))
    with home.claimed():
        assert keys.running(home) == os.getpid()
        with pytest.raises(KeyNotTaken):
            keys.rotate(home, MONTH, NOW)
    assert (os.getpid(), signal.SIGUSR1) in heard
    assert keys.running(Home(home.root / "elsewhere")) is None


@pytest.mark.parametrize("given", [None, "the house's own key"])
def test_the_file_of_keys_holds_the_key_that_is_used(given, home, monkeypatch, tmp_path):
    home.prepare()
    keys.rotate(home, MONTH, NOW)
    if given:
        monkeypatch.setenv(CURRENT, given)
        monkeypatch.setenv(FORMER, f"before@{int(NOW.timestamp())}")
    written = backup._keys_in_use(home)

    assert written["secret_key"] == (given or home.keys()["secret_key"])
    if given:
        assert written["former_keys"] == [{"key": "before", "until": NOW.isoformat()}]
    else:
        assert written["former_keys"] == home.keys()["former_keys"]
    elsewhere = Home(home.root / "elsewhere")
    elsewhere.prepare()
    elsewhere.write_keys({**elsewhere.keys(), **json.loads(json.dumps(written))})
    monkeypatch.delenv(CURRENT, raising=False)
    assert keys.environment(elsewhere)[CURRENT] == written["secret_key"]


def test_no_backup_of_keys_that_would_not_open_anything(home, monkeypatch, tmp_path):
    home.prepare()
    keys.mark(home, "one of the service's own environment")
    monkeypatch.setattr(backup, "database", lambda *_: nullcontext())
    with pytest.raises(KeyElsewhere):
        backup.write_backup(home, tmp_path / "monday.tar", tmp_path / "monday.keys")
    assert list(tmp_path.iterdir()) == []
