"""`kill -9` of the live processes during 50 talks and with 200 people waiting: the talks go on, nobody loses their place,
desks come back to what they had, nothing is written twice or lost. Three talks are those of real desks and pages."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from careline.base.accounts.models import Role
from careline.care.contacts.models import LedgerRow
from tests.journeys.acting import answer, both_hear, call, eventually, hear, more_is_heard, picture, shown, state
from tests.journeys.crowd import Crowd
from tests.journeys.towns import employ, speaks
from tests.support.centre import sign_in

IN_CHROMIUM = 3
BY_PROGRAM = 47
WAITING = 200
AT_THE_KILL = 20  # calls being started in the very moment
pytestmark = pytest.mark.timeout(600)
DESKS = ("marichka", "olena", "halyna")


@pytest.fixture
def crowd(town, product):
    crowd = Crowd(product.live_url(), town.line.code, "uk")
    yield crowd
    crowd.close()


def hired(town, number: int) -> list[str]:
    """Sessions of so many more operators of the town."""
    code = town.organisation.code
    users = [employ(town.organisation, f"{code}.{n}", "Оператор", f"{n}", Role.OPERATOR) for n in range(number)]
    speaks(town.organisation, users)
    return [sign_in(user) for user in users]


def test_kill_of_the_live_processes_during_fifty_talks_with_two_hundred_waiting(town, people, product, crowd):
    town.people["halyna"] = employ(
        town.organisation, f"{town.organisation.code}.halyna", "Галина", "Мороз", Role.OPERATOR
    )
    speaks(town.organisation, [town.people["halyna"]])
    desks, patients = three_talks(people)
    with told("47 talks by program"):
        crowd.talk(hired(town, BY_PROGRAM))
    assert len(crowd.talks()) == 2 * BY_PROGRAM
    with told("200 wait"):
        crowd.wait(WAITING)
    assert [caller.state["position"] for caller in crowd.waiting] == list(range(1, WAITING + 1))
    desks[0].locator("#note").fill("Це не має загубитися")
    expect(desks[0].locator("#drafted")).to_contain_text("Draft")

    phones, frames = [operator.phone for operator in crowd.operators], crowd.frames()
    sessions = [talk.sessions for talk in crowd.talks()]
    crowd.call_late(AT_THE_KILL)
    killed_at = time.monotonic()
    for name in ("live", "live-standby"):
        os.kill(product.child(name), signal.SIGKILL)
    nobody_is_there_and_everybody_speaks_on(desks, patients, crowd, frames)
    for desk in desks:
        expect(desk.locator("#strip-away")).to_be_hidden(timeout=40_000)
    print(f"the desks were back {time.monotonic() - killed_at:.1f} s after the kill")
    crowd.back()
    crowd.late_came_through()

    everything_is_as_it_was(crowd, phones)
    assert [(talk.sessions, talk.connected.is_set()) for talk in crowd.talks()] == [(n, True) for n in sessions]
    expect(desks[0].locator("#note")).to_have_value("Це не має загубитися")
    for desk, patient in zip(desks, patients, strict=True):
        state(desk, "talk")
        shown(patient, "talk")
    more_is_heard(*desks, *patients)
    desks[0].keyboard.press("F4")  # the desk obeys again
    state(desks[0], "hold")
    desks[0].keyboard.press("F4")
    state(desks[0], "talk")
    with told("5 served in turn"):
        crowd.serve_next(5)
    crowd.until(crowd.waiting[5], lambda: crowd.waiting[5].state["position"] == 1)
    the_ledger_is_whole(town)


def three_talks(people) -> tuple[list[Page], list[Page]]:
    desks, patients = [], []
    for name in DESKS:
        desks.append(people.operator(name))
        patients.append(people.patient())
        call(patients[-1], "Рецепт", name="", number="")
        answer(desks[-1])
    both_hear(*desks, *patients)
    return desks, patients


def nobody_is_there_and_everybody_speaks_on(desks: list[Page], patients: list[Page], crowd: Crowd, frames: list[int]):
    before = [hear(page) for page in (*desks, *patients)]
    for desk in desks:
        expect(desk.locator("#strip-away")).to_be_visible()
        expect(desk.locator("#strip-away")).to_contain_text("Your talk goes on")
    picture(desks[0], "desk-connection-lost", checked=False)
    after = [hear(page) for page in (*desks, *patients)]
    assert all(now["received"] > old["received"] + 50 for now, old in zip(after, before, strict=True))
    assert all(now["energy"] > old["energy"] for now, old in zip(after, before, strict=True))
    eventually(desks[0], lambda: all(now > old for now, old in zip(crowd.frames(), frames, strict=True)), 30)


def everything_is_as_it_was(crowd: Crowd, phones: list[dict[str, Any]]) -> None:
    for before, operator in zip(phones, crowd.operators, strict=True):
        crowd.until(operator, lambda operator=operator: operator.line.resets >= 1)
        assert what(operator.phone) == what(before)
    for place, caller in enumerate(crowd.waiting, 1):
        crowd.until(caller, lambda caller=caller: caller.line.resets >= 1)
        assert (caller.phase, caller.state["position"]) == ("queued", place)


def what(phone: dict[str, Any]) -> Any:
    return phone["presence"], [(each["contact"], each["phase"], each["talk"], each["since"]) for each in phone["work"]]


def the_ledger_is_whole(town) -> None:
    """Each call once, each stream without a gap, and no trace of anybody having been away."""
    contacts = {contact.pk for contact in town.contacts()}
    everyone = IN_CHROMIUM + BY_PROGRAM + WAITING + AT_THE_KILL
    assert len(contacts) == everyone
    rows = list(LedgerRow.objects.filter(subject__in=contacts).values_list("subject", "stream", "seq", "kind"))
    kinds = Counter(kind for _, _, _, kind in rows)
    assert kinds["ContactStarted"] == kinds["ContactQueued"] == everyone
    assert kinds["StartTalk"] == IN_CHROMIUM + BY_PROGRAM + 5
    staff = LedgerRow.objects.filter(subject__in=town.staff_ids(), kind__in=("AgentPaused", "AgentSignedOut"))
    assert (kinds["CallerLost"], staff.count()) == (0, 0), kinds
    streams: dict[tuple[Any, str], list[int]] = {}
    for subject, stream, seq, _ in rows:
        streams.setdefault((subject, stream), []).append(seq)
    assert all(sorted(numbers) == list(range(1, len(numbers) + 1)) for numbers in streams.values())


class told:
    """Says how long a chapter took."""

    def __init__(self, chapter: str) -> None:
        self.chapter = chapter

    def __enter__(self) -> None:
        self.began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        print(f"{self.chapter}: {time.monotonic() - self.began:.1f} s")
