"""The twin, and the wait it lets the router announce."""

from __future__ import annotations

import gc
import math

import pytest

from careline.core.acd import estimate
from careline.core.acd.model import AgentProfile, QueueRules
from careline.core.acd.twin import Call, Twin, poisson_calls


def centre(agents: int, answer_s: float = 0.0, **rules: float) -> Twin:
    profiles = [AgentProfile(f"a{n}", frozenset({"line"})) for n in range(agents)]
    return Twin([QueueRules("line", **{"wrap_up_s": 0.0, **rules})], profiles, answer_s=answer_s)  # type: ignore[arg-type]


def test_second_caller_waits_for_the_first_talk_and_wrap_up() -> None:
    calls = [Call(0.0, "line", 100.0, 999.0, wrap_up_s=20.0), Call(10.0, "line", 50.0, 999.0)]
    fates = list(centre(1, wrap_up_s=30.0).run(calls))
    assert [(f.answered, f.wait_s) for f in fates] == [(True, 0.0), (True, 110.0)]


def test_impatient_caller_abandons() -> None:
    calls = [Call(0.0, "line", 100.0, 999.0), Call(10.0, "line", 50.0, 30.0), Call(20.0, "line", 50.0, 999.0)]
    fates = {f.call.at: f for f in centre(1).run(calls)}
    assert (fates[10.0].abandoned, fates[10.0].wait_s) == (True, 30.0)
    assert (fates[20.0].answered, fates[20.0].wait_s) == (True, 80.0)


def test_agents_let_it_ring() -> None:
    fates = list(centre(1, answer_s=4.0).run([Call(0.0, "line", 60.0, 999.0), Call(10.0, "line", 60.0, 999.0)]))
    assert [f.wait_s for f in fates] == [4.0, 58.0]


def test_same_calls_same_fates() -> None:
    def play() -> list[tuple[float, bool]]:
        return [(f.wait_s, f.answered) for f in centre(5).run(poisson_calls("line", 0.05, 100.0, 60.0, 500, seed=3))]

    assert play() == play()


def test_nothing_of_a_call_outlives_it_without_the_collector() -> None:
    """A run of millions of calls leaves no circles behind: what a call was goes with its last reference."""

    def held(twin: Twin, calls: int) -> int:
        for _ in twin.run(poisson_calls("line", 0.05, 100.0, 60.0, calls, seed=3)):
            pass
        return len(gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        few = held(centre(5, answer_s=2.0, wrap_up_s=5.0), 500)
        many = held(centre(5, answer_s=2.0, wrap_up_s=5.0), 5_000)
    finally:
        gc.enable()
    assert many - few < 100


def test_small_centre_agrees_with_erlang_a() -> None:
    """M/M/1+M with equal means is M/M/infinity in disguise: P(wait) = 1 - exp(-load)."""
    fates = list(centre(1).run(poisson_calls("line", 0.01, 100.0, 100.0, 20_000, seed=5)))
    waited = sum(f.wait_s > 0.0 for f in fates) / len(fates)
    assert waited == pytest.approx(1.0 - math.exp(-1.0), abs=0.02)


def test_announced_interval_holds_for_four_in_five() -> None:
    fates = list(centre(20).run(poisson_calls("line", 0.105, 200.0, 300.0, 20_000, seed=9)))
    told = [f for f in fates if f.answered and f.told_low_s >= 0.0]
    inside = sum(f.told_low_s <= f.wait_s <= f.told_high_s for f in told) / len(told)
    assert 0.75 <= inside <= 0.85


def test_no_estimate_without_ground() -> None:
    assert estimate.wait(taken=2.0, exposure=100.0, given_up=0.0, waited=0.0, ready=3, ahead=0) is None
    assert estimate.wait(taken=50.0, exposure=100.0, given_up=0.0, waited=0.0, ready=0, ahead=0) is None


def test_far_back_the_integral_agrees_with_the_sum() -> None:
    exact = [1.0 / (0.5 + 0.01 * i) for i in range(201)]
    mean, variance = estimate.steps(0.5, 0.01, 200)
    assert mean == pytest.approx(sum(exact), rel=1e-3)
    assert variance == pytest.approx(sum(x * x for x in exact), rel=1e-3)


def test_quantiles_of_one_exponential_step() -> None:
    low, high = estimate.interval(1.0, 1.0)
    assert low == pytest.approx(-math.log(0.9), abs=0.01)
    assert high == pytest.approx(-math.log(0.1), abs=0.03)
