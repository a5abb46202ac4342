"""Where a contact stands: in its queue's line, among those like it, counted once, with the right timer running."""

from __future__ import annotations

from bisect import insort
from heapq import heappush
from typing import Final

from careline.core.acd.centre import Centre
from careline.core.acd.model import Phase, Presence
from careline.core.acd.state import (
    CHANNEL_BITS,
    HELD_FOR,
    IN_GROUP,
    NEVER,
    NOWHERE,
    Agent,
    Contact,
    Group,
    Queue,
    remove,
)

# Members by short names: looking one up on its enum costs on the hottest paths.
_QUEUED: Final = Phase.QUEUED
_OFFERED: Final = Phase.OFFERED
_CALLBACK: Final = Phase.CALLBACK
_DIALLING: Final = Phase.DIALLING
_READY: Final = Presence.READY
# Where a contact is counted in its queue.
_UNCOUNTED: Final = 0
_COUNT_QUEUED: Final = 1
_COUNT_RINGING: Final = 2
_COUNT_CALLBACK: Final = 3
_COUNT_LOST: Final = 4


def apply_rules(r: Centre, q: Queue) -> None:
    """Follow the rules into the indices: overflow by ratio. Groups of old rules empty themselves."""
    q.overflow_into(())
    ratios = {o.to: o.ratio for o in q.rules.overflow if o.ratio is not None and o.to != q.id}
    q.ratios = tuple((r.queue_named(to), ratio) for to, ratio in ratios.items())


def take_number(r: Centre, c: Contact, q: Queue) -> None:
    """Take a number in a queue; the time of first entry stays."""
    r.touch_queue(q)
    c.queue = q.id
    c.entered_at = r._now
    c.first = -1
    q.serial += 1
    c.seq = q.serial
    c.key = c.queued_at - (q.rules.head_start_s + c.head_start_s)
    c.rank()


def settle(r: Centre, c: Contact) -> None:
    """Stand where the state says: in line or not, to be taken or not, counted once, the right timer running."""
    settle_at(r, c, r._now)


def settle_at(r: Centre, c: Contact, at: float) -> None:
    phase = c.phase
    q = r._queues[c.queue]
    if phase is _OFFERED:
        leave_spot(r, c)
        enter_line(r, c, q)
        count_under(r, c, q, _COUNT_RINGING)
        r.set_timer(c, c.until if c.until is not None else NEVER)
        return
    if phase is not _QUEUED and phase is not _CALLBACK:
        lift(r, c)
        lasting = phase is _DIALLING or c.lost_since is not None
        r.set_timer(c, c.until if lasting and c.until is not None else NEVER)
        return
    late = c.not_before is not None and c.not_before > at
    if c.lost_since is not None or late:
        leave_spot(r, c)
        leave_line(r, c)
        count_under(r, c, q, _COUNT_CALLBACK if c.callback else _COUNT_LOST)
        due = NEVER
        if c.lost_since is not None and c.until is not None:
            due = c.until
        elif c.not_before is not None:
            due = c.not_before
        r.set_timer(c, due)
        return
    enter_line(r, c, q)
    count_under(r, c, q, _COUNT_CALLBACK if c.callback else _COUNT_QUEUED)
    leave_spot(r, c)
    stand(r, c, q, at)


def lift(r: Centre, c: Contact) -> None:
    leave_spot(r, c)
    leave_line(r, c)
    count_under(r, c, r._queues[c.queue], _UNCOUNTED)


def count_under(r: Centre, c: Contact, q: Queue, tally: int) -> None:
    was = c.tally
    if was == tally:
        return
    if was == _UNCOUNTED:
        q.waiting += 1
    elif was == _COUNT_RINGING:
        q.ringing -= 1
    elif was == _COUNT_CALLBACK:
        q.callbacks -= 1
    elif was == _COUNT_LOST:
        q.lost -= 1
    if tally == _UNCOUNTED:
        q.waiting -= 1
    elif tally == _COUNT_RINGING:
        q.ringing += 1
    elif tally == _COUNT_CALLBACK:
        q.callbacks += 1
    elif tally == _COUNT_LOST:
        q.lost += 1
    c.tally = tally


def enter_line(r: Centre, c: Contact, q: Queue) -> None:
    if c.in_line:
        return
    r.touch_queue(q)
    c.in_line = True
    q.serial += 1
    c.came = q.serial
    if c.first < 0:
        c.first = q.serial
    line = q.line
    entry = c.entry
    if not line or line[-1] < entry:
        line.append(entry)
        c.jumped = False
    else:
        insort(line, entry)
        insort(q.jumpers, entry)
        c.jumped = True
    if 0 < c.first < c.came and not r._trusting:  # else who was overtaken is as they say
        note_overtakers(r, c, q)


