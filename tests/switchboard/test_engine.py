"""The switchboard on a real database: written before carried out, once, in order, and found again after a crash."""

from __future__ import annotations

import pytest

from careline.core.acd.model import (
    EndCause,
    EndContact,
    IllegalEvent,
    OfferAccepted,
    OfferContact,
    Phase,
    StartTalk,
    TalkEnded,
    WrapUpDone,
)

from .conftest import OLENA, QUEUE, Heard, call, crash, named

PETRO, MARIA = named("petro"), named("maria")


async def test_an_arrival_is_offered_to_the_ready_agent(staffed, time):
    commands = await staffed.submit(call(PETRO))

    assert commands == [OfferContact(PETRO, OLENA, commands[0].offer, time.now + 20.0)]


async def test_a_call_from_first_ring_to_the_end(staffed):
    heard = Heard()
    staffed.listen(heard)

    [offer] = await staffed.submit(call(PETRO))
    await staffed.submit(OfferAccepted(PETRO, OLENA, offer.offer))
    await staffed.submit(TalkEnded(PETRO, OLENA))
    await staffed.submit(WrapUpDone(PETRO, OLENA))

    assert StartTalk(PETRO, OLENA) in heard.commands()
    assert heard.commands()[-1] == EndContact(PETRO, EndCause.COMPLETED)
    assert staffed.router.contact(PETRO) is None
    assert [c.position for c in heard.all] == sorted({c.position for c in heard.all})


async def test_an_event_that_does_not_fit_is_refused_and_changes_nothing(staffed):
    with pytest.raises(IllegalEvent):
        await staffed.submit(TalkEnded(PETRO, OLENA))

    assert staffed.router.contacts() == []


async def test_after_a_crash_everybody_stands_where_they_stood(staffed, switchboards):
    await staffed.submit(call(PETRO))
    await staffed.submit(call(MARIA))
    before = staffed.router.contacts()
    await crash(staffed)

    again = switchboards()
    await again.start()

    assert again.fence == staffed.fence + 1
    assert sorted(again.router.contacts(), key=lambda c: c.id) == sorted(before, key=lambda c: c.id)
    assert again.router.contact(PETRO).phase is Phase.OFFERED
    assert again.router.waiting(QUEUE) == [PETRO, MARIA]
