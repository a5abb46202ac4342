from __future__ import annotations

from datetime import UTC, datetime

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from cryptography.fernet import InvalidToken
from django.contrib.auth import get_user
from django.core import signing
from django.http import HttpRequest
from django.test import Client

from careline.base import keys
from careline.base.accounts.sealing import seal_anew
from careline.base.keys import Fallbacks, ever, read_fallbacks, written

OLD, OLDER, NEW = "the-old-key-of-the-house", "an-older-key-still", "the-new-key-of-the-house"


@pytest.fixture
def turn(settings):
    """turn(current, *fallbacks): as if all processes had been started again with these."""

    def to(current: str, *fallbacks: str) -> None:
        settings.SECRET_KEY = current
        settings.SECRET_KEY_FALLBACKS = read_fallbacks(" ".join(fallbacks))

    to(OLD)
    return to


def test_former_keys_hold_until_their_time(monkeypatch):
    given = read_fallbacks(f"{OLD}@2000 {OLDER} {NEW}@x")
    for now, holding in ((1999, [OLD, OLDER, f"{NEW}@x"]), (2000, [OLDER, f"{NEW}@x"])):
        monkeypatch.setattr(keys.time, "time", lambda now=now: now)
        assert list(given) == [*given] == holding
    assert ever(given) == [OLD, OLDER, f"{NEW}@x"]
    assert ever([OLD]) == [OLD]


def test_they_are_written_as_they_are_read():
    until = datetime(2026, 12, 22, tzinfo=UTC)
    assert read_fallbacks(written([(OLD, until)])).dated == [(OLD, until.timestamp())]
    assert isinstance(read_fallbacks(""), Fallbacks)


def test_what_was_signed_holds_while_the_old_key_does(turn):
    signed = signing.dumps("posting", salt="wall")
    turn(NEW, OLD)
    assert signing.loads(signed, salt="wall") == "posting"
    turn(NEW, f"{OLD}@1")
    with pytest.raises(signing.BadSignature):
        signing.loads(signed, salt="wall")


def test_a_session_keeps_its_cookie_through_a_new_key(turn, person):
    """Were it given a new one, the desk's other requests on their way with the old one would be strangers."""
    oksana = person("oksana")
    client = Client()
    client.force_login(oksana)
    before = client.session.session_key

    for current, *fallbacks in ((NEW, OLD), (OLD, NEW)):  # web has the new one, live has not yet
        turn(current, *fallbacks)
        request = HttpRequest()
        request.session = client.session
        assert get_user(request).pk == oksana.pk
        assert request.session.session_key == before

    turn(NEW)  # the old one is void
    request.session = client.session
    assert get_user(request).pk is None


def test_a_new_password_still_ends_sessions(turn, person):
    oksana = person("oksana")
    client = Client()
    client.force_login(oksana)
    oksana.set_password("another-long-winter")
    oksana.save()
    request = HttpRequest()
    request.session = client.session
    assert get_user(request).pk is None


def test_second_factors_are_sealed_anew(turn, person):
    app = Authenticator.objects.create(user=person("oksana"), type="totp", data={"secret": encrypt("JBSWY3DP")})
    codes = {"seed": encrypt("seed"), "used_mask": 3}
    recovery = Authenticator.objects.create(user=app.user, type="recovery_codes", data=codes)
    moved = Authenticator.objects.create(
        user=person("taras"), type="recovery_codes", data={"migrated_codes": [encrypt("one"), encrypt("two")]}
    )
    passkey = Authenticator.objects.create(user=app.user, type="webauthn", data={"name": "Key", "credential": {"a": 1}})
    untouched = dict(passkey.data)

    turn(NEW, f"{OLD}@1")  # signs nothing any more, and still opens what is sealed
    assert decrypt(app.data["secret"]) == "JBSWY3DP"
    assert (seal_anew(), seal_anew()) == (3, 0)

    turn(NEW)
    for row in (app, recovery, moved, passkey):
        row.refresh_from_db()
    assert decrypt(app.data["secret"]) == "JBSWY3DP"
    assert (decrypt(recovery.data["seed"]), recovery.data["used_mask"]) == ("seed", 3)
    assert [decrypt(code) for code in moved.data["migrated_codes"]] == ["one", "two"]
    assert passkey.data == untouched


def test_what_no_key_opens_is_left_for_the_right_one(turn, person):
    app = Authenticator.objects.create(user=person("oksana"), type="totp", data={"secret": encrypt("JBSWY3DP")})
    turn(NEW)
    assert seal_anew() == 0
    with pytest.raises(InvalidToken):
        decrypt(app.data["secret"])
    turn(NEW, OLD)
    assert seal_anew() == 1
