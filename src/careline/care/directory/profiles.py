"""The directory in the router's words: rules of queues, profiles of agents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings

from careline.base.accounts.models import Posting
from careline.care.directory.models import OperatorSettings, Queue, StaffSkill
from careline.core.acd.model import AgentProfile, Channel, Overflow, QueueId, QueueRules, Relax, Selection

# In the demo, what a real caller hard needs and a simulated colleague lacks. Nowhere else does anybody ask for it.
PERSON = "demo:person"

Codes = Mapping[tuple[str, str], Queue]  # (path of the organisation, code of the queue)


def queue_rules(queue: Queue, codes: Codes | None = None) -> QueueRules:
    """What the router knows of a queue. `open` is the supervisor's word alone: hours belong to lines, which are asked
    before a contact is queued, so that whoever waits at closing time is still served.

    An overflow to a queue that is no longer there is left out.
    """
    return QueueRules(
        id=str(queue.id),
        site=str(queue.site_id or ""),
        open=not queue.closed,
        selection=Selection(queue.selection),
        offer_s=float(queue.offer_s),
        wrap_up_s=float(queue.wrap_up_s),
        lost_s=float(queue.lost_s),
        limit=queue.limit,
        head_start_s=float(queue.head_start_s),
        preferred_s=float(queue.preferred_s),
        relax=tuple(sorted((Relax(float(r["after_s"]), int(r["by"])) for r in queue.relax), key=lambda r: r.after_s)),
        overflow=_overflow(queue, _codes(queue) if codes is None and queue.overflow else codes or {}),
    )


def all_queue_rules() -> list[QueueRules]:
    """Rules of every queue of active organisations, in one read whatever their number."""
    rows = list(Queue.objects.filter(organisation__active=True).select_related("organisation"))
    codes = _by_code(rows)
    return [queue_rules(row, codes) for row in rows]


def agent_profile(posting: Posting) -> AgentProfile:
    """The person as the router sees them in this posting."""
    return agent_profiles([posting])[0]


def agent_profiles(postings: Sequence[Posting]) -> list[AgentProfile]:
    """People as the router sees them in these postings, in their order. Four queries whatever their number.

    Queues: those chosen in their operator settings as far as they belong to the posting's organisation or below it,
    else all the posting covers (at one site: its own and the shared ones). Without a recorded language they are taken
    to speak the organisation's first one.
    """
    users = {posting.user_id for posting in postings}
    capacities = {own.user_id: own for own in OperatorSettings.objects.filter(user__in=users)}
    chosen = defaultdict(set)
    for user, queue in OperatorSettings.objects.filter(user__in=users, queues__isnull=False).values_list(
        "user", "queues"
    ):
        chosen[user].add(queue)
    skills = defaultdict(list)
    held = StaffSkill.objects.filter(user__in=users)
    for user, *skill in held.values_list("user", "skill__code", "proficiency", "skill__organisation__path"):
        skills[user].append(skill)
    queues = list(Queue.objects.values_list("id", "organisation__path", "site_id"))
    profiles = []
    for posting in postings:
        own = capacities.get(posting.user_id) or OperatorSettings()
        profiles.append(
            AgentProfile(
                id=str(posting.user_id),
                queues=_queues(posting, queues, chosen[posting.user_id]),
                skills=_skills(posting, skills[posting.user_id]),
                capacity={Channel.VOICE: own.voice_capacity, Channel.VIDEO: 1, Channel.TEXT: own.text_capacity},
                site=str(posting.site_id or ""),
            )
        )
    return profiles


def _queues(
    posting: Posting, all_queues: Iterable[tuple[UUID, str, UUID | None]], chosen: Container[UUID]
) -> frozenset[QueueId]:
    below = [(id, site) for id, path, site in all_queues if path.startswith(posting.organisation.path)]
    if own := frozenset(str(id) for id, _site in below if id in chosen):
        return own
    return frozenset(str(id) for id, site in below if posting.site_id is None or site in {None, posting.site_id})


def _skills(posting: Posting, held: Iterable[Sequence[Any]]) -> dict[str, int]:
    skills: dict[str, int] = {}
    for code, proficiency, path in held:
        if path.startswith(_root(posting)):
            skills[code] = max(proficiency, skills.get(code, 0))
    languages = posting.organisation.languages
    if languages and not any(code.startswith("lang:") for code in skills):
        skills[f"lang:{languages[0]}"] = 3
    if settings.DEMO and not posting.user.simulated:
        skills[PERSON] = 1
    return skills


def _root(posting: Posting) -> str:
    return f"{posting.organisation.root_code}/"


def _overflow(queue: Queue, codes: Codes) -> tuple[Overflow, ...]:
    found = []
    for rule in queue.overflow:
        target = _target(queue, rule["to"], codes)
        if target and target.id != queue.id:
            found.append(Overflow(str(target.id), _seconds(rule.get("after_s")), _seconds(rule.get("ratio"))))
    return tuple(found)


def _target(queue: Queue, code: str, codes: Codes) -> Queue | None:
    """The queue of that code in the same organisation, else in the nearest one above, else anywhere in the network."""
    parts = queue.organisation.path.split("/")[:-1]
    for length in range(len(parts), 0, -1):
        if found := codes.get(("/".join(parts[:length]) + "/", code)):
            return found
    return next((row for (path, key), row in codes.items() if key == code and path.startswith(f"{parts[0]}/")), None)


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _codes(queue: Queue) -> Codes:
    rows = Queue.objects.filter(organisation__path__startswith=f"{queue.organisation.root_code}/")
    return _by_code(rows.select_related("organisation"))


def _by_code(rows: Iterable[Queue]) -> Codes:
    return {(row.organisation.path, row.code): row for row in rows}
