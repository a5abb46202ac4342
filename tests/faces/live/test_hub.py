"""The hub alone: what a listener gets, whatever it missed and however slowly it reads."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline.faces.live.hub import HEARTBEAT, Hub, HubLimits, Listener
from careline.faces.live.limits import Buckets, Rate, SeenKeys
from careline.faces.live.ticks import Ticks, channel_of, lineage


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class House:
    """A hub whose clock we hold; the fresh state of every listener is the event `state`."""

    clock: Clock = field(default_factory=Clock)
    limits: HubLimits = field(default_factory=lambda: HubLimits(keep_s=60, ring=8, unread=4))
    epoch: str = "e1"

    def __post_init__(self) -> None:
        self.hub = Hub(self.epoch, self.clock, self.limits)

    def listen(self, *names: str, last: str = "") -> Listener:
        return self.hub.listen(names, last, lambda: [("state", {})])


def names(chunk: bytes) -> list[str]:
    return [line[7:] for line in chunk.decode().split("\n") if line.startswith("event: ")]


def last_id(chunk: bytes) -> str:
    return [line[4:] for line in chunk.decode().split("\n") if line.startswith("id: ")][-1]


@pytest.fixture
def house() -> House:
    return House()


async def test_a_first_visit_gets_the_state_and_then_what_happens(house):
    listener = house.listen("a")
    assert names(await house.hub.read(listener)) == ["state"]
    house.hub.publish("a", "tick", {"what": ["queues"]})
    house.hub.publish("b", "tick", {})
    assert await house.hub.read(listener) == b'id: e1-1\nevent: tick\ndata: {"what":["queues"]}\n\n'


async def test_who_comes_back_gets_what_was_missed_in_order_and_the_state(house):
    listener = house.listen("a", "b")
    seen = last_id(await house.hub.read(listener))
    house.hub.leave(listener)
    for name, event in (("b", "one"), ("a", "two"), ("c", "not mine"), ("b", "three")):
        house.hub.publish(name, event, {})
    assert names(await house.hub.read(house.listen("a", "b", last=seen))) == ["one", "two", "three", "state"]


@pytest.mark.parametrize("last", ["e0-1", "e1-99", "e1-x", "nonsense"])
async def test_an_id_of_another_process_or_of_nobody_leads_to_reset_and_the_state(house, last):
    house.hub.publish("a", "one", {})
    assert names(await house.hub.read(house.listen("a", last=last))) == ["reset", "state"]


async def test_more_missed_than_was_kept_leads_to_reset(house):
    seen = last_id(await house.hub.read(house.listen("a")))
    for _ in range(9):
        house.hub.publish("a", "one", {})
    assert names(await house.hub.read(house.listen("a", last=seen))) == ["reset", "state"]


async def test_an_id_too_old_leads_to_reset_though_nothing_happened_here_since(house):
    house.hub.publish("a", "one", {})
    seen = last_id(await house.hub.read(house.listen("a")))
    house.hub.publish("b", "one", {})
    for _ in range(3):
        house.hub.tidy()
        house.clock.now += 40
    assert names(await house.hub.read(house.listen("a", last=seen))) == ["reset", "state"]


async def test_a_slow_reader_is_told_to_reset_and_costs_no_memory(house):
    listener = house.listen("a")
    for _ in range(100):
        house.hub.publish("a", "one", {})
    assert len(listener.unread) == 0
    assert names(await house.hub.read(listener)) == ["reset", "state"]
    house.hub.publish("a", "two", {})
    assert names(await house.hub.read(listener)) == ["two"]


async def test_a_reader_that_takes_nothing_is_let_go(house):
    listener = house.listen("a")
    house.clock.now += 61
    house.hub.tidy()
    assert listener.closed


async def test_the_heartbeat_goes_to_those_who_have_nothing_to_read(house):
    listener = house.listen("a")
    await house.hub.read(listener)
    house.hub.heartbeat()
    assert await house.hub.read(listener) == HEARTBEAT


def test_channels_nobody_needs_are_forgotten(house):
    house.hub.publish("a", "one", {})
    for _ in range(3):
        house.hub.tidy()
        house.clock.now += 40
    assert house.hub.names() == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40), st.integers(0, 40))
def test_nothing_is_lost_or_told_twice_however_often_one_comes_back(events, gone_every):
    """Either every event of the channels is read exactly once and in order, or `reset` was said in between."""
    hub = Hub("e", Clock(), HubLimits(ring=5, unread=5))
    listener, read, last = hub.listen(["a", "b"], "", list), [], "e-0"

    def take() -> None:
        nonlocal last
        while listener.unread or listener.stale:
            if listener.stale:
                read.append("reset")
                listener.stale, last = False, f"e-{hub.published}"
                return
            for block in listener.unread.popleft().decode().split("\n\n"):
                if block:
                    last = block.split("\n")[0][4:]
                    read.append(int(last[2:]))

    for n, (name, reads) in enumerate(events, 1):
        hub.publish(name, "x", {})
        if reads:
            take()
        if gone_every and n % gone_every == 0:
            hub.leave(listener)
            listener = hub.listen(["a", "b"], last, list)
    take()
    numbers = [each for each in read if each != "reset"]
    assert numbers == sorted(set(numbers))
    if "reset" not in read:
        assert numbers == [n for n, (name, _) in enumerate(events, 1) if name in "ab"]


def test_a_tick_is_heard_at_the_organisation_and_above_it_once_a_second(house):
    ticks = Ticks(house.hub, house.clock)
    own, above, beside = (house.listen(channel_of(p)) for p in ("city/river/", "city/", "city/hill/"))
    for listener in (own, above, beside):
        listener.unread.clear()
    ticks.mark("city/river/", "queues", "wallboard")
    ticks.send_due()
    ticks.mark("city/river/", "queues")
    ticks.send_due()
    assert [len(each.unread) for each in (own, above, beside)] == [1, 1, 0]
    house.clock.now += 1
    ticks.send_due()
    assert [len(each.unread) for each in (own, above, beside)] == [2, 2, 0]
    assert b'{"what":["queues"]}' in own.unread[-1]


def test_lineage_names_every_organisation_from_the_root():
    assert lineage("city/river/east/") == ["city/", "city/river/", "city/river/east/"]


def test_a_bucket_gives_its_burst_and_then_its_rate(house):
    buckets = Buckets(Rate(burst=2, per_minute=6), house.clock)
    assert [buckets.take("here") for _ in range(3)] == [True, True, False]
    assert buckets.take("elsewhere")
    house.clock.now += 10
    assert [buckets.take("here") for _ in range(2)] == [True, False]


def test_keys_are_first_once_and_the_oldest_are_forgotten():
    keys = SeenKeys(most=2)
    assert [keys.first(k) for k in ("a", "a", "b", "c", "a")] == [True, False, True, True, True]
