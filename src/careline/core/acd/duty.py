"""Agents on duty: where they are enlisted, what they have room for, where they stand free."""

from __future__ import annotations

from heapq import heapify, heappush
from typing import Final

from careline.core.acd.centre import Centre
from careline.core.acd.model import Channel, ContactId, Presence, Selection
from careline.core.acd.places import restand
from careline.core.acd.state import Agent, Contact, Free, Queue, Traits

# Members by short names: looking one up on its enum costs on the hottest paths.
_READY: Final = Presence.READY
_BY_LEAST_OCCUPIED: Final = Selection.LEAST_OCCUPIED
_IN_VIDEO: Final = Channel.VIDEO
_IN_VOICE: Final = Channel.VOICE


def set_presence(r: Centre, a: Agent, presence: Presence, reason: str) -> None:
    now = r._now
    a.account(now)
    if (a.presence is _READY) != (presence is _READY):
        step = 1 if presence is _READY else -1
        for q in a.qs:
            r.touch_queue(q)
            q.watch(now)
            q.ready += step
            if q.ratios:
                r._ratio_moved[q.id] = q
    a.presence = presence
    a.reason = reason
    a.since = now
    restamp(r, a)
    if presence is not _READY:
        r._hot_agents.pop(a.id, None)
        let_go(r, a)
        for c in list(a.exclusive.values()):
            restand(r, c)


def put_down(r: Centre, a: Agent, id: ContactId) -> None:
    now = r._now
    a.account(now)
    del a.work[id]
    if not a.work:
        a.idle_since = now
    restamp(r, a)
    if a.presence is _READY:
        r._hot_agents[a.id] = a


def enlist(r: Centre, a: Agent) -> None:
    profile = a.profile
    channels = frozenset(channel for channel, most in profile.capacity.items() if most > 0)
    key = (frozenset(profile.skills.items()), channels)
    traits = r._traits.get(key)
    if traits is None:
        traits = r._traits[key] = Traits(dict(profile.skills), channels)
        for (skill, least), bit in r._bits.items():
            if traits.skills.get(skill, 0) >= least:
                traits.has |= bit
    a.traits = traits
    a.qs = [r.queue_named(id) for id in sorted(profile.queues)]
    a.fronts = [q.heads for q in a.qs]
    ready = a.presence is _READY
    for q in a.qs:
        q.members[a.id] = a
        if ready:
            r.touch_queue(q)
            q.watch(r._now)
            q.ready += 1
            if q.ratios:
                r._ratio_moved[q.id] = q


def unlist(r: Centre, a: Agent) -> None:
    a.stamp += 1
    ready = a.presence is _READY
    for q in a.qs:
        del q.members[a.id]
        if ready:
            r.touch_queue(q)
            q.watch(r._now)
            q.ready -= 1
            if q.ratios:
                r._ratio_moved[q.id] = q
    a.qs = []


def restamp(r: Centre, a: Agent) -> None:
    """Work or presence changed: where the agent stood free no longer holds."""
    a.share = a.occupancy()
    a.stamp += 1
    r._changed[a.id] = a


def list_free(r: Centre, a: Agent) -> None:
    """Stand among the free agents of every queue, for every channel with room."""
    if a.listed == a.stamp or a.presence is not _READY:
        return
    a.listed = a.stamp
    work = a.work
    load = len(work)
    if load and whole_in_hand(a):
        return
    channels = list(a.traits.channels)
    if load:
        channels = [channel for channel in channels if has_room(r, a, channel)]
    for q in a.qs:
        share = a.share if q.rules.selection is _BY_LEAST_OCCUPIED else 0.0
        entry: Free = (load, share, a.idle_since, a.id, a.stamp, a)
        for channel in channels:
            heaps = q.idle[channel]
            heap = heaps.get(a.traits)
            if heap is None:
                heap = heaps[a.traits] = []
            elif len(heap) > 2 * len(q.members) + 16:
                heap[:] = [e for e in heap if e[5].stamp == e[4]]
                heapify(heap)
            heappush(heap, entry)


def stand_anew(r: Centre, q: Queue) -> None:
    """The queue selects its agents otherwise now: none of them stands free where they stood."""
    for heaps in q.idle.values():
        heaps.clear()
    for a in q.members.values():
        a.stamp += 1
        r._changed[a.id] = a


def has_room(r: Centre, a: Agent, channel: Channel) -> bool:
    """Whether the agent could take one more of this channel now."""
    work = a.work
    most = a.profile.capacity.get(channel, 0)
    if not work:
        return most > 0
    if channel is _IN_VOICE or channel is _IN_VIDEO:
        return False
    held = 0
    for task in work.values():
        if task.whole:
            return False
        if task.channel is channel:
            held += 1
    return held < most


def keep_free(r: Centre, a: Agent, caller: Contact) -> None:
    """Give this agent no more texts until the voice caller who stands first has been served."""
    if a.kept_for != caller.id:
        let_go(r, a)
        a.kept_for = caller.id
        r._kept.setdefault(caller.id, {})[a.id] = a


def let_go(r: Centre, a: Agent) -> None:
    kept = r._kept.get(a.kept_for)
    if kept is not None:
        kept.pop(a.id, None)
        if not kept:
            del r._kept[a.kept_for]
    a.kept_for = ""


def whole_in_hand(a: Agent) -> bool:
    for task in a.work.values():  # noqa: SIM110 - on the hottest path; any() costs twice as much
        if task.whole:
            return True
    return False
