from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError
from django.test import Client, RequestFactory
from django.utils import translation

from careline.base.accounts.rights import NotSignedIn, PostingNotChosen
from careline.base.errors import NotFound, TooMany
from careline.base.errors.middleware import RefusalMiddleware
from careline.base.errors.pages import failed


def answer(error: Exception, **headers: str):
    request = RequestFactory().get("/contacts/", headers=headers)
    request.user = AnonymousUser()
    return RefusalMiddleware(lambda request: None).process_exception(request, error)


def test_a_program_gets_code_and_sentence():
    response = answer(NotFound(), accept="application/json")

    assert response.status_code == 404
    assert json.loads(response.content) == {
        "error": "not_found",
        "message": "There is no such record, or you may not see it.",
    }


def test_a_partial_is_said_in_place():
    response = answer(NotFound(), hx_request="true")

    assert response.status_code == 404
    assert response["X-Careline-Error"] == "not_found"
    assert b"There is no such record" in response.content
    assert b"<html" not in response.content


def test_a_person_gets_a_page():
    response = answer(NotFound(), accept="text/html")

    assert response.status_code == 404
    assert b"<html" in response.content
    assert b'data-code="not_found"' in response.content


def test_waiting_is_told_in_seconds():
    response = answer(TooMany(retry_after_s=12))

    assert (response.status_code, response["Retry-After"]) == (429, "12")


@pytest.mark.parametrize(
    ("error", "url"),
    [
        (NotSignedIn(), "/accounts/login/?next=%2Fcontacts%2F"),
        (PostingNotChosen(), "/accounts/posting/?next=%2Fcontacts%2F"),
    ],
)
def test_a_missing_step_is_taken_first_and_then_back(error, url):
    response = answer(error, accept="text/html")

    assert (response.status_code, response["Location"]) == (302, url)


def test_a_desk_in_mid_call_is_told_and_never_sent_away():
    response = answer(NotSignedIn(), hx_request="true")

    assert (response.status_code, response["X-Careline-Error"]) == (401, "not_signed_in")
    assert "HX-Redirect" not in response


def test_a_bug_stays_loud():
    assert answer(KeyError("posting")) is None


def test_an_unknown_page_is_a_page_of_ours(db):
    response = Client().get("/no/such/page/", headers={"accept": "text/html"})

    assert response.status_code == 404
    assert b"careline/door.css" in response.content


def test_a_failure_is_told_without_asking_the_database(django_assert_num_queries, db):
    with django_assert_num_queries(0):
        response = failed(RequestFactory().get("/", headers={"accept": "text/html"}))

    assert response.status_code == 500
    assert b"Something went wrong" in response.content


def test_a_lost_database_is_an_outage_to_wait_for():
    try:
        raise OperationalError
    except OperationalError:
        response = failed(RequestFactory().get("/", headers={"accept": "application/json"}))

    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert json.loads(response.content)["error"] == "database_away"


def test_a_forged_form_is_refused_on_a_page_of_ours(db):
    response = Client(enforce_csrf_checks=True).post("/accounts/language/", {"language": "uk"})

    assert response.status_code == 403
    assert b'data-code="csrf_failed"' in response.content


def test_the_sentence_is_translated_when_it_is_said():
    class Sentence:
        def __str__(self) -> str:
            return translation.get_language()

    class Refused(NotFound):
        message = Sentence()

    with translation.override("uk"):
        assert json.loads(answer(Refused(), accept="application/json").content)["message"] == "uk"
