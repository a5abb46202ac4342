"""What the router remembers: contacts, agents, queues and the groups waiting callers stand in.

Each record folds to a JSON-ready dict and back, and copies itself for rollback. The indices (lines, groups, idle heaps)
are not state: they follow from the records and are made again from them.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping
from typing import Any, Final

from careline.core.acd.model import (
    AgentProfile,
    Channel,
    EndCause,
    Need,
    Overflow,
    Phase,
    Presence,
    QueueRules,
    Relax,
    Selection,
)

Json = dict[str, Any]

# Where an entry stands: (0 for emergencies else 1, key in seconds, number in its queue, contact id, the contact).
# Compared as a tuple, and by identity: the type is left open so that a compiled router keeps the very object.
Entry = tuple[Any, ...]

NEVER: Final = float("inf")

# What a contact asks for and what an agent has are sets of bits, so that one `&` tells whether they fit. The first bits
# are the channels'; the router numbers skills at their proficiencies after them.
CHANNEL_BITS: Final = {channel: 1 << n for n, channel in enumerate(Channel)}

# Members by short names: looking one up on its enum costs on the hottest paths.
_VOICE: Final = Channel.VOICE
_VIDEO: Final = Channel.VIDEO
_READY: Final = Presence.READY
_QUEUED: Final = Phase.QUEUED
_COMPLETED: Final = EndCause.COMPLETED

# What an agent does with one piece of work.
RINGING: Final = "ringing"
DIALS: Final = "dialling"
TALKS: Final = "talking"
WRITES: Final = "wrap_up"

# Where a contact stands to be taken.
NOWHERE: Final = 0
HELD_FOR: Final = 1  # by some agents alone
IN_GROUP: Final = 2


# What most contacts have none of, shared by all of them: never changed in place.
_NONE: Final[list[Any]] = []
_NOBODY: Final[dict[str, float]] = {}


class Contact:
    """One caller's wish, from the first word to the end of the writing-up."""

    __slots__ = (
        "agent",
        "asks",
        "callback",
        "came",
        "cause",
        "channel",
        "declined",
        "direct",
        "due",
        "emergency",
        "entered_at",
        "entry",
        "first",
        "folded_hard",
        "folded_needs",
        "folded_preferred",
        "group",
        "hard",
        "head_start_s",
        "held_since",
        "id",
        "in_line",
        "jumped",
        "key",
        "lost_since",
        "needs",
        "not_before",
        "offer",
        "offers",
        "only",
        "only_until",
        "phase",
        "place",
        "preferred",
        "queue",
        "queued_at",
        "seq",
        "simulated",
        "since",
        "stood_at",
        "talk",
        "tally",
        "tries",
        "until",
        "waited",
        "whole",
    )

    def __init__(self, id: str, queue: str, channel: Channel, queued_at: float) -> None:
        self.id = id
        self.queue = queue
        self.channel = channel
        self.whole = channel is _VOICE or channel is _VIDEO
        self.phase = _QUEUED
        self.queued_at = queued_at
        self.entered_at = queued_at
        self.since = queued_at
        self.key = queued_at
        self.seq = 0
        self.first = -1  # serial of the first entry into this line: what this caller has been told counts from here
        self.came = 0  # serial of the last entry: others ahead of whom it stands were there before this
        self.jumped = False  # entered ahead of somebody
        self.head_start_s = 0.0
        self.emergency = False
        self.needs: tuple[Need, ...] = ()
        self.folded_needs: list[list[Any]] = _NONE
        self.hard: frozenset[str] = frozenset()
        self.folded_hard: list[str] = _NONE
        self.preferred: tuple[str, ...] = ()
        self.folded_preferred: list[str] = _NONE
        self.only: tuple[str, ...] = ()  # the agents who may take it now, while a window runs
        self.only_until = 0.0
        self.stood_at = queued_at  # the moment its needs, overflow and windows were last worked out for
        self.direct = False  # handed to `only` by name: skills and queue do not matter
        self.declined: dict[str, float] = _NOBODY  # agent -> until when they are not asked again
        self.agent = ""
        self.offer = ""
        self.offers = 0
        self.until: float | None = None
        self.lost_since: float | None = None
        self.held_since: float | None = None
        self.not_before: float | None = None
        self.callback = False
        self.tries = 0
        self.talk = 0
        self.simulated = False
        self.waited = False  # the running offer came after a wait: it counts for the estimate
        self.cause = _COMPLETED
        # Indices, made by the router.
        self.entry: Entry = (1, queued_at, 0, id, self)
        self.in_line = False
        self.place = 0  # 0 nowhere, 1 held for some agents alone, 2 in its group
        self.group: Group | None = None
        self.asks = 0  # its group's
        self.due = NEVER  # the timer that counts
        self.tally = 0  # under which of its queue's counts it stands

    def ask_for(self, needs: tuple[Need, ...]) -> None:
        self.needs = needs
        self.folded_needs = [[need.skill, need.least] for need in needs] if needs else _NONE

    def keep_to(self, hard: frozenset[str], preferred: tuple[str, ...]) -> None:
        """What never changes in a contact's life: needs that do not relax, agents it would rather have."""
        self.hard = hard
        self.folded_hard = sorted(hard) if hard else _NONE
        self.preferred = preferred
        self.folded_preferred = list(preferred) if preferred else _NONE

    def copy(self) -> tuple[Any, ...]:
        """Everything that is state, for `put_back`."""
        return (
            self.queue,
            self.phase,
            self.entered_at,
            self.since,
            self.key,
            self.seq,
            self.first,
            self.came,
            self.jumped,
            self.head_start_s,
            self.emergency,
            self.needs,
            self.folded_needs,
            self.only,
            self.only_until,
            self.stood_at,
            self.direct,
            self.declined,
            self.agent,
            self.offer,
            self.offers,
            self.until,
            self.lost_since,
            self.held_since,
            self.not_before,
            self.callback,
            self.tries,
            self.talk,
            self.waited,
            self.cause,
        )

    def put_back(self, state: tuple[Any, ...]) -> None:
        (
            self.queue,
            self.phase,
            self.entered_at,
            self.since,
            self.key,
            self.seq,
            self.first,
            self.came,
            self.jumped,
            self.head_start_s,
            self.emergency,
            self.needs,
            self.folded_needs,
            self.only,
            self.only_until,
            self.stood_at,
            self.direct,
            self.declined,
            self.agent,
            self.offer,
            self.offers,
            self.until,
            self.lost_since,
            self.held_since,
            self.not_before,
            self.callback,
            self.tries,
            self.talk,
            self.waited,
            self.cause,
        ) = state
        self.rank()

    def rank(self) -> None:
        """Make the entry anew after tier, key or number changed."""
        self.entry = (
            0 if self.emergency else 1,
            self.queued_at if self.emergency else self.key,
            self.seq,
            self.id,
            self,
        )

    def fold(self) -> Json:
        f = _FOLDED_CONTACT.copy()  # a dict of this size is copied and overwritten far quicker than built
        self.fold_into(f)
        return f

    def fold_into(self, f: Json) -> None:
        f["id"] = self.id
        f["queue"] = self.queue
        f["channel"] = self.channel._value_
        f["phase"] = self.phase._value_
        f["queued_at"] = self.queued_at
        f["entered_at"] = self.entered_at
        f["since"] = self.since
        f["key"] = self.key
        f["seq"] = self.seq
        f["first"] = self.first
        f["came"] = self.came
        f["jumped"] = self.jumped
        f["head_start_s"] = self.head_start_s
        f["emergency"] = self.emergency
        f["needs"] = self.folded_needs
        f["hard"] = self.folded_hard
        f["preferred"] = self.folded_preferred
        f["only"] = list(self.only) if self.only else []
        f["only_until"] = self.only_until
        f["stood_at"] = self.stood_at
        f["direct"] = self.direct
        f["declined"] = dict(self.declined) if self.declined else {}
        f["agent"] = self.agent
        f["offer"] = self.offer
        f["offers"] = self.offers
        f["until"] = self.until
        f["lost_since"] = self.lost_since
        f["held_since"] = self.held_since
        f["not_before"] = self.not_before
        f["callback"] = self.callback
        f["tries"] = self.tries
        f["talk"] = self.talk
        f["simulated"] = self.simulated
        f["waited"] = self.waited
        f["cause"] = self.cause._value_

    @classmethod
    def unfold(cls, f: Mapping[str, Any]) -> Contact:
        c = cls(f["id"], f["queue"], Channel(f["channel"]), f["queued_at"])
        c.keep_to(frozenset(f["hard"]), tuple(f["preferred"]))
        c.simulated = f["simulated"]
        c.put_back(
            (
                f["queue"],
                Phase(f["phase"]),
                f["entered_at"],
                f["since"],
                f["key"],
                f["seq"],
                f["first"],
                f["came"],
                f["jumped"],
                f["head_start_s"],
                f["emergency"],
                tuple(Need(skill, least) for skill, least in f["needs"]),
                f["needs"],
                tuple(f["only"]),
                f["only_until"],
                f["stood_at"],
                f["direct"],
                dict(f["declined"]),
                f["agent"],
                f["offer"],
                f["offers"],
                f["until"],
                f["lost_since"],
                f["held_since"],
                f["not_before"],
                f["callback"],
                f["tries"],
                f["talk"],
                f["waited"],
                EndCause(f["cause"]),
            )
        )
        return c