def note_overtakers(r: Centre, c: Contact, q: Queue) -> None:
    """One who comes back to an old place finds those ahead who came in the meantime, by right of a head start."""
    for entry in q.line:
        other: Contact = entry[4]
        if other is c:
            return
        if other.came > c.first and not other.jumped:
            r.touch_contact(other)
            other.jumped = True
            insort(q.jumpers, entry)


def leave_line(r: Centre, c: Contact) -> None:
    if not c.in_line:
        return
    c.in_line = False
    q = r._queues[c.queue]
    remove(q.line, c.entry)
    if c.jumped:
        remove(q.jumpers, c.entry)
        c.jumped = False


def stand(r: Centre, c: Contact, q: Queue, now: float) -> None:
    """Stand to be taken: by some agents alone while a window runs, else in the group of those like it."""
    c.stood_at = now
    rules = q.rules
    due = NEVER
    if c.declined:
        c.declined = {id: until for id, until in c.declined.items() if until > now}
        if c.declined:
            due = min(c.declined.values())
    asks = CHANNEL_BITS[c.channel]
    if c.needs:
        by = 0
        relaxes_at = NEVER
        for relax in rules.relax:
            at = c.entered_at + relax.after_s
            if at <= now:
                by += relax.by
            elif at < relaxes_at:
                relaxes_at = at
        for need in c.needs:
            least = need.least
            if need.skill not in c.hard:
                least -= by
                if least >= 1 and relaxes_at < due:
                    due = relaxes_at
            if least >= 1:
                asks |= r._bits.get((need.skill, least)) or new_bit(r, need.skill, least)
    serving = q.alone
    for overflow in rules.overflow:
        if overflow.after_s is not None:
            at = c.entered_at + overflow.after_s
            if at <= now:
                target = r.queue_named(overflow.to)
                if target not in serving:
                    serving = (*serving, target)
            elif at < due:
                due = at
    group = q.own.get((asks, serving))
    if group is None:
        group = q.own[asks, serving] = Group(q, serving, c.channel, asks)
    c.asks = group.asks
    c.group = group
    c.place = IN_GROUP
    if c.only:
        hold_for(r, c, group, now)
        if c.only and c.only_until < due:
            due = c.only_until
    r.touch_queue(q)
    q.watch(r._now)
    q.unassigned += 1
    if q.ratios:
        r._ratio_moved[q.id] = q
    if c.place == IN_GROUP:
        group.enter(c.entry)
    hot = r._hot_contacts
    if hot:
        heappush(hot, c.entry)
    else:
        hot.append(c.entry)
    r.set_timer(c, due)


def hold_for(r: Centre, c: Contact, group: Group, now: float) -> None:
    """Keep it for its agents alone, as long as the window runs and one of them is ready and may take it."""
    agents = r._agents
    only: list[Agent] = []
    if r._trusting:
        only = [agents[id] for id in c.only]
    elif now < c.only_until:
        for id in c.only:
            a = agents.get(id)
            if a is None or a.presence is not _READY or id in c.declined:
                continue
            if c.direct or serves(a, group):
                only.append(a)
    c.only = tuple(a.id for a in only)
    if not only:
        c.direct = False
        return
    c.place = HELD_FOR
    for a in only:
        a.exclusive[c.id] = c


def leave_spot(r: Centre, c: Contact) -> None:
    if c.place == NOWHERE:
        return
    q = r._queues[c.queue]
    r.touch_queue(q)
    q.watch(r._now)
    q.unassigned -= 1
    if q.ratios:
        r._ratio_moved[q.id] = q
    if c.place == HELD_FOR:
        for id in c.only:
            a = r._agents.get(id)
            if a is not None:
                a.exclusive.pop(c.id, None)
    elif c.group is not None:
        c.group.leave(c.entry)
    c.place = NOWHERE
    if r._kept and c.whole and c.id in r._kept:
        for a in r._kept.pop(c.id).values():
            a.kept_for = ""
            r._hot_agents[a.id] = a


def restand(r: Centre, c: Contact) -> None:
    r.touch_contact(c)
    leave_spot(r, c)
    stand(r, c, r._queues[c.queue], r._now)


def new_bit(r: Centre, skill: str, least: int) -> int:
    """Something is asked for the first time: note who has it."""
    bit = r._bits[skill, least] = 1 << (len(CHANNEL_BITS) + len(r._bits))
    for traits in r._traits.values():
        if traits.skills.get(skill, 0) >= least:
            traits.has |= bit
    return bit


def serves(a: Agent, group: Group) -> bool:
    """Whether this agent serves the group, whatever the ratios of the moment."""
    return group.suits(a.traits) and any(q.id in a.profile.queues for q in group.serving)
