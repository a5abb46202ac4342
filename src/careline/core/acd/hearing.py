"""What each event does, before anybody is matched: one function each, and `HANDLERS` that names them."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop
from typing import Any, Final

from careline.core.acd import machine
from careline.core.acd.centre import Centre
from careline.core.acd.duty import enlist, let_go, put_down, set_presence, stand_anew, unlist
from careline.core.acd.machine import Inner
from careline.core.acd.model import (
    AgentPaused,
    AgentReady,
    AgentSignedIn,
    AgentSignedOut,
    CallbackAsked,
    CallerBack,
    CallerHungUp,
    CallerLost,
    ContactCancelled,
    ContactQueued,
    ContactReordered,
    DialPatient,
    EndCause,
    Event,
    HoldTalk,
    IllegalEvent,
    OfferAccepted,
    OfferDeclined,
    PatientAnswered,
    PatientUnreached,
    PauseAgent,
    Phase,
    Presence,
    QueueSet,
    RefuseContact,
    ResumeTalk,
    StopTalk,
    TalkEnded,
    TalkHeld,
    TalkResumed,
    TalkTransferred,
    TimePassed,
    WithdrawOffer,
    WrapUpDone,
)
from careline.core.acd.places import apply_rules, leave_spot, lift, restand, settle, take_number
from careline.core.acd.state import DIALS, NEVER, RINGING, WRITES, Agent, Contact, Task
from careline.core.acd.steps import (
    back_from_offer,
    back_to_wait,
    count_loss,
    drop_work,
    end_contact,
    end_talk,
    end_wrap_up,
    keep_from,
    start_talk,
    stop_dialling,
    take_back_rest,
    withdraw,
    write_up,
)

# Members by short names: looking one up on its enum costs on the hottest paths.
_QUEUED: Final = Phase.QUEUED
_OFFERED: Final = Phase.OFFERED
_TALKING: Final = Phase.TALKING
_HELD: Final = Phase.HELD
_CALLBACK: Final = Phase.CALLBACK
_DIALLING: Final = Phase.DIALLING
_WRAP_UP: Final = Phase.WRAP_UP
_READY: Final = Presence.READY
_ON_DIAL_EXPIRED: Final = Inner.DIAL_EXPIRED
_ON_LOST_TOO_LONG: Final = Inner.LOST_TOO_LONG
_ON_OFFER_EXPIRED: Final = Inner.OFFER_EXPIRED
_ON_OFFER_TAKEN_BACK: Final = Inner.OFFER_TAKEN_BACK
_ON_WRAP_UP_EXPIRED: Final = Inner.WRAP_UP_EXPIRED
_CAUSE_ABANDONED: Final = EndCause.ABANDONED
_CAUSE_CALLBACK_FAILED: Final = EndCause.CALLBACK_FAILED
_CAUSE_CANCELLED: Final = EndCause.CANCELLED
_CAUSE_CLOSED: Final = EndCause.CLOSED
_CAUSE_FULL: Final = EndCause.FULL
_CAUSE_LOST: Final = EndCause.LOST
_OFFLINE: Final = Presence.OFFLINE
_PAUSED: Final = Presence.PAUSED


def on_queue_set(r: Centre, event: QueueSet) -> None:
    q = r.queue_named(event.rules.id)
    r.touch_queue(q)
    q.watch(r._now)
    waiting = [entry[4] for entry in q.line]
    for c in waiting:
        r.touch_contact(c)
        leave_spot(r, c)
    reselect = q.rules.selection is not event.rules.selection
    q.set_rules(event.rules)
    apply_rules(r, q)
    for c in waiting:
        settle(r, c)
    if reselect:
        stand_anew(r, q)
    r._ratio_moved[q.id] = q


def on_signed_in(r: Centre, event: AgentSignedIn) -> None:
    profile = event.profile
    a = r._agents.get(profile.id)
    if a is None:
        a = Agent(profile, r._now)
        r.touch_new_agent(a)
        r._agents[a.id] = a
        a.presence = machine.PRESENCE[_OFFLINE]["AgentSignedIn"]
        a.reason = "signed_in"
        enlist(r, a)
        return
    r.touch_agent(a)
    unlist(r, a)
    a.set_profile(profile)
    enlist(r, a)
    a.stamp += 1
    r._changed[a.id] = a
    if a.presence is _READY:
        r._hot_agents[a.id] = a
    for c in list(a.exclusive.values()):
        restand(r, c)


def on_signed_out(r: Centre, event: AgentSignedOut) -> None:
    a = r.known_agent(event, event.agent)
    r.touch_agent(a)
    set_presence(r, a, _OFFLINE, event.reason)
    for id in list(a.work):
        drop_work(r, a, id)
    unlist(r, a)
    del r._agents[a.id]
    r._hot_agents.pop(a.id, None)
    r._changed.pop(a.id, None)
    let_go(r, a)


def on_ready(r: Centre, event: AgentReady) -> None:
    a = r.known_agent(event, event.agent)
    if a.presence is _READY:
        return
    r.touch_agent(a)
    set_presence(r, a, _READY, "")
    if not a.work:
        a.idle_since = r._now
    r._hot_agents[a.id] = a


def on_paused(r: Centre, event: AgentPaused) -> None:
    a = r.known_agent(event, event.agent)
    if a.presence is _PAUSED and a.reason == event.reason:
        return
    r.touch_agent(a)
    set_presence(r, a, _PAUSED, event.reason)
    for id, task in list(a.work.items()):
        if task.doing == RINGING:
            c = r._contacts[id]
            r.touch_contact(c)
            put_down(r, a, id)
            r._out.append(WithdrawOffer(id, a.id, c.offer, "paused"))
            back_from_offer(r, c, _ON_OFFER_TAKEN_BACK)


def on_queued(r: Centre, event: ContactQueued) -> None:
    if event.contact in r._contacts:
        raise IllegalEvent(event, "this contact is in hand already")
    q = r._queues.get(event.queue)
    if q is None or not q.known:
        raise IllegalEvent(event, "no such queue")
    rules = q.rules
    if not rules.open:
        r._out.append(RefuseContact(event.contact, _CAUSE_CLOSED))
        return
    if rules.limit is not None and q.waiting >= rules.limit and not event.emergency:
        r._out.append(RefuseContact(event.contact, _CAUSE_FULL))
        return
    c = Contact(event.contact, q.id, event.channel, r._now)
    r.touch_new_contact(c)
    c.ask_for(event.needs)
    c.keep_to(event.hard, event.preferred)
    c.head_start_s = event.head_start_s
    c.emergency = event.emergency
    c.simulated = event.simulated
    r._contacts[c.id] = c
    take_number(r, c, q)
    if c.preferred and not c.emergency:
        c.only = c.preferred
        c.only_until = r._now + rules.preferred_s
    settle(r, c)


def on_hung_up(r: Centre, event: CallerHungUp) -> None:
    c = r.contact_for(event, event.contact, "CallerHungUp")
    phase = c.phase
    if phase is _WRAP_UP:
        return
    r.touch_contact(c)
    if phase is _TALKING or phase is _HELD:
        end_talk(r, c, "CallerHungUp", "caller_gone")
        return
    if phase is _OFFERED:
        withdraw(r, c, "caller_gone")
    elif phase is _DIALLING:
        stop_dialling(r, c, "caller_gone")
    kept = _CAUSE_CANCELLED if c.callback else _CAUSE_ABANDONED
    cause = _CAUSE_CALLBACK_FAILED if phase is _DIALLING else kept
    count_loss(r, c)
    end_contact(r, c, "CallerHungUp", cause)


def on_lost(r: Centre, event: CallerLost) -> None:
    c = r.contact_for(event, event.contact, "CallerLost")
    if c.lost_since is not None or c.phase is _WRAP_UP:
        return
    r.touch_contact(c)
    now = r._now
    rules = r._queues[c.queue].rules
    phase = c.phase
    c.lost_since = now
    if phase is _TALKING or phase is _HELD:
        c.until = now + rules.lost_talk_s
        r.set_timer(c, c.until)
        return
    if phase is _DIALLING:
        return
    if phase is _OFFERED:
        withdraw(r, c, "caller_gone")
        r.move(c, "CallerLost", _CALLBACK if c.callback else _QUEUED)
    count_loss(r, c)
    c.until = now + (rules.lost_callback_s if c.callback else rules.lost_s)
    settle(r, c)


def on_back(r: Centre, event: CallerBack) -> None:
    c = r.contact_for(event, event.contact, "CallerBack")
    if c.lost_since is None:
        return
    r.touch_contact(c)
    c.lost_since = None
    if c.phase is _DIALLING:
        return
    c.until = None
    if c.phase is _QUEUED or c.phase is _CALLBACK:
        settle(r, c)
    else:
        r.set_timer(c, NEVER)


def on_callback_asked(r: Centre, event: CallbackAsked) -> None:
    c = r.contact_for(event, event.contact, "CallbackAsked")
    r.touch_contact(c)
    if c.phase is _OFFERED:
        withdraw(r, c, "callback")
    c.callback = True
    c.not_before = event.not_before
    if c.phase is not _CALLBACK:
        r.move(c, "CallbackAsked", _CALLBACK)
    if c.lost_since is not None:
        c.until = c.lost_since + r._queues[c.queue].rules.lost_callback_s
    settle(r, c)


def on_reordered(r: Centre, event: ContactReordered) -> None:
    c = r.contact_for(event, event.contact, "ContactReordered")
    r.touch_contact(c)
    q = r._queues[c.queue]
    before = c.entry
    lift(r, c)
    c.head_start_s = event.head_start_s
    if event.emergency is not None:
        c.emergency = event.emergency
    c.key = c.queued_at - (q.rules.head_start_s + c.head_start_s)
    c.rank()
    if c.entry > before:
        c.first = 0  # all who stand ahead now may have been behind: no position until the front
    if c.emergency:
        c.only = ()
    settle(r, c)


def on_cancelled(r: Centre, event: ContactCancelled) -> None:
    c = r.contact_for(event, event.contact, "ContactCancelled")
    r.touch_contact(c)
    if c.phase is _OFFERED:
        withdraw(r, c, "cancelled")
    elif c.phase is _DIALLING:
        stop_dialling(r, c, "cancelled")
    count_loss(r, c)
    end_contact(r, c, "ContactCancelled", _CAUSE_CANCELLED)


def offered_to(r: Centre, event: OfferAccepted | OfferDeclined, trigger: str) -> tuple[Contact, Agent]:
    c = r.contact_for(event, event.contact, trigger)
    if c.agent != event.agent or c.offer != event.offer:
        raise IllegalEvent(event, "this offer is not running")
    return c, r._agents[event.agent]


def on_accepted(r: Centre, event: OfferAccepted) -> None:
    c, a = offered_to(r, event, "OfferAccepted")
    r.touch_contact(c)
    r.touch_agent(a)
    now = r._now
    q = r._queues[c.queue]
    r.touch_queue(q)
    q.ring_s += (now - c.since - q.ring_s) * 0.05
    c.offer = ""
    c.only = ()
    c.direct = False
    r._ringing.pop(c.id, None)
    if c.callback:
        c.until = now + q.rules.dial_s
        a.account(now)
        a.work[c.id] = Task(DIALS, c.channel, c.until)
        r.move(c, "OfferAccepted", _DIALLING)
        settle(r, c)
        r._out.append(DialPatient(c.id, a.id))
        return
    c.until = None
    start_talk(r, c, a, "OfferAccepted")


def on_declined(r: Centre, event: OfferDeclined) -> None:
    c, a = offered_to(r, event, "OfferDeclined")
    r.touch_contact(c)
    r.touch_agent(a)
    r._out.append(WithdrawOffer(c.id, a.id, c.offer, "declined"))
    keep_from(r, c, a)
    put_down(r, a, c.id)
    back_from_offer(r, c, "OfferDeclined")


def on_patient_answered(r: Centre, event: PatientAnswered) -> None:
    c = r.contact_for(event, event.contact, "PatientAnswered")
    a = r._agents[c.agent]
    r.touch_contact(c)
    r.touch_agent(a)
    start_talk(r, c, a, "PatientAnswered")


def on_patient_unreached(r: Centre, event: PatientUnreached) -> None:
    c = r.contact_for(event, event.contact, "PatientUnreached")
    r.touch_contact(c)
    stop_dialling(r, c, "unreached")
    c.tries += 1
    if event.retry_at is None:
        end_contact(r, c, "PatientUnreached", _CAUSE_CALLBACK_FAILED)
        return
    c.not_before = event.retry_at
    back_to_wait(r, c, "PatientUnreached")


def talk_of(
    r: Centre, event: TalkHeld | TalkResumed | TalkEnded | TalkTransferred, trigger: str
) -> tuple[Contact, Agent]:
    c = r.contact_for(event, event.contact, trigger)
    if c.agent != event.agent:
        raise IllegalEvent(event, "another agent has this talk")
    return c, r._agents[event.agent]


def on_held(r: Centre, event: TalkHeld) -> None:
    c, a = talk_of(r, event, "TalkHeld")
    r.touch_contact(c)
    c.held_since = r._now
    r.move(c, "TalkHeld", _HELD)
    r._out.append(HoldTalk(c.id, a.id))


def on_resumed(r: Centre, event: TalkResumed) -> None:
    c, a = talk_of(r, event, "TalkResumed")
    r.touch_contact(c)
    c.held_since = None
    r.move(c, "TalkResumed", _TALKING)
    r._out.append(ResumeTalk(c.id, a.id))


def on_talk_ended(r: Centre, event: TalkEnded) -> None:
    c, _ = talk_of(r, event, "TalkEnded")
    r.touch_contact(c)
    end_talk(r, c, "TalkEnded", "ended")


def on_transferred(r: Centre, event: TalkTransferred) -> None:
    c, a = talk_of(r, event, "TalkTransferred")
    q = r._queues.get(event.queue)
    if q is None or not q.known:
        raise IllegalEvent(event, "no such queue")
    other = r._agents.get(event.to_agent) if event.to_agent else None
    if event.to_agent:
        if other is None or other.presence is not _READY or other is a:
            raise IllegalEvent(event, "that agent is not ready")
        if other.profile.capacity.get(c.channel, 0) < 1:
            raise IllegalEvent(event, "that agent does not take this channel")
    elif not q.rules.open:
        raise IllegalEvent(event, "that queue is closed")
    r.touch_contact(c)
    r.touch_agent(a)
    r._out.append(StopTalk(c.id, a.id, "transferred"))
    write_up(r, c, a)
    lost_since = c.lost_since
    if event.needs is not None:
        c.ask_for(event.needs)
    keep_from(r, c, a)
    take_number(r, c, q)
    c.only = (other.id,) if other is not None else ()
    c.direct = other is not None
    c.only_until = r._now + max(q.rules.preferred_s, q.rules.offer_s)
    c.lost_since = lost_since
    back_to_wait(r, c, "TalkTransferred")


def on_wrap_up_done(r: Centre, event: WrapUpDone) -> None:
    a = r._agents.get(event.agent)
    task = a.work.get(event.contact) if a is not None else None
    if a is None or task is None or task.doing != WRITES:
        raise IllegalEvent(event, "this agent is not writing this contact up")
    end_wrap_up(r, a, event.contact, "WrapUpDone", "saved")


def on_time_passed(r: Centre, event: TimePassed) -> None:
    timers = r._timers
    now = r._now
    while timers and timers[0][0] <= now:
        timer = heappop(timers)
        if not r.counts(timer):
            continue
        if timer[1]:
            end_wrap_up(r, r._agents[timer[2]], timer[3], _ON_WRAP_UP_EXPIRED, "expired")
        else:
            fall_due(r, r._contacts[timer[2]])


def fall_due(r: Centre, c: Contact) -> None:
    r.touch_contact(c)
    c.due = NEVER
    phase = c.phase
    if phase is _OFFERED:
        a = r._agents[c.agent]
        r.touch_agent(a)
        r._out.append(WithdrawOffer(c.id, a.id, c.offer, "expired"))
        set_presence(r, a, machine.PRESENCE[_READY]["OfferExpired"], "no_answer")
        put_down(r, a, c.id)
        r._out.append(PauseAgent(a.id, "no_answer"))
        back_from_offer(r, c, _ON_OFFER_EXPIRED)
        take_back_rest(r, a)
    elif phase is _DIALLING:
        stop_dialling(r, c, "expired")
        c.tries += 1
        c.not_before = r._now + r._queues[c.queue].rules.retry_s
        back_to_wait(r, c, _ON_DIAL_EXPIRED)
    elif phase is _TALKING or phase is _HELD:
        c.cause = _CAUSE_LOST
        end_talk(r, c, _ON_LOST_TOO_LONG, "caller_lost")
    elif c.lost_since is not None:
        end_contact(r, c, _ON_LOST_TOO_LONG, _CAUSE_LOST)
    else:
        settle(r, c)


HANDLERS: Final[dict[type[Event], Callable[[Centre, Any], None]]] = {
    QueueSet: on_queue_set,
    AgentSignedIn: on_signed_in,
    AgentSignedOut: on_signed_out,
    AgentReady: on_ready,
    AgentPaused: on_paused,
    ContactQueued: on_queued,
    CallerHungUp: on_hung_up,
    CallerLost: on_lost,
    CallerBack: on_back,
    CallbackAsked: on_callback_asked,
    OfferAccepted: on_accepted,
    OfferDeclined: on_declined,
    PatientAnswered: on_patient_answered,
    PatientUnreached: on_patient_unreached,
    TalkHeld: on_held,
    TalkResumed: on_resumed,
    TalkEnded: on_talk_ended,
    TalkTransferred: on_transferred,
    WrapUpDone: on_wrap_up_done,
    ContactReordered: on_reordered,
    ContactCancelled: on_cancelled,
    TimePassed: on_time_passed,
}
