"""The states that are pushed, from the router's views. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from careline.core.acd.model import AgentView, ContactView, EndCause, Phase, Place, Presence

NO_PLACE = Place(None, None, None)


def phone(
    agent: str, view: AgentView | None, work: Iterable[tuple[str, ContactView | None]], now: float
) -> dict[str, Any]:
    """The whole state of one agent's phone. An agent unknown to the router is offline."""
    until = view.until if view else {}
    return {
        "agent": agent,
        "presence": view.presence if view else Presence.OFFLINE,
        "reason": view.reason if view else "",
        "since": view.since if view else None,
        "server_now": now,
        "work": [_work(agent, contact, each, until.get(contact), now) for contact, each in work],
    }


def _work(agent: str, contact: str, view: ContactView | None, until: float | None, now: float) -> dict[str, Any]:
    """One contact in hand. One that was handed on (or has ended) is still being written up here."""
    if view is None or view.agent != agent:
        known = {"channel": view.channel, "queue": view.queue} if view else {"channel": None, "queue": None}
        return {"contact": contact, "phase": Phase.WRAP_UP, "until": until, "since": None, "held": False, **known}
    row: dict[str, Any] = {
        "contact": contact,
        "phase": view.phase,
        "channel": view.channel,
        "since": view.since,
        "queue": view.queue,
        "waited_s": round((now if view.phase == Phase.OFFERED else view.since) - view.queued_at),
        "held": view.phase == Phase.HELD,
        "lost": view.lost_since is not None,
        "emergency": view.emergency,
        "simulated": view.simulated,
    }
    if view.phase == Phase.OFFERED:
        row["offer"] = view.offer
    if until is not None:
        row["until"] = until
    if view.phase in (Phase.TALKING, Phase.HELD):
        row["talk"] = view.talk
    return row


def call_state(view: ContactView, place: Place, first_names: Mapping[str, str], now: float) -> dict[str, Any]:
    """What the patient's page is told. While the operator writes up, the talk is over for the patient."""
    if view.phase == Phase.WRAP_UP:
        return ended_state(view.id, EndCause.COMPLETED, view.channel, now)
    talking = view.phase in (Phase.TALKING, Phase.HELD, Phase.DIALLING)
    return {
        "contact": view.id,
        "phase": view.phase,
        "position": place.position,
        "wait_low_s": place.wait_low_s,
        "wait_high_s": place.wait_high_s,
        "waited_s": round(now - view.queued_at),
        "since": view.since,
        "agent": first_names.get(view.agent or "", "") if talking else "",
        "cause": "",
        "channel": view.channel,
        "talk": view.talk if view.phase in (Phase.TALKING, Phase.HELD) else None,
        "server_now": now,
    }


def ended_state(contact: str, cause: str, channel: str, now: float) -> dict[str, Any]:
    return {
        "contact": contact,
        "phase": Phase.ENDED,
        "position": None,
        "wait_low_s": None,
        "wait_high_s": None,
        "waited_s": None,
        "since": now,
        "agent": "",
        "cause": cause,
        "channel": channel,
        "talk": None,
        "server_now": now,
    }


def gist(state: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes a new state worth telling: not that a second has passed."""
    low, high = state["wait_low_s"], state["wait_high_s"]
    return (
        state["phase"],
        state["position"],
        None if low is None else round(low / 15),
        None if high is None else round(high / 15),
        state["agent"],
        state["cause"],
        state["talk"],
    )
