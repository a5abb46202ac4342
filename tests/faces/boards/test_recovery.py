"""Those who gave up, on the shift: noted as reached or not, and taken back."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client

from careline.base.accounts.models import Role
from careline.base.outbox.models import OutboxRow
from careline.care.contacts.actions import start_contact
from careline.care.contacts.ledger import Entry, append
from careline.care.contacts.models import Contact, ContactSummary, Stream
from careline.care.contacts.projections import show_now
from careline.faces.boards.figures import board_of


@pytest.fixture
def gave_up(clinic, now):
    """gave_up("0177") -> a call of an hour ago that nobody answered, from the number that ends so."""

    def make(digits: str = "0177", minutes: int = 60) -> Contact:
        at = now - timedelta(minutes=minutes)
        contact = start_contact(clinic.line, channel="voice", language="uk", number=f"+38000555{digits}", at=at)
        queued = {"contact": str(contact.pk), "queue": str(clinic.queue.pk), "emergency": False}
        ended = {"contact": str(contact.pk), "cause": "abandoned"}
        append(
            Entry(contact.pk, Stream.ROUTING, "ContactQueued", at, queued),
            Entry(contact.pk, Stream.ROUTING, "EndContact", at + timedelta(seconds=40), ended),
        )
        show_now([contact.pk])
        return contact

    return make


def note(client: Client, contact: Contact, reached: str, key: str = ""):
    return client.post(f"/supervise/recovery/{contact.pk}/", {"key": key or str(uuid.uuid4()), "reached": reached})


def undo_of(page: str) -> str:
    return re.search(r'hx-post="(/supervise/recovery/[^"]+/undo/)"', page)[1]


def test_no_answer_stays_with_the_number_of_tries_and_the_time(signed_in, gave_up):
    client, lost, key = signed_in(), gave_up(), str(uuid.uuid4())
    for _ in range(2):
        page = note(client, lost, "0", key).content.decode()
    assert "1 try" in page
    assert "last " in page
    assert "··· 01-77" in page
    page = note(client, lost, "0").content.decode()
    assert "2 tries" in page
    assert OutboxRow.objects.filter(kind="contact_changed").count() == 2


def test_reached_leaves_every_list_and_the_tile_counts_it(signed_in, gave_up, clinic):
    client, lost = signed_in(), gave_up()
    gave_up("0144")
    answer = note(client, lost, "1")
    assert answer["HX-Trigger-After-Swap"] == "careline:done"
    page = answer.content.decode()
    assert f"reached-{lost.pk}" not in page
    assert "··· 01-77" in page  # what was noted, with the way back
    shift = client.get("/supervise/parts/recovery/").content.decode()
    assert f"reached-{lost.pk}" not in shift
    board = board_of(clinic.reader())
    assert (board.to_recover, board.headlines.recovered, board.headlines.abandoned) == (1, 1, 2)
    client.post(undo_of(page))
    board = board_of(clinic.reader())
    assert (board.to_recover, board.headlines.recovered) == (2, 0)


def test_button_pressed_twice_or_by_two_is_no_other_attempt(signed_in, gave_up, clinic):
    client, lost = signed_in(), gave_up()
    page, colleague = client.get("/supervise/parts/recovery/").content.decode(), Client()
    [key] = set(re.findall(r'"key": "([^"]+)"', page))
    colleague.force_login(clinic.staff("Vovk"))
    note(client, lost, "0", key)
    note(client, lost, "1", key)  # the same row as drawn: the first press counts
    note(colleague, lost, "0", key)  # drawn for both in the same second: two people, two tries
    summary = ContactSummary.objects.get(pk=lost.pk)
    assert (summary.recovery_attempts, summary.recovered_at) == (2, None)


def test_only_those_who_record_contacts_see_the_buttons(signed_in, gave_up):
    lost = gave_up()
    client = signed_in(Role.UNIT_HEAD)
    assert "··· 01-77" in client.get("/supervise/parts/recovery/").content.decode()
    assert f"reached-{lost.pk}" not in client.get("/supervise/").content.decode()
    assert note(client, lost, "1").status_code == 403


def test_refusal_stands_in_the_list(signed_in, gave_up, clinic):
    client, lost = signed_in(), gave_up()
    answer = note(client, lost, "perhaps")
    assert answer.status_code == 404
    assert f"reached-{lost.pk}" in answer.content.decode()
    assert 'class="refusal"' in answer.content.decode()
    page = note(client, lost, "1").content.decode()
    colleague = Client()
    colleague.force_login(clinic.staff("Vovk"))
    assert colleague.post(undo_of(page)).status_code == 404


def test_note_needs_the_token_of_the_page(gave_up, clinic, settings):
    settings.SECOND_FACTOR = "off"
    client = Client(enforce_csrf_checks=True)
    client.force_login(clinic.staff("Sedova", Role.SUPERVISOR))
    assert note(client, gave_up(), "1").status_code == 403
