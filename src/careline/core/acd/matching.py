"""Matching: always the first contact in order for whom anybody is free, to the agent whose turn it is.

After each event `match_now` goes on until no waiting contact has a free agent who may take it (but for the one
exception that `router` names).
"""

from __future__ import annotations

from heapq import heappop
from typing import Final

from careline.core.acd import estimate
from careline.core.acd.centre import Centre
from careline.core.acd.duty import has_room, keep_free, list_free, put_down, restamp, whole_in_hand
from careline.core.acd.machine import Inner
from careline.core.acd.model import OfferContact, Phase, Presence, WithdrawOffer
from careline.core.acd.places import serves, settle
from careline.core.acd.state import HELD_FOR, NOWHERE, RINGING, Agent, Contact, Entry, Free, Group, Queue, Task, Traits
from careline.core.acd.steps import back_from_offer

# Members by short names: looking one up on its enum costs on the hottest paths.
_OFFERED: Final = Phase.OFFERED
_READY: Final = Presence.READY
_ON_OFFER_MADE: Final = Inner.OFFER_MADE
_ON_OFFER_TAKEN_BACK: Final = Inner.OFFER_TAKEN_BACK
_FORGET: Final = estimate.FORGET


def may_serve(r: Centre, a: Agent, group: Group) -> bool:
    """Whether this agent serves the group now, overflow by ratio included."""
    if serves(a, group):
        return True
    over = any(q.id in a.profile.queues for q in group.home.overflowing)
    return over and group.suits(a.traits)


def match_now(r: Centre) -> None:
    if r._ratio_moved:
        check_ratios(r)
    hot = r._hot_agents
    contacts = r._hot_contacts
    if hot or contacts:
        if len(hot) == 1 and not contacts:
            _, a = hot.popitem()
            while (entry := best_for(r, a)) is not None:
                make_offer(r, entry[4], a)
        elif len(contacts) == 1 and not hot and not r._changed:
            only: Contact = contacts[0][4]
            if not only.emergency:
                match_one(r, contacts.pop())
        if hot or contacts:
            match_all(r)
    while r._ratio_moved:
        check_ratios(r)
        match_all(r)
    if r._changed:
        for a in r._changed.values():
            list_free(r, a)
        r._changed = {}


def match_one(r: Centre, entry: Entry) -> None:
    """The commonest case: one contact has come, and nothing else has moved."""
    if still_stands(r, entry):
        c: Contact = entry[4]
        a = find_agent(r, c)
        if a is not None:
            make_offer(r, c, a)


def match_all(r: Centre) -> None:
    """Always the first contact in order for whom anybody is free, to the best agent for it."""
    contacts = r._hot_contacts
    agents = r._hot_agents
    for a in r._changed.values():
        list_free(r, a)
    for a in agents.values():
        list_free(r, a)
    while contacts or agents:
        while contacts and not still_stands(r, contacts[0]):
            heappop(contacts)
        best = contacts[0] if contacts else None
        taker: Agent | None = None
        for a in list(agents.values()):
            entry = best_for(r, a)
            if entry is None:
                agents.pop(a.id, None)
            elif best is None or entry < best:
                best = entry
                taker = a
        if best is None:
            break
        found = find_agent(r, best[4]) or taker
        if found is None and best[4].emergency:
            found = take_back_for(r, best[4])
        if found is None:
            heappop(contacts)
            continue
        make_offer(r, best[4], found)
        list_free(r, found)


def still_stands(r: Centre, entry: Entry) -> bool:
    c: Contact = entry[4]
    return c.place != NOWHERE and c.entry is entry and r._contacts.get(c.id) is c


def best_for(r: Centre, a: Agent) -> Entry | None:
    """The first contact in order that this agent may take, None when they may take none now.

    A voice caller before all texts keeps an agent with texts in hand from taking more.
    """
    if a.presence is not _READY:
        return None
    partly = False
    if a.work:
        if whole_in_hand(a):
            return None
        partly = True
    has = a.traits.has
    best: Entry | None = None
    for heads in a.fronts:
        for entry in heads:
            if best is not None and best < entry:
                break
            first: Contact = entry[4]
            asks = first.asks
            if asks & has != asks:
                continue
            if partly or first.declined:
                assert first.group is not None
                best = earlier(r, a, first.group, best, partly)
            else:
                best = entry
                break
    for c in a.exclusive.values():
        if (best is None or c.entry < best) and c.id not in a.work:
            if partly and not c.whole and not has_room(r, a, c.channel):
                continue
            best = c.entry
    if best is not None and partly and best[4].whole:
        keep_free(r, a, best[4])
        return None
    return best


def earlier(r: Centre, a: Agent, group: Group, best: Entry | None, partly: bool) -> Entry | None:
    entry = group.line[0]
    if best is not None and best < entry:
        return best
    if partly and not group.whole and not has_room(r, a, group.channel):
        return best
    for entry in group.line:
        if best is not None and best < entry:
            return best
        c: Contact = entry[4]
        if c.declined and a.id in c.declined:
            continue
        if partly and c.id in a.work:
            continue
        return entry
    return best


def find_agent(r: Centre, c: Contact) -> Agent | None:
    """The free agent whose turn it is to take this contact: of its own queue first, then where it overflows to."""
    group = c.group
    assert group is not None
    if c.place == HELD_FOR:
        return find_only(r, c)
    asks = c.asks
    channel = c.channel
    serving = group.serving
    if group.home.overflowing:
        serving = (*serving, *group.home.overflowing)
    for q in serving:
        heaps = q.idle[channel]
        if not heaps:
            continue
        best: Free | None = None
        left: list[Traits] = []  # nobody stands free there any more
        for traits, heap in heaps.items():
            while heap:
                standing: Agent = heap[0][5]
                if standing.stamp == heap[0][4]:
                    break
                heappop(heap)
            if not heap:
                left.append(traits)
                continue
            if asks & traits.has != asks:
                continue
            free: Free | None = heap[0]
            if standing.work or c.declined:
                free = first_free(r, heap, c)
            if free is not None and (best is None or free < best):
                best = free
        for traits in left:
            del heaps[traits]
        if best is not None:
            free_agent: Agent = best[5]
            return free_agent
    return None


