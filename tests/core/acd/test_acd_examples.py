"""The router by example: one named cast, one virtual clock."""

from __future__ import annotations

import pytest

from careline.core.acd.model import (
    AgentPaused,
    AgentProfile,
    AgentReady,
    AgentSignedIn,
    AgentSignedOut,
    CallbackAsked,
    CallerBack,
    CallerHungUp,
    CallerLost,
    Channel,
    Command,
    ContactCancelled,
    ContactQueued,
    ContactReordered,
    DialPatient,
    EndCause,
    EndContact,
    EndWrapUp,
    Event,
    HoldTalk,
    IllegalEvent,
    Need,
    OfferAccepted,
    OfferContact,
    OfferDeclined,
    Overflow,
    PatientAnswered,
    PatientUnreached,
    PauseAgent,
    Phase,
    Place,
    Presence,
    QueueRules,
    QueueSet,
    RefuseContact,
    Relax,
    ResumeTalk,
    Selection,
    StartTalk,
    StartWrapUp,
    StopDialling,
    StopTalk,
    TalkEnded,
    TalkHeld,
    TalkResumed,
    TalkTransferred,
    TimePassed,
    WithdrawOffer,
    WrapUpDone,
)
from careline.core.acd.router import Router

VOICE, TEXT = Channel.VOICE, Channel.TEXT


class Centre:
    """A router with a clock that only moves when told."""

    def __init__(self) -> None:
        self.router = Router()
        self.now = 1000.0

    def queue(self, id: str = "line", **rules: object) -> None:
        self.hear(QueueSet(QueueRules(id, **rules)))  # type: ignore[arg-type]

    def agent(
        self, id: str, *queues: str, skills: dict[str, int] | None = None, texts: int = 0, ready: bool = True
    ) -> list[Command]:
        capacity = {VOICE: 1, TEXT: texts}
        self.hear(AgentSignedIn(AgentProfile(id, frozenset(queues or ("line",)), skills or {}, capacity)))
        return self.hear(AgentReady(id)) if ready else []

    def hear(self, event: Event, after: float = 0.0) -> list[Command]:
        self.now += after
        return self.router.handle(event, self.now)

    def call(
        self, id: str, queue: str = "line", channel: Channel = VOICE, after: float = 0.0, **more: object
    ) -> list[Command]:
        return self.hear(ContactQueued(id, queue, channel, **more), after)  # type: ignore[arg-type]

    def wait(self, seconds: float) -> list[Command]:
        return self.hear(TimePassed(), seconds)

    def accept(self, contact: str) -> list[Command]:
        view = self.router.contact(contact)
        assert view is not None
        return self.hear(OfferAccepted(contact, view.agent, view.offer))

    def phase(self, contact: str) -> Phase | None:
        view = self.router.contact(contact)
        return None if view is None else view.phase

    def rung(self) -> dict[str, str]:
        return {c.id: c.agent for c in self.router.contacts() if c.phase is Phase.OFFERED}


@pytest.fixture
def centre() -> Centre:
    centre = Centre()
    centre.queue(offer_s=20.0, wrap_up_s=60.0)
    return centre


def test_call_is_offered_talked_and_written_up(centre: Centre) -> None:
    centre.agent("olena")
    assert centre.call("petro") == [OfferContact("petro", "olena", "petro:1", 1020.0)]
    assert centre.accept("petro") == [StartTalk("petro", "olena")]
    assert centre.hear(TalkEnded("petro", "olena"), 90) == [
        StopTalk("petro", "olena", "ended"),
        StartWrapUp("petro", "olena", 1150.0),
    ]
    assert centre.hear(WrapUpDone("petro", "olena"), 5) == [
        EndWrapUp("petro", "olena", "saved"),
        EndContact("petro", EndCause.COMPLETED),
    ]
    assert centre.router.contacts() == []


