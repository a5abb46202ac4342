"""The ledger is the truth: replayed from the start it gives the router that is, and the states that were stored."""

from __future__ import annotations

from random import Random
from uuid import UUID

import pytest

from careline.care.contacts import ledger
from careline.care.contacts.models import LiveState
from careline.core.acd.model import Event, IllegalEvent
from careline.core.acd.router import Router
from careline.switchboard import codec
from careline.switchboard.replay import replay

from .conftest import crash, orm, rows
from .histories import next_event, opening


def folded(router: Router) -> dict[str, dict]:
    states = {c.id: router._contacts[c.id].fold() for c in router.contacts()}
    states |= {a.id: router._agents[a.id].fold() for a in router.agents()}
    return states | {q.id: router._queues[q.id].fold() for q in router.queues()}


@pytest.mark.parametrize("seed", range(4))
async def test_replay_equals_the_stored_states_and_the_living_router(switchboards, time, seed):
    rng = Random(seed)
    board = switchboards()
    await board.start()
    for event in opening():
        await board.submit(event)
    for n in range(250):
        time.now += rng.choice([0.0, 0.1, 1.0, 7.0])
        contact = str(UUID(int=rng.getrandbits(128)))
        try:
            await board.submit(next_event(board.router, rng, contact, time.now))
        except IllegalEvent:
            continue
        if n == 125:
            await crash(board)
            board = switchboards()
            await board.start()

    again = await orm(replay)

    stored = await orm(lambda: {str(s.subject): s.state for s in LiveState.objects.all()})
    assert folded(again) == stored == folded(board.router)
    assert [again.waiting(q.id) for q in again.queues()] == [board.router.waiting(q.id) for q in again.queues()]


async def test_streams_are_numbered_without_gaps(switchboards, time):
    rng = Random(7)
    board = switchboards()
    await board.start()
    for event in opening():
        await board.submit(event)
    for _ in range(120):
        time.now += 1.0
        try:
            await board.submit(next_event(board.router, rng, str(UUID(int=rng.getrandbits(128))), time.now))
        except IllegalEvent:
            continue

    streams: dict[tuple, list[int]] = {}
    for row in await rows():
        streams.setdefault((row.subject, row.stream), []).append(row.seq)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in streams.values())
    assert len(streams) > 20


async def test_every_event_reads_back_as_it_was_written(switchboards, time):
    rng = Random(3)
    board = switchboards()
    await board.start()
    heard: list[Event] = []
    board.listen(lambda committed: heard.append(committed.event))
    for event in opening():
        await board.submit(event)
    for _ in range(60):
        time.now += 1.0
        try:
            await board.submit(next_event(board.router, rng, str(UUID(int=rng.getrandbits(128))), time.now))
        except IllegalEvent:
            continue

    written = await orm(lambda: [r for r in ledger.routing() if r.kind in codec.EVENTS])
    assert [codec.decode_event(row.kind, row.data) for row in written] == heard
