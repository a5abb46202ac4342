from __future__ import annotations

import base64
import hmac
import time
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import identify_hasher
from django.contrib.sessions.models import Session
from django.utils import timezone

from careline.base.accounts.models import Role, User, WorkSession
from careline.base.accounts.rights import NotSignedIn
from careline.base.accounts.sessions import clear_ended_sessions, session_at_work
from tests.base.conftest import CHEAP_HASH, PASSWORD


def code_of(secret: str, at: float | None = None) -> str:
    """RFC 6238, as an authenticator app does it."""
    counter = int((at or time.time()) // 30).to_bytes(8, "big")
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


def forgotten(minutes: int) -> None:
    """As if nobody had touched any session for so long."""
    WorkSession.objects.update(seen_at=timezone.now() - timedelta(minutes=minutes))


def signed_in(client) -> bool:
    return client.get("/accounts/posting/").status_code != 302


def test_sign_in_leads_to_the_work_of_the_only_posting(sign_in, client, posting, district):
    posting("oksana", district.centre)

    response = sign_in("oksana")
    assert (response.status_code, response["Location"]) == (302, "/accounts/home/")
    assert client.get("/accounts/home/")["Location"] == "/"


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR, Role.CONTENT_EDITOR])
def test_keepers_begin_in_the_administration(role, client, posting, district):
    client.force_login(posting("iryna", district.centre, role).user)

    assert client.get("/accounts/home/")["Location"] == "/admin/"


def test_passwords_are_kept_as_argon2(sign_in, person):
    person("oksana")
    sign_in("oksana")

    assert identify_hasher(User.objects.get().password).algorithm == "argon2"


def test_a_wrong_password_says_nothing_about_which_part_was_wrong(sign_in, person):
    person("oksana")

    wrong, unknown = sign_in("oksana", "wrong"), sign_in("nobody", "wrong")
    sentence = "The sign-in name or the password is not right."
    assert sentence in wrong.content.decode()
    assert sentence in unknown.content.decode()


def test_five_wrong_passwords_lock_the_name_for_every_process(sign_in, client, posting, district):
    posting("oksana", district.centre)
    posting("petro", district.centre)
    for _ in range(5):
        sign_in("oksana", "wrong")

    locked = sign_in("oksana")
    assert "Too many wrong attempts" in locked.content.decode()
    assert not signed_in(client)
    assert sign_in("petro").status_code == 302


def test_the_whole_centre_may_sign_in_from_one_address(sign_in, client, posting, district):
    for n in range(40):
        User.objects.create(username=f"operator{n}", password=CHEAP_HASH)
    answers = []
    for n in range(40):
        answers.append(sign_in(f"operator{n}").status_code)
        client.logout()

    assert answers == [302] * 40


@pytest.mark.parametrize(
    "path",
    [
        "signup/",
        "email/",
        "password/reset/",
        "password/set/",
        "confirm-email/",
        "login/code/confirm/",
        "3rdparty/",
        "3rdparty/signup/",
    ],
)
def test_there_is_no_sign_up_and_no_mail(path, client, db):
    assert client.get(f"/accounts/{path}").status_code == 404
    assert client.post(f"/accounts/{path}").status_code == 404


def test_a_password_someone_else_chose_must_be_replaced_first(settings, sign_in, client, posting, district):
    settings.SECOND_FACTOR = "off"
    posting("oksana", district.centre, Role.ADMINISTRATOR)
    User.objects.update(must_change_password=True)
    sign_in("oksana")

    assert client.get("/admin/")["Location"] == "/accounts/password/change/?next=%2Fadmin%2F"
    same = client.post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": PASSWORD, "password2": PASSWORD}
    )
    assert "must differ" in same.content.decode()
    new = "a-short-summer-night"
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})

    assert client.get("/admin/").status_code == 200
    client.logout()
    assert sign_in("oksana", new).status_code == 302


def test_weak_passwords_are_refused(client, person):
    client.force_login(person("oksana"))
    for weak in ("12345678901", "short", "oksana"):
        client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": weak, "password2": weak})

    assert User.objects.get().check_password(PASSWORD)


def set_up_app(client) -> str:
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    secret = client.get("/accounts/2fa/totp/activate/").context["form"].secret
    assert client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)}).status_code == 302
    return secret


