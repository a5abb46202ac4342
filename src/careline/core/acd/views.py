"""What may be asked of the router, as values."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from careline.core.acd import estimate
from careline.core.acd.centre import Centre
from careline.core.acd.model import AgentView, ContactId, ContactView, Phase, Place, Presence, QueueView
from careline.core.acd.state import DIALS, RINGING, TALKS, WRITES, Agent, Contact, Queue

# Members by short names: looking one up on its enum costs on the hottest paths.
_OFFERED: Final = Phase.OFFERED
_HELD: Final = Phase.HELD
_READY: Final = Presence.READY


def place_of(r: Centre, contact: ContactId, now: float) -> Place:
    """What may be told to a waiting caller.

    The position counts those ahead who were there before: it never grows. While somebody stands ahead who came
    later by right (an emergency, a head start, a supervisor's word, a call-back or lost caller returning to their
    place) it is None.
    """
    c = r._contacts.get(contact)
    if c is None or not c.in_line:
        return Place(None, None, None)
    q = r._queues[c.queue]
    entry = c.entry
    ahead = bisect_left(q.line, entry)
    position: int | None = ahead + 1 if ahead == 0 or c.first else None
    for jumper in q.jumpers:
        if jumper >= entry:
            break
        if jumper[4].came > c.first:
            position = None
            break
    if c.phase is _OFFERED:
        return Place(position, 0.0, max((c.until or now) - now, 0.0))
    free = max(ahead - q.ringing, 0)
    found = estimate.wait(q.taken, q.exposure, q.given_up, q.waited, q.ready, free)
    if found is None:
        return Place(position, None, None)
    return Place(position, found[0] + q.ring_s, found[1] + q.ring_s)


def view_agent(r: Centre, a: Agent) -> AgentView:
    return AgentView(
        id=a.id,
        presence=a.presence,
        reason=a.reason,
        since=a.since,
        doing=doing_of(r, a),
        work=tuple(a.work),
        until={id: task.until for id, task in a.work.items()},
        idle_since=a.idle_since if a.presence is _READY and not a.work else None,
        occupied_s=a.busy_s,
        idle_s=a.idle_s,
        profile=a.profile,
    )


def doing_of(r: Centre, a: Agent) -> str:
    tasks = a.work
    if not tasks:
        return "idle" if a.presence is _READY else a.presence.value
    doing = {task.doing for task in tasks.values()}
    if TALKS in doing:
        held = all(r._contacts[id].phase is _HELD for id, t in tasks.items() if t.doing == TALKS)
        return "held" if held else TALKS
    return next(word for word in (DIALS, RINGING, WRITES) if word in doing)


def view_queue(r: Centre, q: Queue) -> QueueView:
    return QueueView(
        id=q.id,
        rules=q.rules,
        waiting=len(q.line),
        ringing=q.ringing,
        callbacks=q.callbacks,
        lost=q.lost,
        ready=q.ready,
        idle=sum(1 for a in q.members.values() if a.presence is _READY and not a.work),
        oldest=q.line[0][4].queued_at if q.line else None,
        overflow_to=tuple(target.id for target in q.overflowing),
    )


def view_contact(c: Contact) -> ContactView:
    return ContactView(
        id=c.id,
        queue=c.queue,
        channel=c.channel,
        phase=c.phase,
        queued_at=c.queued_at,
        entered_at=c.entered_at,
        head_start_s=c.head_start_s,
        emergency=c.emergency,
        needs=c.needs,
        hard=c.hard,
        preferred=c.preferred,
        agent=c.agent,
        offer=c.offer,
        until=c.until,
        since=c.since,
        lost_since=c.lost_since,
        held_since=c.held_since,
        not_before=c.not_before,
        callback=c.callback,
        tries=c.tries,
        talk=c.talk,
        simulated=c.simulated,
        order_key=c.entry[:3],
    )
