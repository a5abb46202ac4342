"""The database is away while people wait, talk and press: said on every page, kept, and done once when it is back."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.db import connections
from playwright.sync_api import expect

from careline.care.contacts.models import ContactSummary, LedgerRow
from tests.journeys.acting import answer, both_hear, call, eventually, more_is_heard, picture, record, shown, state

AWAY_S = float(os.environ.get("CARELINE_AWAY_S", "8"))  # 60 in the hand's own trial
SAID = "Saving waits: the database does not answer"
KINDS = ("TalkHeld", "TalkResumed", "OfferAccepted", "OutcomeRecorded")


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def frozen(postmaster: int) -> Iterator[None]:
    """PostgreSQL and all its processes neither live nor die: its sockets stay open and nobody answers."""
    stopped = [postmaster, *children_of(postmaster)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(stopped):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def killed(postmaster: int) -> Iterator[None]:
    """PostgreSQL is killed, and who would start it again cannot."""
    supervisor = int(Path(f"/proc/{postmaster}/stat").read_text().rsplit(")", 1)[1].split()[1])
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(postmaster, signal.SIGKILL)
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)


@pytest.mark.parametrize("away", [frozen, killed])
def test_talk_goes_on_presses_are_kept_and_land_once(town, people, product, away):
    desk = people.operator("marichka")
    talking = people.patient("en")
    call(talking, "Booking")
    answer(desk)
    both_hear(desk, talking)
    waiting = people.patient("uk")
    call(waiting, "Рецепт")
    shown(waiting, "queue")
    shift = people.staff("vira", "/supervise/")
    other = people.operator("olena")
    state(other, "ring")
    first, second = town.contacts()
    connections["default"].close()

    with away(product.child("postgres")):
        since = time.monotonic()
        expect(desk.locator("#strip-saving")).to_contain_text(SAID)
        expect(talking.locator("#saving")).to_contain_text("We cannot save anything for the moment")
        expect(waiting.locator("#saving")).to_be_visible()
        expect(shift.locator("#saving")).to_contain_text(SAID)
        shown(waiting, "queue")

        desk.keyboard.press("F4")
        other.keyboard.press("F2")
        expect(desk.locator("#saving-n")).to_have_text("1")
        expect(other.locator("#saving-n")).to_have_text("1")
        record(desk, "Booking", "Request raised")
        expect(desk.locator("#saving-n")).to_have_text("2", timeout=30_000)
        state(desk, "talk")
        state(other, "ring")
        more_is_heard(desk, talking)
        picture(desk, f"desk-saving-{away.__name__}", checked=False)
        newcomer = people.somebody(390, 844, locale="uk-UA")
        assert newcomer.goto(f"/call/{town.line.code}/uk/").status == 503
        picture(newcomer, f"call-database-{away.__name__}", checked=False)
        assert httpx.get(f"{product.live_url()}/live/healthz", trust_env=False).status_code == 503
        desk.wait_for_timeout(max(0.0, AWAY_S - (time.monotonic() - since)) * 1000)

    state(desk, "hold")
    state(other, "talk")
    shown(waiting, "talk")
    for page in (desk, other, shift):
        expect(page.locator("#strip-saving, #saving").first).to_be_hidden(timeout=30_000)
    expect(talking.locator("#saving")).to_be_hidden()
    desk.keyboard.press("F4")
    state(desk, "talk")
    more_is_heard(desk, talking)
    both_hear(other, waiting)
    eventually(desk, lambda: LedgerRow.objects.filter(kind="OutcomeRecorded", subject=first.pk).exists(), 30)
    done = {
        contact.pk: sorted(LedgerRow.objects.filter(subject=contact.pk, kind__in=KINDS).values_list("kind", flat=True))
        for contact in (first, second)
    }
    assert done == {
        first.pk: ["OfferAccepted", "OutcomeRecorded", "TalkHeld", "TalkResumed"],
        second.pk: ["OfferAccepted"],
    }
    eventually(desk, lambda: ContactSummary.objects.get(pk=first.pk).outcome == "request")