def first_free(r: Centre, heap: list[Free], c: Contact) -> Free | None:
    while heap:
        free = heap[0]
        a: Agent = free[5]
        if a.stamp != free[4]:
            heappop(heap)
        elif (a.work or c.declined) and not takes(r, a, c):
            return first_free_of_rest(r, heap, c)
        else:
            return free
    return None


def first_free_of_rest(r: Centre, heap: list[Free], c: Contact) -> Free | None:
    best: Free | None = None
    for free in heap:
        a: Agent = free[5]
        if a.stamp == free[4] and (best is None or free < best) and takes(r, a, c):
            best = free
    return best


def takes(r: Centre, a: Agent, c: Contact) -> bool:
    """Whether a free agent may take this very contact: not declined, not in hand, no voice caller before it."""
    if a.id in c.declined or c.id in a.work:
        return False
    if not a.work:
        return True
    if not has_room(r, a, c.channel):
        return False
    before = voice_before(r, a, c)
    if before is not None:
        keep_free(r, a, before)
        return False
    return True


def voice_before(r: Centre, a: Agent, c: Contact) -> Contact | None:
    """The first voice caller before `c` whom this agent, busy with texts, will have to serve."""
    best: Entry = c.entry
    has = a.traits.has
    for heads in a.fronts:
        for entry in heads:
            if not entry < best:
                break
            first: Contact = entry[4]
            if first.whole and first.asks & has == first.asks:
                assert first.group is not None
                best = earlier_in(first.group, best, a)
    for other in a.exclusive.values():
        if other.whole and other.entry < best:
            best = other.entry
    before: Contact = best[4]
    return None if before is c else before


def find_only(r: Centre, c: Contact) -> Agent | None:
    best: Agent | None = None
    for id in c.only:
        a = r._agents[id]
        if not has_room(r, a, c.channel) or not takes(r, a, c):
            continue
        if best is None or (a.idle_since, a.id) < (best.idle_since, best.id):
            best = a
    return best


def take_back_for(r: Centre, c: Contact) -> Agent | None:
    """An emergency with nobody free: the agent last rung for another contact, if they may take this one."""
    latest: Contact | None = None
    for other in r._ringing.values():
        if other.emergency or (latest is not None and (latest.since, latest.id) >= (other.since, other.id)):
            continue
        a = r._agents[other.agent]
        assert c.group is not None
        fits = a.id in c.only if c.place == HELD_FOR else may_serve(r, a, c.group)
        if not fits or a.id in c.declined or c.id in a.work:
            continue
        alone = len(a.work) == 1
        if alone or (not c.whole and not other.whole and other.channel is c.channel):
            latest = other
    if latest is None:
        return None
    a = r._agents[latest.agent]
    r.touch_contact(latest)
    r.touch_agent(a)
    r._out.append(WithdrawOffer(latest.id, a.id, latest.offer, "emergency"))
    put_down(r, a, latest.id)
    back_from_offer(r, latest, _ON_OFFER_TAKEN_BACK)
    return a


def make_offer(r: Centre, c: Contact, a: Agent) -> None:
    r.touch_contact(c)
    r.touch_agent(a)
    now = r._now
    q = r._queues[c.queue]
    if now > c.entered_at:
        r.touch_queue(q)
        q.watch(now)
        forget = _FORGET
        q.taken = q.taken * forget + 1.0
        q.exposure *= forget
        q.given_up *= forget
        q.waited *= forget
        c.waited = True
    c.offers += 1
    c.offer = f"{c.id}:{c.offers}"
    c.agent = a.id
    c.until = now + q.rules.offer_s
    a.account(now)
    a.work[c.id] = Task(RINGING, c.channel, c.until)
    restamp(r, a)
    r.move(c, _ON_OFFER_MADE, _OFFERED)
    settle(r, c)
    r._ringing[c.id] = c
    r._out.append(OfferContact(c.id, a.id, c.offer, c.until))


def check_ratios(r: Centre) -> None:
    moved = r._ratio_moved
    r._ratio_moved = {}
    for q in moved.values():
        check_ratio(r, q)


def check_ratio(r: Centre, q: Queue) -> None:
    now_over: tuple[Queue, ...] = ()
    for target, ratio in q.ratios:
        if q.unassigned > ratio * q.ready:
            now_over = (*now_over, target)
    before = q.overflowing
    if now_over == before:
        return
    for target in before:
        if target not in now_over:
            for kept in r._kept.values():  # the voice caller they are kept for may be of this queue
                for a in kept.values():
                    a.kept_for = ""
                    r._hot_agents[a.id] = a
            r._kept = {}
    q.overflow_into(now_over)
    for target in now_over:
        if target in before:
            continue
        for a in target.members.values():
            if a.presence is _READY and (not a.work or len(a.traits.channels) > 1):
                r._hot_agents[a.id] = a


def earlier_in(group: Group, best: Entry, a: Agent) -> Entry:
    """The first entry of the group before `best` that the agent has not declined, else `best`."""
    for entry in group.line:
        if not entry < best:
            return best
        if a.id not in entry[4].declined:
            return entry
    return best