_FOLDED_CONTACT: Final[Json] = {}
Contact("", "", _VOICE, 0.0).fold_into(_FOLDED_CONTACT)


class Task:
    """One piece of an agent's work. Never changed in place."""

    __slots__ = ("channel", "doing", "folded", "until", "whole")

    def __init__(self, doing: str, channel: Channel, until: float | None) -> None:
        self.doing = doing
        self.channel = channel
        self.whole = channel is _VOICE or channel is _VIDEO
        self.until = until
        self.folded = [doing, channel._value_, until]


class Agent:
    __slots__ = (
        "accounted",
        "busy_s",
        "exclusive",
        "folded_profile",
        "fronts",
        "id",
        "idle_s",
        "idle_since",
        "kept_for",
        "listed",
        "presence",
        "profile",
        "qs",
        "reason",
        "share",
        "since",
        "stamp",
        "traits",
        "work",
    )

    def __init__(self, profile: AgentProfile, now: float) -> None:
        self.id = profile.id
        self.profile = profile
        self.folded_profile = _fold_profile(profile)
        self.presence = Presence.OFFLINE
        self.reason = ""
        self.since = now
        self.idle_since = now
        self.busy_s = 0.0
        self.idle_s = 0.0
        self.accounted = now
        self.share = 0.0  # occupancy as of the last change of work or presence: what least-occupied selection compares
        self.work: dict[str, Task] = {}
        # Indices, made by the router.
        self.qs: list[Queue] = []
        self.fronts: list[list[Entry]] = []  # the heads of each of them
        self.traits: Traits = Traits({}, frozenset())
        self.stamp = 0
        self.listed = -1  # the stamp under which it stands in its queues' idle heaps
        self.exclusive: dict[str, Contact] = {}
        self.kept_for = ""  # the voice caller for whom this agent, busy with texts, takes no more of them

    def copy(self) -> tuple[Any, ...]:
        return (
            self.profile,
            self.folded_profile,
            self.presence,
            self.reason,
            self.since,
            self.idle_since,
            self.busy_s,
            self.idle_s,
            self.accounted,
            self.share,
            dict(self.work),
        )

    def put_back(self, state: tuple[Any, ...]) -> None:
        (
            self.profile,
            self.folded_profile,
            self.presence,
            self.reason,
            self.since,
            self.idle_since,
            self.busy_s,
            self.idle_s,
            self.accounted,
            self.share,
            work,
        ) = state
        self.work = dict(work)

    def set_profile(self, profile: AgentProfile) -> None:
        self.profile = profile
        self.folded_profile = _fold_profile(profile)

    def account(self, now: float) -> None:
        """Charge the time since the last change to work or to idleness. Call before either changes."""
        spent = now - self.accounted
        if spent > 0.0:
            if self.work:
                self.busy_s += spent
            elif self.presence is _READY:
                self.idle_s += spent
            self.accounted = now

    def occupancy(self) -> float:
        """Share of time in hand, 0..1, as of the last change."""
        total = self.busy_s + self.idle_s
        return self.busy_s / total if total > 0.0 else 0.0

    def in_hand(self, channel: Channel) -> int:
        return sum(1 for task in self.work.values() if task.channel is channel)

    def fold(self) -> Json:
        return {
            "id": self.id,
            "profile": self.folded_profile,
            "presence": self.presence._value_,
            "reason": self.reason,
            "since": self.since,
            "idle_since": self.idle_since,
            "busy_s": self.busy_s,
            "idle_s": self.idle_s,
            "accounted": self.accounted,
            "share": self.share,
            "work": {contact: task.folded for contact, task in self.work.items()} if self.work else {},
        }

    @classmethod
    def unfold(cls, f: Mapping[str, Any]) -> Agent:
        p = f["profile"]
        profile = AgentProfile(
            p["id"],
            frozenset(p["queues"]),
            dict(p["skills"]),
            {Channel(k): v for k, v in p["capacity"].items()},
            p["site"],
        )
        a = cls(profile, f["since"])
        work = {k: Task(doing, Channel(channel), until) for k, (doing, channel, until) in f["work"].items()}
        a.put_back(
            (
                profile,
                a.folded_profile,
                Presence(f["presence"]),
                f["reason"],
                f["since"],
                f["idle_since"],
                f["busy_s"],
                f["idle_s"],
                f["accounted"],
                f["share"],
                work,
            )
        )
        return a


