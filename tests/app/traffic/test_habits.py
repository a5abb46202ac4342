from __future__ import annotations

from random import Random

import pytest

from careline.app.traffic import habits
from careline.app.traffic.process import wanted
from careline.app.traffic.stage import CLIPS, greeting, story
from careline.care.contacts.rules import Outcome

TOPICS = ["booking-family", "results", "unwell", "visiting", "complaint", "medicines-repeat"]


def test_a_monday_is_busiest_in_the_morning_and_quiet_at_night():
    assert habits.share_of_day(8.5) == 1.0
    assert habits.share_of_day(3) < 0.1
    assert habits.share_of_day(23.5) == pytest.approx((habits.DAY[23] + habits.DAY[0]) / 2)


def test_callers_come_as_a_stream_that_follows_the_rate():
    hour = 3600.0
    half = list(habits.arrivals(Random(1), 0.0, 20 * hour, lambda at: habits.PEAK_PER_S / 2))
    assert half == sorted(half)
    assert len(half) == pytest.approx(10 * hour * habits.PEAK_PER_S, rel=0.1)
    assert list(habits.arrivals(Random(1), 0.0, hour, lambda at: 0.0)) == []


def test_callers_differ_as_people_do():
    rng = Random(2)
    plans = [habits.plan_call(rng, TOPICS) for _ in range(2000)]
    topics = [plan.topic for plan in plans]
    assert set(topics) == set(TOPICS)
    assert topics.count("booking-family") > topics.count("results") > topics.count("complaint")
    assert 0.01 < topics.count("unwell") / 2000 < 0.12
    assert 0.05 < sum(plan.patience_s < 40 for plan in plans) / 2000 < 0.2
    assert 0.05 < sum(plan.asks_callback_s is not None for plan in plans) / 2000 < 0.15
    assert all(20 <= plan.talk_s <= 300 for plan in plans)


def test_a_colleague_picks_up_within_the_ring_and_holds_hands_on_and_rests_now_and_then():
    rng = Random(3)
    plans = [habits.plan_desk(rng) for _ in range(2000)]
    assert all(plan.pick_up_s < 10 for plan in plans)
    for part in ("hold_after_s", "pause_s"):
        assert 0.03 < sum(getattr(plan, part) is not None for plan in plans) / 2000 < 0.3
    assert 0.02 < sum(plan.hands_on for plan in plans) / 2000 < 0.12


@pytest.mark.parametrize("topic", [*TOPICS, "house-call", "referral", "something-new"])
def test_every_topic_ends_with_an_outcome_that_the_desk_knows(topic):
    rng = Random(4)
    assert {habits.outcome_of(rng, topic) for _ in range(200)} <= set(Outcome.values)


@pytest.mark.parametrize("language", ["uk", "ru", "pl", "zh-hans", "en"])
def test_there_is_a_voice_for_every_language_topic_and_sex(language):
    for sex in "fm":
        for opening in {habits.opening_of(topic) for topic in (*TOPICS, "booking-change", "anything")}:
            told = story(language, opening, sex)
            assert 35 < told.seconds < 90
            assert sum(bool(packet) for packet in told.packets) > 300  # six seconds of speech at least
        assert greeting(language, sex).seconds > 15


def test_the_clips_are_small_enough_to_ship():
    assert sum(file.stat().st_size for file in CLIPS.iterdir()) < 1_500_000


@pytest.mark.parametrize(
    ("chosen", "demo", "runs"),
    [("", True, True), ("0", True, False), ("off", True, False), ("", False, False), ("1", False, True)],
)
def test_the_traffic_runs_in_the_demo_unless_switched_off(chosen, demo, runs):
    assert wanted({"CARELINE_DEMO_TRAFFIC": chosen, "CARELINE_DEMO": "1"}, demo) is runs


def test_nobody_is_simulated_outside_a_demo():
    assert not wanted({"CARELINE_DEMO_TRAFFIC": "1"}, demo=False)


def test_pauses_between_failures_grow_to_a_minute():
    assert [habits.backoff(n) for n in (1, 2, 3, 10)] == [2.0, 4.0, 8.0, 60.0]
