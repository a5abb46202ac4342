"""Somebody sets the machine's clock: an hour back, a day forward. Nothing is lost, nothing takes less than no time, and
everybody keeps their place."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from careline.care.contacts import projections
from careline.care.contacts.folds import Summary, fold_contact
from careline.care.contacts.ledger import Row
from careline.care.contacts.models import AgentInterval, LedgerRow
from careline.core.acd.model import ContactQueued, ContactReordered, IllegalEvent, TalkTransferred
from careline.switchboard.clock import BELIEVED_AFTER_S, SLEW, SteadyClock
from careline.switchboard.engine import Switchboard

from .conftest import Time, crash, named, orm, rows
from .histories import QUEUES, next_event, opening

HOUR, DAY = 3600.0, 86_400.0
START = 1_767_600_000.0
STARTED = {"organisation": str(UUID(int=1)), "site": None, "line": None, "channel": "voice", "direction": "in"}
STARTED |= {"language": "uk", "topic": None, "simulated": False}


class Machine:
    """Its clock can be set; the time that really passes cannot."""

    def __init__(self) -> None:
        self.wall, self.passed = Time(START), Time(0.0)

    def clock(self) -> SteadyClock:
        return SteadyClock(self.wall, self.passed)

    def wait(self, seconds: float) -> None:
        self.wall.now += seconds
        self.passed.now += seconds


class Shift:
    """A random history on a real switchboard."""

    def __init__(self, board: Switchboard, machine: Machine, seed: int) -> None:
        self.board, self.machine, self.rng = board, machine, Random(seed)
        self.came: list[str] = []
        self.moved: set[str] = set()  # put elsewhere by a person

    async def open(self) -> None:
        for event in opening():
            await self.board.submit(event)

    async def go_on(self, events: int) -> None:
        for _ in range(events):
            self.machine.wait(self.rng.choice([0.0, 0.5, 3.0, 10.0]))
            event = next_event(self.board.router, self.rng, named(f"caller {len(self.came)}"), self.board.now())
            with suppress(IllegalEvent):
                await self.board.submit(event, key=f"{len(self.came)} {self.machine.passed.now} {self.rng.random()}")
                if isinstance(event, ContactReordered | TalkTransferred):
                    self.moved.add(event.contact)
                if isinstance(event, ContactQueued):
                    self.came.append(event.contact)

    def order(self) -> dict[str, list[str]]:
        return {queue: list(self.board.router.waiting(queue)) for queue in QUEUES}

    def kept(self, before: dict[str, list[str]]) -> bool:
        """Whoever waited before and still waits stands as they stood, but for those whom a person moved."""
        now = self.order()

        def both(one: list[str], other: list[str]) -> list[str]:
            return [contact for contact in one if contact in other and contact not in self.moved]

        return all(both(before[queue], now[queue]) == both(now[queue], before[queue]) for queue in QUEUES)


def told(written: list[LedgerRow]) -> dict[str, Summary]:
    """What the figures make of each contact."""
    stories: dict[UUID, list[Row]] = {}
    for row in written:
        if row.stream == "routing":
            begun = Row(0, row.subject, "record", 1, "ContactStarted", row.at, STARTED)
            stories.setdefault(row.subject, [begun]).append(
                Row(row.position, row.subject, row.stream, row.seq, row.kind, row.at, row.data)
            )
    return {str(subject): fold_contact(story) for subject, story in stories.items()}


async def look_over(shift: Shift, longest_s: float) -> None:
    """`longest_s`: no wait, talk or break can have taken longer."""
    written = await rows()
    at = [row.at for row in written if row.stream != "record"]
    assert at == sorted(at)
    summaries = told(written)
    living = {view.id for view in shift.board.router.contacts()}
    assert set(shift.came) <= set(summaries)
    assert {contact for contact in shift.came if summaries[contact].phase != "ended"} == living
    for summary in summaries.values():
        durations = (summary.wait_s or 0.0, summary.talk_s, summary.hold_s, summary.wrap_up_s)
        assert all(0.0 <= seconds <= longest_s for seconds in durations)
        assert summary.ended_at is None or summary.ended_at >= summary.started_at
    await orm(projections.catch_up)
    intervals = await orm(lambda: list(AgentInterval.objects.exclude(ended_at=None)))
    assert len(intervals) > 10
    assert all(0.0 <= (each.ended_at - each.started_at).total_seconds() <= longest_s for each in intervals)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def shift(switchboards, machine):
    async def begin(seed: int) -> Shift:
        board = switchboards(clock=machine.clock())
        await board.start()
        begun = Shift(board, machine, seed)
        await begun.open()
        await begun.go_on(80)
        return begun

    return begin


@pytest.mark.parametrize("seed", range(3))
async def test_an_hour_back_and_a_day_forward_by_mistake(seed, shift, machine):
    begun = await shift(seed)
    for set_by in (-HOUR, DAY, -DAY):  # the last puts the second right again
        before = begun.order()
        living = {view.id for view in begun.board.router.contacts()}
        machine.wall.now += set_by
        begun.board._wake.set()
        await asyncio.sleep(0)
        assert begun.order() == before  # nobody's lease has ended, nobody has moved
        assert {view.id for view in begun.board.router.contacts()} == living
        await begun.go_on(20)
        assert begun.kept(before)
        await begun.go_on(20)

    assert begun.came
    await look_over(begun, machine.passed.now * (1 + SLEW))
    assert abs(begun.board.now() - machine.wall.now) <= HOUR + machine.passed.now


@pytest.mark.parametrize("seed", range(3))
async def test_a_day_forward_that_stays_is_believed_and_nobody_is_lost(seed, shift, machine):
    begun = await shift(seed)
    machine.wall.now += DAY
    await begun.go_on(20)
    before = begun.order()
    machine.wait(BELIEVED_AFTER_S)
    await begun.go_on(60)

    assert begun.kept(before)
    assert begun.board.now() == pytest.approx(machine.wall.now, abs=1.0)
    await look_over(begun, DAY + machine.passed.now * (1 + SLEW))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("set_by", [-HOUR, DAY])
async def test_set_while_the_switchboard_was_away_it_goes_on_with_everybody_in_their_place(
    seed, set_by, shift, machine, switchboards
):
    begun = await shift(seed)
    before = begun.order()
    living = {view.id for view in begun.board.router.contacts()}
    away = {view.id for view in begun.board.router.contacts() if view.lost_since is not None}
    await crash(begun.board)
    machine.wall.now += set_by
    begun.board = switchboards(clock=machine.clock())
    await begun.board.start()

    # From here it looks like a day without a switchboard: whoever had lost their connection before it has gone since.
    gone = living - {view.id for view in begun.board.router.contacts()}
    assert gone <= (away if set_by > 0 else set())
    assert begun.kept(before)
    await begun.go_on(60)

    assert begun.kept(before)
    await look_over(begun, max(0.0, set_by) + machine.passed.now * (1 + SLEW))


def test_the_other_rooms_clock_makes_no_duration_negative():
    """The web's actions go by the machine's clock, the switchboard by its own: each row is true to who wrote it."""
    contact, noon = UUID(int=7), datetime.fromisoformat("2026-03-02T12:00:00+00:00")
    back = noon - timedelta(hours=1)
    by = {"by": str(UUID(int=9))}
    story = [
        Row(1, contact, "record", 1, "ContactStarted", noon, STARTED),
        Row(2, contact, "record", 2, "UnwellRaised", noon, by),
        Row(3, contact, "record", 3, "UnwellCome", back, by),
    ]
    assert fold_contact(story).ended_at == noon