def _fold_profile(profile: AgentProfile) -> Json:
    return {
        "id": profile.id,
        "queues": sorted(profile.queues),
        "skills": dict(profile.skills),
        "capacity": {Channel(channel).value: most for channel, most in profile.capacity.items()},
        "site": profile.site,
    }


class Traits:
    """What many agents have in common: skills, and the channels they take.

    `has` holds a bit for each channel, and for each (skill, least) that anybody ever asked for and they meet.
    """

    __slots__ = ("channels", "has", "skills")

    def __init__(self, skills: Mapping[str, int], channels: frozenset[Channel]) -> None:
        self.skills = skills
        self.channels = channels
        self.has = 0
        for channel in channels:
            self.has |= CHANNEL_BITS[channel]


class Group:
    """Waiting callers whom exactly the same agents may take: same queue, same overflow, same channel, same needs
    now.
    """

    __slots__ = ("asks", "channel", "fronts", "home", "line", "serving", "whole")

    def __init__(self, home: Queue, serving: tuple[Queue, ...], channel: Channel, asks: int) -> None:
        self.home = home
        self.serving = serving
        self.channel = channel
        self.whole = channel is _VOICE or channel is _VIDEO
        self.asks = asks  # the bits an agent must have
        self.fronts: list[list[Entry]] = []  # the heads of queues among which the first of the line stands
        self.line: list[Entry] = []

    def suits(self, traits: Traits) -> bool:
        return self.asks & traits.has == self.asks

    def enter(self, entry: Entry) -> None:
        """Take a place in the line."""
        line = self.line
        if not line:
            line.append(entry)
            self.show()
        elif line[-1] < entry:
            line.append(entry)
        elif entry < line[0]:
            for heads in self.fronts:
                remove(heads, line[0])
                insort(heads, entry)
            line.insert(0, entry)
        else:
            insort(line, entry)

    def leave(self, entry: Entry) -> None:
        line = self.line
        if line[0] is not entry:
            remove(line, entry)
            return
        del line[0]
        for heads in self.fronts:
            remove(heads, entry)
            if line:
                insort(heads, line[0])
        if not line:
            self.fronts = []

    def show(self) -> None:
        """Stand with the first of the line among the heads of every queue that serves the group now."""
        first = self.line[0]
        for heads in self.fronts:
            remove(heads, first)
        self.fronts = [q.heads for q in self.serving]
        for q in self.home.overflowing:
            if q not in self.serving:
                self.fronts.append(q.heads)
        for heads in self.fronts:
            insort(heads, first)


