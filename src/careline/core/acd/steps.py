"""The steps of a contact's life that several events share: each moves it by the table and settles it."""

from __future__ import annotations

from heapq import heappush
from typing import Final

from careline.core.acd.centre import Centre
from careline.core.acd.duty import put_down
from careline.core.acd.machine import Inner
from careline.core.acd.model import (
    ContactId,
    EndCause,
    EndContact,
    EndWrapUp,
    Phase,
    StartTalk,
    StartWrapUp,
    StopDialling,
    StopTalk,
    WithdrawOffer,
)
from careline.core.acd.places import lift, settle
from careline.core.acd.state import DIALS, NEVER, NOWHERE, RINGING, TALKS, WRITES, Agent, Contact, Task

# Members by short names: looking one up on its enum costs on the hottest paths.
_QUEUED: Final = Phase.QUEUED
_TALKING: Final = Phase.TALKING
_CALLBACK: Final = Phase.CALLBACK
_WRAP_UP: Final = Phase.WRAP_UP
_ENDED: Final = Phase.ENDED
_ON_AGENT_GONE: Final = Inner.AGENT_GONE
_ON_OFFER_TAKEN_BACK: Final = Inner.OFFER_TAKEN_BACK


def drop_work(r: Centre, a: Agent, id: ContactId) -> None:
    """Give back one piece of work of an agent who has gone."""
    task = a.work[id]
    c = r._contacts.get(id)
    if c is not None and c.agent != a.id:
        c = None  # transferred: the agent was only writing up
    if c is not None:
        r.touch_contact(c)
    put_down(r, a, id)
    if task.doing == WRITES:
        r._out.append(EndWrapUp(id, a.id, "agent_gone"))
        if c is not None:
            end_contact(r, c, _ON_AGENT_GONE, c.cause)
        return
    assert c is not None  # an offer, a dialling and a talk always have their contact
    if task.doing == RINGING:
        r._out.append(WithdrawOffer(id, a.id, c.offer, "agent_gone"))
        back_from_offer(r, c, _ON_AGENT_GONE)
    elif task.doing == DIALS:
        r._out.append(StopDialling(id, a.id, "agent_gone"))
        back_to_wait(r, c, _ON_AGENT_GONE)
    else:
        r._out.append(StopTalk(id, a.id, "agent_gone"))
        back_to_wait(r, c, _ON_AGENT_GONE)


def start_talk(r: Centre, c: Contact, a: Agent, trigger: str) -> None:
    a.account(r._now)
    a.work[c.id] = Task(TALKS, c.channel, None)
    c.talk += 1
    c.until = None
    c.lost_since = None
    c.callback = False
    c.not_before = None
    r.move(c, trigger, _TALKING)
    settle(r, c)
    r._out.append(StartTalk(c.id, a.id))


def keep_from(r: Centre, c: Contact, a: Agent) -> None:
    c.declined = {**c.declined, a.id: r._now + r._queues[c.queue].rules.declined_s}


def withdraw(r: Centre, c: Contact, reason: str) -> None:
    """Stop ringing the agent; the contact itself goes on as the caller decides."""
    a = r._agents[c.agent]
    r.touch_agent(a)
    r._out.append(WithdrawOffer(c.id, a.id, c.offer, reason))
    put_down(r, a, c.id)
    untake(r, c)


def untake(r: Centre, c: Contact) -> None:
    r._ringing.pop(c.id, None)
    if c.waited:  # nobody was taken from the line after all
        q = r._queues[c.queue]
        r.touch_queue(q)
        q.taken = max(q.taken - 1.0, 0.0)
        c.waited = False
    c.agent = ""
    c.offer = ""
    c.until = None


def back_from_offer(r: Centre, c: Contact, trigger: str) -> None:
    untake(r, c)
    back_to_wait(r, c, trigger)


def back_to_wait(r: Centre, c: Contact, trigger: str) -> None:
    """To its exact place: key, number and first entry are as they were."""
    c.agent = ""
    c.offer = ""
    c.until = None
    c.held_since = None
    r.move(c, trigger, _CALLBACK if c.callback else _QUEUED)
    if c.lost_since is not None:
        rules = r._queues[c.queue].rules
        c.until = c.lost_since + (rules.lost_callback_s if c.callback else rules.lost_s)
    settle(r, c)


def stop_dialling(r: Centre, c: Contact, reason: str) -> None:
    a = r._agents[c.agent]
    r.touch_agent(a)
    r._out.append(StopDialling(c.id, a.id, reason))
    put_down(r, a, c.id)


def end_talk(r: Centre, c: Contact, trigger: str, reason: str) -> None:
    a = r._agents[c.agent]
    r.touch_agent(a)
    c.held_since = None
    c.lost_since = None
    c.until = None
    r._out.append(StopTalk(c.id, a.id, reason))
    write_up(r, c, a)
    task = a.work.get(c.id)
    if task is None:
        end_contact(r, c, trigger, c.cause)
        return
    c.until = task.until
    r.move(c, trigger, _WRAP_UP)
    r.set_timer(c, NEVER)


def write_up(r: Centre, c: Contact, a: Agent) -> None:
    """From talk to writing-up, or straight to free where the queue allows no time for it."""
    wrap_up_s = r._queues[c.queue].rules.wrap_up_s
    if wrap_up_s <= 0.0:
        put_down(r, a, c.id)
        return
    until = r._now + wrap_up_s
    a.account(r._now)
    a.work[c.id] = Task(WRITES, c.channel, until)
    heappush(r._timers, (until, 1, a.id, c.id))
    r._out.append(StartWrapUp(c.id, a.id, until))


def end_wrap_up(r: Centre, a: Agent, id: ContactId, trigger: str, reason: str) -> None:
    r.touch_agent(a)
    c = r._contacts.get(id)
    put_down(r, a, id)
    r._out.append(EndWrapUp(id, a.id, reason))
    if c is not None and c.phase is _WRAP_UP and c.agent == a.id:
        r.touch_contact(c)
        end_contact(r, c, trigger, c.cause)


def take_back_rest(r: Centre, a: Agent) -> None:
    """An agent who let one offer ring out is not there: the others must not ring out too."""
    for id, task in list(a.work.items()):
        if task.doing == RINGING:
            c = r._contacts[id]
            r.touch_contact(c)
            put_down(r, a, id)
            r._out.append(WithdrawOffer(id, a.id, c.offer, "paused"))
            back_from_offer(r, c, _ON_OFFER_TAKEN_BACK)


def count_loss(r: Centre, c: Contact) -> None:
    """Count a loss from the line for the estimate."""
    if c.place != NOWHERE:
        q = r._queues[c.queue]
        r.touch_queue(q)
        q.given_up += 1.0


def end_contact(r: Centre, c: Contact, trigger: str, cause: EndCause) -> None:
    r.move(c, trigger, _ENDED)
    lift(r, c)
    r.set_timer(c, NEVER)
    del r._contacts[c.id]
    c.entry = ()  # it names the contact itself: let both go at once, without the collector
    r._out.append(EndContact(c.id, cause))