def test_wrap_up_is_never_shown_as_available_and_ends_at_its_deadline(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    centre.accept("petro")
    centre.hear(TalkEnded("petro", "olena"))
    centre.call("maria")
    view = centre.router.agent("olena")
    assert view is not None
    assert (view.doing, view.idle_since) == ("wrap_up", None)
    assert centre.phase("maria") is Phase.QUEUED
    assert centre.wait(60) == [
        EndWrapUp("petro", "olena", "expired"),
        EndContact("petro", EndCause.COMPLETED),
        OfferContact("maria", "olena", "maria:1", 1080.0),
    ]


def test_unanswered_offer_pauses_the_agent_and_keeps_the_place(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    centre.call("maria", after=1)
    assert centre.wait(20) == [WithdrawOffer("petro", "olena", "petro:1", "expired"), PauseAgent("olena", "no_answer")]
    assert centre.router.waiting("line") == ["petro", "maria"]
    assert centre.hear(AgentReady("olena")) == [OfferContact("petro", "olena", "petro:2", 1041.0)]


def test_declined_contact_keeps_its_place_and_goes_to_another_agent(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    centre.call("maria", after=1)
    assert centre.hear(OfferDeclined("petro", "olena", "petro:1")) == [
        WithdrawOffer("petro", "olena", "petro:1", "declined"),
        OfferContact("maria", "olena", "maria:1", 1021.0),
    ]
    assert centre.agent("iryna") == [OfferContact("petro", "iryna", "petro:2", 1021.0)]


def test_declined_contact_comes_back_to_the_only_agent(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    centre.hear(OfferDeclined("petro", "olena", "petro:1"))
    assert centre.wait(60) == [OfferContact("petro", "olena", "petro:2", 1080.0)]


def test_longest_idle_agent_is_chosen(centre: Centre) -> None:
    centre.agent("olena")
    centre.now += 5
    centre.agent("iryna")
    centre.call("petro", after=5)
    assert centre.rung() == {"petro": "olena"}


def test_least_occupied_agent_is_chosen() -> None:
    centre = Centre()
    centre.queue(selection=Selection.LEAST_OCCUPIED, wrap_up_s=0.0)
    centre.agent("olena")
    centre.call("petro")
    centre.accept("petro")
    centre.hear(TalkEnded("petro", "olena"), 100)
    centre.agent("iryna", ready=False)
    centre.hear(AgentReady("iryna"), 50)  # idle for less time than olena, but has done nothing yet
    centre.call("maria", after=10)
    assert centre.rung() == {"maria": "iryna"}


def test_emergency_is_offered_first_and_takes_back_a_ringing_offer(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    assert centre.call("heart", emergency=True) == [
        WithdrawOffer("petro", "olena", "petro:1", "emergency"),
        OfferContact("heart", "olena", "heart:1", 1020.0),
    ]
    assert centre.router.waiting("line") == ["heart", "petro"]


def test_emergencies_among_themselves_are_first_come_first_served(centre: Centre) -> None:
    centre.call("first", emergency=True)
    centre.call("second", after=1, emergency=True, head_start_s=900.0)
    assert centre.router.waiting("line") == ["first", "second"]


def test_head_start_overtakes_only_those_who_came_that_much_earlier() -> None:
    centre = Centre()
    centre.queue()
    centre.call("long", after=0)
    centre.call("short", after=100)
    centre.call("pregnant", after=50, head_start_s=120.0)
    assert centre.router.waiting("line") == ["long", "pregnant", "short"]


def test_one_order_over_all_queues_of_an_agent() -> None:
    centre = Centre()
    centre.queue("a")
    centre.queue("b")
    centre.call("second", "a", after=10)
    centre.call("third", "b", after=10)
    centre.call("first", "b", after=-100)  # the clock went back: it counts as standing still
    assert [c.queued_at for c in centre.router.contacts()] == [1010.0, 1020.0, 1020.0]
    centre.agent("olena", "a", "b")
    assert centre.rung() == {"second": "olena"}


def test_needs_relax_with_waiting_but_hard_ones_never() -> None:
    centre = Centre()
    centre.queue(relax=(Relax(30.0, 2), Relax(60.0, 3)))
    centre.agent("olena", skills={"topic:labs": 1})
    centre.call("petro", needs=(Need("topic:labs", 4),))
    centre.call("maria", needs=(Need("lang:pl", 1), Need("topic:labs", 5)), hard=frozenset({"lang:pl"}))
    assert centre.wait(30) == []
    assert centre.wait(30) == [OfferContact("petro", "olena", "petro:1", 1080.0)]
    centre.hear(CallerHungUp("petro"))
    assert centre.wait(3600) == []
    assert centre.phase("maria") is Phase.QUEUED


def test_preferred_agent_has_it_alone_for_a_while(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    centre.accept("petro")
    centre.agent("iryna")
    assert centre.call("maria", preferred=("olena",)) == []
    assert centre.wait(20) == [OfferContact("maria", "iryna", "maria:1", 1040.0)]


def test_preferred_agent_who_leaves_frees_the_contact_at_once(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    centre.accept("petro")
    centre.agent("iryna")
    centre.call("maria", preferred=("olena",))
    assert centre.hear(AgentPaused("olena", "lunch")) == [OfferContact("maria", "iryna", "maria:1", 1020.0)]


def test_several_texts_at_once_but_a_voice_talk_fills_the_agent(centre: Centre) -> None:
    centre.agent("olena", texts=2)
    centre.call("t1", channel=TEXT)
    centre.call("t2", channel=TEXT)
    centre.call("t3", channel=TEXT)
    assert centre.rung() == {"t1": "olena", "t2": "olena"}
    centre.agent("iryna", texts=2)
    assert centre.rung()["t3"] == "iryna"
    centre.call("voice")
    assert "voice" not in centre.rung()


def test_agent_with_a_text_is_kept_free_for_the_voice_caller_who_came_first(centre: Centre) -> None:
    centre.agent("olena", texts=3)
    centre.call("t1", channel=TEXT)
    centre.accept("t1")
    centre.call("voice", after=1)
    centre.call("t2", channel=TEXT, after=1)
    assert centre.rung() == {}
    assert centre.hear(CallerHungUp("voice"))[-1] == OfferContact("t2", "olena", "t2:1", 1022.0)


def test_overflow_by_wait() -> None:
    centre = Centre()
    centre.queue("north", overflow=(Overflow("south", after_s=45.0),))
    centre.queue("south")
    centre.agent("olena", "south")
    assert centre.call("petro", "north") == []
    assert centre.wait(45) == [OfferContact("petro", "olena", "petro:1", 1065.0)]


def test_overflow_by_ratio_opens_and_closes() -> None:
    centre = Centre()
    centre.queue("north", overflow=(Overflow("south", ratio=1.0),))
    centre.queue("south")
    centre.agent("busy", "north")
    centre.call("first", "north")
    centre.accept("first")
    centre.agent("olena", "south")
    assert centre.call("second", "north") == []
    assert centre.call("third", "north") == [OfferContact("second", "olena", "second:1", 1020.0)]
    view = centre.router.queue("north")
    assert view is not None
    assert view.overflow_to == ()


def test_full_queue_refuses_all_but_emergencies() -> None:
    centre = Centre()
    centre.queue(limit=1)
    centre.call("petro")
    assert centre.call("maria") == [RefuseContact("maria", EndCause.FULL)]
    assert centre.call("heart", emergency=True) == []
    assert centre.router.contact("maria") is None


def test_closed_queue_refuses_new_callers_and_keeps_those_who_wait(centre: Centre) -> None:
    centre.call("petro")
    centre.hear(QueueSet(QueueRules("line", open=False), "end of day"))
    assert centre.call("maria") == [RefuseContact("maria", EndCause.CLOSED)]
    assert centre.agent("olena") == [OfferContact("petro", "olena", "petro:1", 1020.0)]


def test_call_back_keeps_its_exact_place_and_rings_the_patient_only_with_an_agent_reserved(centre: Centre) -> None:
    centre.call("first")
    centre.call("petro", after=1)
    centre.call("maria", after=1)
    centre.hear(CallbackAsked("petro"))
    assert centre.router.waiting("line") == ["first", "petro", "maria"]
    centre.agent("olena")
    centre.hear(CallerHungUp("first"))
    assert centre.rung() == {"petro": "olena"}
    assert centre.accept("petro") == [DialPatient("petro", "olena")]
    assert centre.hear(PatientAnswered("petro")) == [StartTalk("petro", "olena")]


def test_call_back_waits_for_the_moment_wished_for(centre: Centre) -> None:
    centre.agent("olena", ready=False)
    centre.call("petro")
    centre.hear(CallbackAsked("petro", not_before=centre.now + 600))
    assert centre.hear(AgentReady("olena")) == []
    assert centre.router.next_due() == 1600.0
    assert centre.wait(600) == [OfferContact("petro", "olena", "petro:1", 1620.0)]


def test_unreached_patient_is_tried_again_or_given_up(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    centre.hear(CallbackAsked("petro"))
    centre.accept("petro")
    assert centre.hear(PatientUnreached("petro", retry_at=centre.now + 300)) == [
        StopDialling("petro", "olena", "unreached")
    ]
    centre.wait(300)
    centre.accept("petro")
    assert centre.hear(PatientUnreached("petro")) == [
        StopDialling("petro", "olena", "unreached"),
        EndContact("petro", EndCause.CALLBACK_FAILED),
    ]


def test_dialling_nobody_reports_on_releases_the_agent(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    centre.hear(CallbackAsked("petro"))
    centre.accept("petro")
    assert centre.wait(60) == [StopDialling("petro", "olena", "expired")]
    view = centre.router.agent("olena")
    assert view is not None
    assert view.doing == "idle"
    assert centre.phase("petro") is Phase.CALLBACK


def test_lost_caller_keeps_the_place_until_they_are_back(centre: Centre) -> None:
    centre.call("petro")
    centre.call("maria", after=1)
    centre.hear(CallerLost("petro"))
    assert centre.router.waiting("line") == ["maria"]
    centre.hear(CallerBack("petro"), 599)
    assert centre.router.waiting("line") == ["petro", "maria"]


def test_lost_caller_who_does_not_come_back_is_ended(centre: Centre) -> None:
    centre.call("petro")
    centre.hear(CallerLost("petro"))
    assert centre.wait(600) == [EndContact("petro", EndCause.LOST)]


def test_caller_lost_while_ringing_frees_the_agent(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    assert centre.hear(CallerLost("petro")) == [WithdrawOffer("petro", "olena", "petro:1", "caller_gone")]
    assert centre.hear(CallerBack("petro"), 2) == [OfferContact("petro", "olena", "petro:2", 1022.0)]


def test_caller_lost_in_a_talk_keeps_the_talk_for_a_while(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    centre.accept("petro")
    assert centre.hear(CallerLost("petro")) == []
    assert centre.hear(CallerBack("petro"), 30) == []
    assert centre.wait(1000) == []
    centre.hear(CallerLost("petro"))
    assert centre.wait(60)[0] == StopTalk("petro", "olena", "caller_lost")


def test_hold_and_resume(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    centre.accept("petro")
    assert centre.hear(TalkHeld("petro", "olena")) == [HoldTalk("petro", "olena")]
    assert centre.hear(TalkResumed("petro", "olena")) == [ResumeTalk("petro", "olena")]


def test_transfer_to_a_queue_keeps_the_time_of_entry(centre: Centre) -> None:
    centre.queue("doctors")
    centre.agent("olena")
    centre.call("petro")
    centre.accept("petro")
    centre.call("waiting", "doctors", after=30)
    assert centre.hear(TalkTransferred("petro", "olena", "doctors")) == [
        StopTalk("petro", "olena", "transferred"),
        StartWrapUp("petro", "olena", 1090.0),
    ]
    assert centre.router.waiting("doctors") == ["petro", "waiting"]
    centre.agent("doctor", "doctors")
    assert centre.rung() == {"petro": "doctor"}
    assert centre.hear(WrapUpDone("petro", "olena")) == [EndWrapUp("petro", "olena", "saved")]


def test_transfer_to_an_agent_is_offered_to_them_alone_then_waits_in_the_queue(centre: Centre) -> None:
    centre.queue("doctors")
    centre.agent("olena")
    centre.agent("doctor", "nowhere")
    centre.agent("other", "doctors")
    centre.call("petro")
    centre.accept("petro")
    commands = centre.hear(TalkTransferred("petro", "olena", "doctors", to_agent="doctor"))
    assert commands[-1] == OfferContact("petro", "doctor", "petro:2", 1020.0)
    assert centre.wait(20)[-1] == OfferContact("petro", "other", "petro:3", 1040.0)


def test_transfer_to_an_agent_who_is_not_ready_is_illegal(centre: Centre) -> None:
    centre.agent("olena")
    centre.agent("doctor", ready=False)
    centre.call("petro")
    centre.accept("petro")
    with pytest.raises(IllegalEvent, match="not ready"):
        centre.hear(TalkTransferred("petro", "olena", "line", to_agent="doctor"))


def test_agent_who_signs_out_leaks_nothing(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    centre.accept("petro")
    assert centre.hear(AgentSignedOut("olena")) == [StopTalk("petro", "olena", "agent_gone")]
    assert centre.router.agent("olena") is None
    assert centre.router.waiting("line") == ["petro"]


def test_pause_takes_back_the_ringing_offer_and_lets_a_talk_go_on(centre: Centre) -> None:
    centre.agent("olena", texts=2)
    centre.call("t1", channel=TEXT)
    centre.accept("t1")
    centre.call("t2", channel=TEXT)
    assert centre.hear(AgentPaused("olena", "lunch")) == [WithdrawOffer("t2", "olena", "t2:1", "paused")]
    assert centre.phase("t1") is Phase.TALKING
    view = centre.router.agent("olena")
    assert view is not None
    assert (view.presence, view.reason) == (Presence.PAUSED, "lunch")


def test_position_is_hidden_while_somebody_stands_ahead_who_came_later(centre: Centre) -> None:
    centre.call("petro")
    centre.call("maria", after=1)
    assert centre.router.place("maria", centre.now) == Place(2, None, None)
    centre.call("heart", emergency=True)
    assert centre.router.place("maria", centre.now).position is None
    centre.hear(CallerHungUp("heart"))
    assert centre.router.place("maria", centre.now).position == 2
    centre.hear(ContactReordered("petro", -3600.0, "boss", "agreed with the caller"))
    assert centre.router.place("maria", centre.now).position == 1
    assert centre.router.place("petro", centre.now).position is None


def test_double_click_and_late_events_are_illegal_and_change_nothing(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    centre.accept("petro")
    centre.router.mark()
    for late in (
        OfferAccepted("petro", "olena", "petro:1"),
        OfferDeclined("petro", "olena", "petro:1"),
        PatientAnswered("petro"),
        ContactQueued("petro", "line", VOICE),
        ContactQueued("maria", "no such line", VOICE),
        ContactCancelled("petro", "boss", "mistake"),
        TalkEnded("petro", "iryna"),
        WrapUpDone("petro", "olena"),
        CallerHungUp("nobody"),
        AgentReady("nobody"),
    ):
        with pytest.raises(IllegalEvent):
            centre.hear(late)
    changes = centre.router.changes()
    assert (changes.contacts, changes.agents, changes.queues) == ({}, {}, {})


def test_rollback_forgets_what_was_not_committed(centre: Centre) -> None:
    centre.agent("olena")
    centre.router.mark()
    centre.call("petro")
    centre.accept("petro")
    assert set(centre.router.changes().contacts) == {"petro"}
    centre.router.rollback()
    assert centre.router.contacts() == []
    assert centre.call("petro") == [OfferContact("petro", "olena", "petro:1", 1020.0)]


def test_rollback_of_a_selection_finds_the_longest_idle_again(centre: Centre) -> None:
    centre.agent("olena")
    centre.call("petro")
    centre.accept("petro")
    centre.hear(TalkEnded("petro", "olena"), 90)
    centre.hear(WrapUpDone("petro", "olena"), 5)
    centre.now += 100.0
    centre.agent("iryna")  # idle for less long, and less occupied
    centre.router.mark()
    centre.queue(offer_s=20.0, wrap_up_s=60.0, selection=Selection.LEAST_OCCUPIED)
    centre.router.rollback()
    centre.call("maria")
    assert centre.rung() == {"maria": "olena"}


def test_changes_name_what_ended(centre: Centre) -> None:
    centre.call("petro")
    centre.router.mark()
    centre.hear(CallerHungUp("petro"))
    assert centre.router.changes().contacts == {"petro": None}