def test_signing_in_with_an_authenticator_app(sign_in, client, posting, district):
    posting("oksana", district.centre)
    sign_in("oksana")
    secret = set_up_app(client)
    client.logout()

    assert sign_in("oksana")["Location"] == "/accounts/2fa/authenticate/"
    assert not signed_in(client)
    assert "not right" in client.post("/accounts/2fa/authenticate/", {"code": "000000"}).content.decode()
    later = code_of(secret, time.time() + 30)  # the code used to set it up is spent
    assert client.post("/accounts/2fa/authenticate/", {"code": later})["Location"] == "/accounts/home/"
    assert signed_in(client)


def test_the_apps_secret_is_sealed_in_the_database(sign_in, client, posting, district):
    posting("oksana", district.centre)
    sign_in("oksana")
    secret = set_up_app(client)

    assert secret not in str(Authenticator.objects.get(type="totp").data)


def test_a_recovery_code_lets_in_once(sign_in, client, posting, district):
    posting("oksana", district.centre)
    sign_in("oksana")
    set_up_app(client)
    client.post("/accounts/2fa/recovery-codes/generate/")
    shown = client.get("/accounts/2fa/recovery-codes/")
    [code, *others] = shown.context["unused_codes"]
    assert len(others) == 9
    assert code in shown.content.decode()

    for expected in (302, 200):
        client.logout()
        sign_in("oksana")
        assert client.post("/accounts/2fa/authenticate/", {"code": code}).status_code == expected


@pytest.mark.parametrize(
    ("policy", "role", "asked"),
    [
        ("administrators", Role.ADMINISTRATOR, True),
        ("administrators", Role.AUDITOR, True),
        ("administrators", Role.OPERATOR, False),
        ("everyone", Role.OPERATOR, True),
        ("off", Role.ADMINISTRATOR, False),
    ],
)
def test_who_is_asked_for_a_second_factor(policy, role, asked, settings, sign_in, client, posting, district):
    settings.SECOND_FACTOR = policy
    posting("oksana", district.centre, role)
    sign_in("oksana")

    sent_to_it = client.get("/admin/", headers={"accept": "text/html"}).headers.get("Location", "")
    assert sent_to_it.startswith("/accounts/2fa/") is asked


def test_the_work_opens_once_the_second_factor_is_set_up(settings, sign_in, client, posting, district):
    settings.SECOND_FACTOR = "administrators"
    posting("iryna", district.centre, Role.ADMINISTRATOR)
    sign_in("iryna")
    set_up_app(client)

    assert client.get("/admin/").status_code == 200


def test_several_postings_are_chosen_from(sign_in, client, posting, district, city):
    here = posting("oksana", district.centre)
    there = posting(here.user, city.centre, Role.ADMINISTRATOR, valid_to=timezone.now().date() + timedelta(days=9))
    sign_in("oksana")

    assert client.get("/accounts/home/")["Location"].startswith("/accounts/posting/")
    page = client.get("/accounts/posting/").content.decode()
    assert "Where do you work now?" in page
    assert str(here.pk) in page

    assert client.post("/accounts/posting/", {"posting": str(there.pk)})["Location"] == "/admin/"
    assert client.post("/accounts/posting/", {"posting": str(here.pk)})["Location"] == "/"


def test_somebody_elses_posting_cannot_be_chosen(client, posting, district):
    client.force_login(posting("oksana", district.centre).user)
    supervisor = posting("iryna", district.centre, Role.SUPERVISOR)

    assert client.post("/accounts/posting/", {"posting": str(supervisor.pk)}).status_code == 403


def test_no_posting_is_said_plainly(client, person):
    client.force_login(person("oksana"))

    response = client.get("/accounts/home/", follow=True)
    assert response.status_code == 403
    assert "You have no posting today" in response.content.decode()


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_nobody_is_sent_to_another_site(elsewhere, client, posting, district):
    posting_here = posting("oksana", district.centre)
    client.force_login(posting_here.user)

    chosen = client.post("/accounts/posting/", {"posting": str(posting_here.pk), "next": elsewhere})
    spoken = client.post("/accounts/language/", {"language": "uk", "next": elsewhere})
    assert (chosen["Location"], spoken["Location"]) == ("/", "/")


def test_the_language_of_a_stranger_is_the_browsers_then_the_cookies(client, db):
    assert 'lang="pl"' in client.get("/accounts/login/", headers={"accept-language": "pl"}).content.decode()

    client.post("/accounts/language/", {"language": "uk", "next": "/accounts/login/"})
    assert 'lang="uk"' in client.get("/accounts/login/", headers={"accept-language": "pl"}).content.decode()


