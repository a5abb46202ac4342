"""Days that might have been: random, mostly sensible events, as a router in any state may hear them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

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
    ContactCancelled,
    ContactReordered,
    Event,
    OfferAccepted,
    OfferDeclined,
    PatientAnswered,
    PatientUnreached,
    Phase,
    QueueSet,
    TalkEnded,
    TalkHeld,
    TalkResumed,
    TalkTransferred,
    WrapUpDone,
)
from careline.core.acd.router import Router

from .conftest import call, named, profile, rules

QUEUES = [named("town line"), named("children")]
AGENTS = [named(f"agent {n}") for n in range(5)]
SUPERVISOR = named("supervisor")


def opening() -> list[Event]:
    """Two queues, and everybody at work."""
    queues: list[Event] = [QueueSet(rules(id=queue, limit=40)) for queue in QUEUES]
    return queues + [event for agent in AGENTS for event in (AgentSignedIn(_known(agent)), AgentReady(agent))]


def next_event(router: Router, rng: Random, contact: str, now: float) -> Event:
    """Something that may happen now. `contact` is the id of whoever would call next. May be illegal, as life is."""
    if rng.random() < 0.2 or not router.contacts():
        return _arrival(rng, contact)
    if rng.random() < 0.15:
        return _agents_event(rng)
    at_work = [c for c in router.contacts() if c.agent]
    c = rng.choice(at_work if at_work and rng.random() < 0.7 else router.contacts())
    agent = c.agent or rng.choice(AGENTS)
    if rng.random() < 0.1:
        return rng.choice(
            [
                CallerLost(c.id),
                CallerBack(c.id),
                CallerHungUp(c.id),
                ContactReordered(c.id, 600.0, SUPERVISOR, "complaint", emergency=rng.random() < 0.3),
                ContactCancelled(c.id, SUPERVISOR, "test_call"),
                CallbackAsked(c.id, now + rng.choice([0.0, 60.0])),
            ]
        )
    match c.phase:
        case Phase.OFFERED:
            return OfferAccepted(c.id, agent, c.offer) if rng.random() < 0.8 else OfferDeclined(c.id, agent, c.offer)
        case Phase.TALKING:
            return rng.choice(
                [TalkEnded(c.id, agent), TalkHeld(c.id, agent), TalkTransferred(c.id, agent, rng.choice(QUEUES))]
            )
        case Phase.HELD:
            return TalkResumed(c.id, agent)
        case Phase.DIALLING:
            return PatientAnswered(c.id) if rng.random() < 0.7 else PatientUnreached(c.id, now + 30.0)
        case Phase.WRAP_UP:
            return WrapUpDone(c.id, agent)
        case _:
            return rng.choice([CallerHungUp(c.id), CallerLost(c.id), CallerBack(c.id), CallbackAsked(c.id)])


def _arrival(rng: Random, contact: str) -> Event:
    return call(
        contact,
        queue=rng.choice(QUEUES),
        channel=rng.choice([Channel.VOICE, Channel.VOICE, Channel.TEXT]),
        emergency=rng.random() < 0.05,
        head_start_s=rng.choice([0.0, 0.0, 120.0]),
    )


def _agents_event(rng: Random) -> Event:
    agent = rng.choice(AGENTS)
    return rng.choice(
        [
            AgentSignedIn(_known(agent)),
            AgentSignedIn(_known(agent)),
            AgentReady(agent),
            AgentReady(agent),
            AgentReady(agent),
            AgentReady(agent),
            AgentPaused(agent, "lunch"),
            AgentSignedOut(agent, "end_of_shift"),
        ]
    )


def _known(agent: str) -> AgentProfile:
    return replace(profile(agent), queues=frozenset(QUEUES), capacity={Channel.VOICE: 1, Channel.TEXT: 2})
