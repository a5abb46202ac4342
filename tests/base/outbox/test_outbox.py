from __future__ import annotations

from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from django.db import transaction
from django.utils import timezone

from careline.base.outbox import actions
from careline.base.outbox.models import OutboxRow


def test_facts_wait_in_order_for_the_one_they_are_told_to(db):
    actions.tell("switchboard", "walk_in_logged", "a", contact="1")
    actions.tell("mail", "letter", "b")
    actions.tell("switchboard", "directory_changed", "c", organisation="2")

    assert [(row.kind, row.data) for row in actions.waiting("switchboard")] == [
        ("walk_in_logged", {"contact": "1"}),
        ("directory_changed", {"organisation": "2"}),
    ]
    assert [row.kind for row in actions.waiting("switchboard", limit=1)] == ["walk_in_logged"]


def test_the_same_fact_told_twice_is_one(db):
    actions.tell("switchboard", "contact_recorded", "same", next=True)
    actions.tell("switchboard", "contact_recorded", "same", next=False)

    assert [row.data for row in actions.waiting("switchboard")] == [{"next": True}]


def test_a_fact_taken_is_not_shown_again(db):
    actions.tell("switchboard", "walk_in_logged", "a")
    [row] = actions.waiting("switchboard")

    actions.done([row.id])
    actions.done([row.id])

    assert actions.waiting("switchboard") == []


def test_a_rolled_back_transaction_tells_nothing(db):
    @transaction.atomic
    def told_and_failed() -> None:
        actions.tell("switchboard", "walk_in_logged", "a")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        told_and_failed()

    assert actions.waiting("switchboard") == []


def test_taken_facts_are_cleared_away_and_waiting_ones_stay(db):
    for key in ("old", "fresh", "waiting"):
        actions.tell("switchboard", "walk_in_logged", key)
    now = timezone.now()
    OutboxRow.objects.filter(key="old").update(done_at=now - timedelta(days=3))
    OutboxRow.objects.filter(key="fresh").update(done_at=now)

    assert actions.clear_done() == 1
    assert set(OutboxRow.objects.values_list("key", flat=True)) == {"fresh", "waiting"}


def test_live_is_poked_once_the_facts_are_committed(db, settings, django_capture_on_commit_callbacks):
    heard: list[str] = []

    class Live(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Live)
    settings.LIVE_URL = f"http://127.0.0.1:{server.server_port}"
    listener = Thread(target=server.handle_request)
    listener.start()

    with django_capture_on_commit_callbacks(execute=True):
        actions.tell("switchboard", "walk_in_logged", "a")

    listener.join(5)
    server.server_close()
    assert heard == ["/live/poke"]


def test_a_live_process_that_is_down_harms_nobody(db, settings, django_capture_on_commit_callbacks):
    settings.LIVE_URL = "http://127.0.0.1:1"

    with django_capture_on_commit_callbacks(execute=True):
        actions.tell("switchboard", "walk_in_logged", "a")

    actions._messenger.submit(lambda: None).result(5)  # the poke before it has ended
    assert len(actions.waiting("switchboard")) == 1
