from __future__ import annotations

import json
import logging

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import Client, RequestFactory

from careline.app import logs
from careline.app.translations import compile_messages
from careline.base.errors import pages

FULL = OperationalError("could not extend file")
FULL.__cause__ = psycopg.errors.DiskFull("could not extend file")


@pytest.mark.django_db
def test_health_and_readiness_are_told_apart(monkeypatch):
    client = Client()
    assert client.get("/readyz").json() == {"ready": True, "database": True}

    def away():
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(connection, "cursor", away)
    monkeypatch.setattr(connection, "close", lambda: None)
    refused = client.get("/readyz")

    assert (refused.status_code, refused.json()) == (503, {"ready": False, "database": False})
    assert client.get("/healthz").json() == {"alive": True}


def test_figures_are_not_shown_through_the_front_door():
    assert Client().get("/metrics").status_code == 200
    assert Client().get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404


@pytest.mark.parametrize(
    ("accept", "error", "status", "told"),
    [
        ("application/json", OperationalError("gone"), 503, "database_away"),
        ("application/json", ValueError("Оленка Ґудзь"), 500, "failure"),
        ("text/html", OperationalError("gone"), 503, "The database does not answer"),
        ("application/json", FULL, 503, "disk_full"),
        ("text/html", FULL, 503, "disk is full"),
        ("text/html", ValueError("Оленка Ґудзь"), 500, "tell your administrator"),
    ],
)
def test_failure_is_told_in_a_sentence_without_its_cause(accept, error, status, told):
    request = RequestFactory().get("/", headers={"Accept": accept})
    try:
        raise error
    except Exception:
        response = pages.failed(request)

    assert response.status_code == status
    assert told in response.content.decode()
    assert "Оленка" not in response.content.decode()
    assert (response.headers.get("Retry-After") == "5") == (status == 503)


def test_logged_exception_says_where_but_not_about_whom():
    try:
        raise ValueError("Key (phone)=(+380671234567) already exists")
    except ValueError as error:
        event = logs.nameless_traceback(None, "error", {"event": "failed", "exc_info": error})

    assert event["error"] == "builtins.ValueError"
    assert event["trace"][-1].endswith("test_logged_exception_says_where_but_not_about_whom")
    assert "380671234567" not in json.dumps(event)


def test_request_line_has_the_route_and_not_the_address(caplog):
    with caplog.at_level(logging.INFO, logger="careline.web"):
        Client().get("/no/such/+380671234567")

    lines = [record.msg for record in caplog.records if record.name == "careline.web"]
    assert [(line["event"], line["route"], line["status"]) for line in lines] == [("request", "unmatched", 404)]
    assert "380671234567" not in str(lines)


def test_translations_are_compiled_only_when_they_changed(tmp_path):
    folder = tmp_path / "locale" / "uk" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    (folder / "django.po").write_text(head + 'msgid "Queue"\nmsgstr "Черга"\n')

    assert compile_messages(tmp_path) == [folder / "django.mo"]
    assert compile_messages(tmp_path) == []
    assert "Черга".encode() in (folder / "django.mo").read_bytes()
