"""Pure folding: what a contact's and an agent's rows amount to."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from careline.care.contacts.folds import AgentDay, agent_of, fold_agent, fold_contact
from careline.care.contacts.ledger import Row

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
NAMES = UUID("0191a000-0000-7000-8000-000000000000")
CALL, QUEUE, OTHER, OLENA, ANNA, ORG, TOPIC = (uuid5(NAMES, n) for n in ("call", "q", "q2", "o", "a", "org", "topic"))

BEGUN = {
    "organisation": str(ORG),
    "site": None,
    "line": None,
    "channel": "voice",
    "direction": "in",
    "language": "uk",
    "topic": str(TOPIC),
    "simulated": False,
}


def story(*told: tuple[float, str, dict]) -> list[Row]:
    """(second, kind, data) -> rows; the stream does not matter to the folding of a contact."""
    return [
        Row(n, CALL, "routing", n, kind, START + timedelta(seconds=at), data)
        for n, (at, kind, data) in enumerate([(0, "ContactStarted", BEGUN), *told], start=1)
    ]


def queued(at: float) -> tuple:
    return at, "ContactQueued", {"queue": str(QUEUE), "emergency": False}


def by(agent: UUID, **more) -> dict:
    return {"contact": str(CALL), "agent": str(agent), **more}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_call_answered_held_and_written_up():
    s = fold_contact(
        story(
            queued(1),
            (1, "OfferContact", by(OLENA)),
            (9, "StartTalk", by(OLENA)),
            (39, "HoldTalk", by(OLENA)),
            (49, "ResumeTalk", by(OLENA)),
            (69, "StopTalk", by(OLENA, reason="ended")),
            (69, "StartWrapUp", by(OLENA)),
            (80, "OutcomeRecorded", {"topic": str(TOPIC), "outcome": "booked", "by": str(OLENA)}),
            (81, "EndWrapUp", by(OLENA, reason="saved")),
            (81, "EndContact", {"contact": str(CALL), "cause": "completed"}),
            (90, "RatingGiven", {"rating": 5}),
        )
    )

    assert (s.wait_s, s.talk_s, s.hold_s, s.wrap_up_s) == (8.0, 50.0, 10.0, 12.0)
    assert (s.queued_at, s.answered_at, s.talk_ended_at, s.ended_at) == (at(1), at(9), at(69), at(81))
    assert (s.phase, s.cause, s.outcome, s.offers, s.rating) == ("ended", "completed", "booked", 1, 5)
    assert (s.agent_id, s.asked_topic_id, s.topic_id, s.recorded_at) == (OLENA, TOPIC, TOPIC, at(80))


def test_a_caller_who_gave_up_has_waited_until_then():
    s = fold_contact(
        story(
            queued(2),
            (2, "OfferContact", by(OLENA)),
            (22, "WithdrawOffer", by(OLENA, reason="expired")),
            (40, "EndContact", {"cause": "abandoned"}),
        )
    )

    assert (s.phase, s.cause, s.wait_s, s.answered_at, s.offers) == ("ended", "abandoned", 38.0, None, 1)


def test_refused_at_a_closed_queue():
    s = fold_contact(story(queued(2), (2, "RefuseContact", {"cause": "closed"})))

    assert (s.phase, s.cause, s.wait_s) == ("ended", "closed", 0.0)


def test_a_transfer_adds_both_talks_and_the_second_operator_counts():
    s = fold_contact(
        story(
            queued(0),
            (5, "StartTalk", by(OLENA)),
            (65, "TalkTransferred", by(OLENA, queue=str(OTHER))),
            (65, "StopTalk", by(OLENA, reason="transferred")),
            (65, "StartWrapUp", by(OLENA)),
            (70, "EndWrapUp", by(OLENA, reason="saved")),
            (75, "StartTalk", by(ANNA)),
            (95, "StopTalk", by(ANNA, reason="caller_gone")),
            (95, "EndContact", {"cause": "completed"}),
        )
    )

    assert (s.talk_s, s.wrap_up_s, s.transfers, s.agent_id, s.queue_id, s.wait_s) == (80.0, 5.0, 1, ANNA, OTHER, 5.0)


def test_a_call_back_waits_until_the_patient_answers():
    told = [
        queued(0),
        (30, "CallbackAsked", {"not_before": None}),
        (90, "OfferContact", by(OLENA)),
        (95, "DialPatient", by(OLENA)),
    ]
    assert fold_contact(story(*told)).phase == "dialling"
    assert fold_contact(story(*told, (120, "StopDialling", by(OLENA)))).phase == "callback"
    s = fold_contact(story(*told, (120, "StartTalk", by(OLENA))))

    assert (s.phase, s.callback_asked_at, s.wait_s) == ("talking", at(30), 120.0)


def test_a_walk_in_logged_and_undone():
    logged = (0, "WalkInLogged", {"topic": str(TOPIC), "by": str(OLENA)})
    s = fold_contact(story(logged))
    assert (s.phase, s.cause, s.agent_id, s.undone) == ("ended", "completed", OLENA, False)

    assert fold_contact(story(logged, (60, "WalkInUndone", {"by": str(OLENA)}))).undone


def test_one_who_gave_up_is_tried_and_reached():
    gone = [queued(0), (10, "EndContact", {"cause": "abandoned"})]
    tried = (600, "RecoveryTried", {"reached": False, "by": str(OLENA)})
    s = fold_contact(story(*gone, tried, (900, "CallerReached", {"contact": str(OTHER)})))

    assert (s.recovery_attempts, s.recovery_tried_at, s.recovered_at) == (1, at(600), at(900))
    assert s.recovered_by == OTHER


def test_nothing_before_the_beginning_counts():
    assert fold_contact([]) is None
    assert fold_contact(story(queued(1))[1:]) is None


# --- agents -----------------------------------------------------------------------------------------------

WORDS = [
    ("agent", "AgentSignedIn", {}),
    ("agent", "AgentReady", {}),
    ("agent", "AgentPaused", {"reason": "lunch"}),
    ("agent", "AgentSignedOut", {"reason": "end"}),
    ("routing", "OfferContact", None),
    ("routing", "StartTalk", None),
    ("routing", "HoldTalk", None),
    ("routing", "StopTalk", None),
    ("routing", "StartWrapUp", None),
    ("routing", "EndWrapUp", None),
    ("routing", "WithdrawOffer", None),
]


@st.composite
def histories(draw) -> list[Row]:
    """Rows of one agent in any order at all, several at the same moment among them."""
    rows, now = [], 0.0
    for n in range(draw(st.integers(0, 40))):
        stream, kind, data = draw(st.sampled_from(WORDS))
        now += draw(st.sampled_from([0.0, 0.0, 1.0, 30.0]))
        contact = str(uuid5(NAMES, draw(st.sampled_from(["c1", "c2"]))))
        subject = OLENA if stream == "agent" else UUID(contact)
        known = {"contact": contact, "agent": str(OLENA)} if data is None else data
        rows.append(Row(n + 1, subject, stream, n + 1, kind, at(now), known))
    return rows


def stored(rows: list[Row], cuts: set[int]) -> dict:
    """What is stored after reading the rows, put away and taken up again at each of the cuts."""
    day, found = AgentDay(OLENA), {}
    for n, row in enumerate(rows):
        if n in cuts:
            day = AgentDay.from_json(OLENA, json.loads(json.dumps(day.to_json())))
        assert agent_of(row) == OLENA
        for interval in fold_agent(day, row):
            found[interval.id] = (interval.state, interval.contact_id, interval.started_at, interval.ended_at)
    return found


@given(histories(), st.sets(st.integers(0, 40)))
def test_intervals_are_the_same_however_the_reading_is_cut(rows, cuts):
    assert stored(rows, cuts) == stored(rows, set())


@given(histories())
def test_intervals_follow_each_other_without_gap_or_overlap(rows):
    intervals = sorted(stored(rows, set()).items())

    for (_, (_, _, _, ended)), (_, (_, _, started, _)) in itertools.pairwise(intervals):
        assert ended == started
    assert all(ended is None or ended > started for _, (_, _, started, ended) in intervals)
    assert [ended for _, (_, _, _, ended) in intervals].count(None) == (1 if intervals else 0)