def remove(line: list[Entry], entry: Entry) -> None:
    at = 0 if line[0] is entry else bisect_left(line, entry)  # who leaves is the first more often than not
    assert line[at] is entry
    del line[at]


# An agent free for a channel: (load, occupancy or 0, idle since, id, stamp, the agent); stale when the stamp has moved
# on.
Free = tuple[Any, ...]


class Queue:
    __slots__ = (
        "alone",
        "callbacks",
        "exposure",
        "folded_rules",
        "given_up",
        "heads",
        "id",
        "idle",
        "jumpers",
        "known",
        "line",
        "lost",
        "members",
        "overflowing",
        "own",
        "ratios",
        "ready",
        "ring_s",
        "ringing",
        "rules",
        "seen_at",
        "serial",
        "taken",
        "unassigned",
        "waited",
        "waiting",
    )

    def __init__(self, id: str) -> None:
        self.id = id
        self.known = False
        self.rules = QueueRules(id=id, open=False)
        self.folded_rules: Json = {}
        self.serial = 0
        # What the estimate stands on (see estimate.py).
        self.seen_at = 0.0
        self.taken = 0.0
        self.exposure = 0.0
        self.given_up = 0.0
        self.waited = 0.0
        self.ring_s = 0.0
        # Indices, made by the router.
        self.line: list[Entry] = []  # all whose turn could come now, ringing ones included
        self.jumpers: list[Entry] = []  # those of the line who entered ahead of somebody
        self.heads: list[Entry] = []  # the first of each group that agents of this queue serve
        self.alone: tuple[Queue, ...] = (self,)
        self.own: dict[tuple[int, tuple[Queue, ...]], Group] = {}  # all groups of this queue's callers
        self.idle: dict[Channel, dict[Traits, list[Free]]] = {channel: {} for channel in Channel}
        self.members: dict[str, Agent] = {}
        self.ready = 0
        self.waiting = 0  # all places kept: queued, ringing, call-backs, lost
        self.unassigned = 0  # those of the line whom nobody is being rung for
        self.ringing = 0
        self.callbacks = 0
        self.lost = 0
        self.ratios: tuple[tuple[Queue, float], ...] = ()
        self.overflowing: tuple[Queue, ...] = ()

    def overflow_into(self, targets: tuple[Queue, ...]) -> None:
        """Let agents of these queues too, and of no others by ratio, see the groups of this one's callers."""
        if targets == self.overflowing:
            return
        self.overflowing = targets
        for entry in [entry for entry in self.heads if entry[4].group.home is self]:
            first: Contact = entry[4]
            assert first.group is not None
            first.group.show()

    def set_rules(self, rules: QueueRules) -> None:
        self.known = True
        self.rules = rules
        self.folded_rules = {
            "id": rules.id,
            "site": rules.site,
            "open": rules.open,
            "selection": rules.selection.value,
            "offer_s": rules.offer_s,
            "wrap_up_s": rules.wrap_up_s,
            "lost_s": rules.lost_s,
            "limit": rules.limit,
            "head_start_s": rules.head_start_s,
            "preferred_s": rules.preferred_s,
            "dial_s": rules.dial_s,
            "retry_s": rules.retry_s,
            "declined_s": rules.declined_s,
            "lost_talk_s": rules.lost_talk_s,
            "lost_callback_s": rules.lost_callback_s,
            "relax": [[r.after_s, r.by] for r in rules.relax],
            "overflow": [[o.to, o.after_s, o.ratio] for o in rules.overflow],
        }

    def watch(self, now: float) -> None:
        """Carry the estimate's exposures to `now`. Call before `unassigned` or `ready` changes."""
        spent = now - self.seen_at
        if spent > 0.0:
            if self.unassigned:
                self.exposure += spent * self.ready
                self.waited += spent * self.unassigned
            self.seen_at = now

    def copy(self) -> tuple[Any, ...]:
        return (
            self.known,
            self.rules,
            self.folded_rules,
            self.serial,
            self.seen_at,
            self.taken,
            self.exposure,
            self.given_up,
            self.waited,
            self.ring_s,
        )

    def put_back(self, state: tuple[Any, ...]) -> None:
        (
            self.known,
            self.rules,
            self.folded_rules,
            self.serial,
            self.seen_at,
            self.taken,
            self.exposure,
            self.given_up,
            self.waited,
            self.ring_s,
        ) = state

    def fold(self) -> Json:
        return {
            "id": self.id,
            "rules": self.folded_rules,
            "serial": self.serial,
            "seen_at": self.seen_at,
            "taken": self.taken,
            "exposure": self.exposure,
            "given_up": self.given_up,
            "waited": self.waited,
            "ring_s": self.ring_s,
        }

    def unfold(self, f: Mapping[str, Any]) -> None:
        r = f["rules"]
        rules = QueueRules(
            id=r["id"],
            site=r["site"],
            open=r["open"],
            selection=Selection(r["selection"]),
            offer_s=r["offer_s"],
            wrap_up_s=r["wrap_up_s"],
            lost_s=r["lost_s"],
            limit=r["limit"],
            head_start_s=r["head_start_s"],
            preferred_s=r["preferred_s"],
            dial_s=r["dial_s"],
            retry_s=r["retry_s"],
            declined_s=r["declined_s"],
            lost_talk_s=r["lost_talk_s"],
            lost_callback_s=r["lost_callback_s"],
            relax=tuple(Relax(after_s, by) for after_s, by in r["relax"]),
            overflow=tuple(Overflow(to, after_s, ratio) for to, after_s, ratio in r["overflow"]),
        )
        self.set_rules(rules)
        self.serial = f["serial"]
        self.seen_at = f["seen_at"]
        self.taken = f["taken"]
        self.exposure = f["exposure"]
        self.given_up = f["given_up"]
        self.waited = f["waited"]
        self.ring_s = f["ring_s"]