def test_after_sign_in_the_persons_own_language_wins(client, person):
    client.post("/accounts/language/", {"language": "uk"})
    client.force_login(person("petro", language="zh-hans"))

    assert 'lang="zh-hans"' in client.get("/accounts/posting/").content.decode()
    client.post("/accounts/language/", {"language": "ru"})
    assert User.objects.get().language == "ru"


def test_an_unknown_language_is_refused(client, db):
    assert client.post("/accounts/language/", {"language": "de"}).status_code == 404


def test_the_sign_in_page_says_how_long_a_session_lasts(client, db, settings):
    settings.SESSION_IDLE_S = 10 * 60

    assert "After 10 minutes without work" in client.get("/accounts/login/").content.decode()


def test_an_untouched_session_is_locked(sign_in, client, posting, district):
    posting("oksana", district.centre)
    sign_in("oksana")
    assert signed_in(client)

    forgotten(16)
    assert not signed_in(client)
    assert client.get("/accounts/posting/", headers={"hx-request": "true"}).status_code == 401


def test_a_locked_session_still_carries_a_talk_and_opens_again(sign_in, client, posting, district):
    at_centre = posting("oksana", district.centre)
    sign_in("oksana")
    client.post("/accounts/posting/", {"posting": str(at_centre.pk)})
    key = client.session.session_key
    forgotten(16)
    client.get("/accounts/posting/")

    at_work = session_at_work(key)
    assert (at_work.reader.posting_id, at_work.locked) == (at_centre.pk, True)

    sign_in("oksana")
    assert client.session.session_key == key
    assert not session_at_work(key).locked
    assert signed_in(client)


def test_somebody_else_signing_in_over_a_locked_session_gets_their_own(sign_in, client, posting, district):
    posting("oksana", district.centre)
    posting("petro", district.centre)
    sign_in("oksana")
    key = client.session.session_key
    forgotten(16)
    sign_in("petro")

    assert client.session.session_key != key
    with pytest.raises(NotSignedIn):
        session_at_work(key)


def test_what_a_page_fetches_by_itself_renews_nothing(sign_in, client, posting, district):
    posting("oksana", district.centre)
    sign_in("oksana")
    forgotten(14)
    before = WorkSession.objects.get().seen_at

    client.get("/accounts/posting/", headers={"x-careline-background": "1"})
    assert WorkSession.objects.get().seen_at == before
    client.get("/accounts/posting/")
    assert WorkSession.objects.get().seen_at > before


def test_a_changed_password_ends_the_other_sessions(sign_in, client, posting, district):
    oksana = posting("oksana", district.centre).user
    sign_in("oksana")
    key = client.session.session_key
    oksana.set_password("changed-by-the-administrator")
    oksana.save()

    with pytest.raises(NotSignedIn):
        session_at_work(key)


def test_rights_end_with_the_posting_in_mid_session(settings, sign_in, client, posting, district):
    settings.SECOND_FACTOR = "off"
    at_centre = posting("iryna", district.centre, Role.ADMINISTRATOR)
    sign_in("iryna")
    assert client.get("/admin/").status_code == 200

    at_centre.valid_to = timezone.now().date() - timedelta(days=2)
    at_centre.save()
    assert client.get("/admin/", headers={"accept": "text/html"}, follow=True).status_code == 403


def test_sessions_that_outlived_their_cookie_are_forgotten(sign_in, client, posting, district):
    posting("oksana", district.centre)
    sign_in("oksana")
    forgotten(13 * 60)

    assert clear_ended_sessions() == 1
    assert Session.objects.exists()  # the cookie's own row is Django's to clear


def test_a_strangers_page_costs_no_query(client, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        client.get("/no/such/page/")


def test_who_is_reading_costs_four_queries_a_request(client, posting, district, django_assert_max_num_queries):
    client.force_login(posting("iryna", district.centre, Role.ADMINISTRATOR).user)
    client.get("/accounts/home/")

    with django_assert_max_num_queries(4):  # session, person, last touch, postings
        client.get("/accounts/home/")


def test_every_answer_carries_the_strict_policy(client, db):
    policy = client.get("/accounts/login/")["Content-Security-Policy"]

    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
