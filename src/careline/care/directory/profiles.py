"""The directory in the router's words: rules of queues, profiles of agents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.conf import settings

from careline.base.accounts.models import Posting, User
from careline.base.accounts.rights import covered, reader_for
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


def agent_profile(user: User, posting: Posting) -> AgentProfile:
    """The person as the router sees them in this posting.

    Queues: those chosen in their operator settings as far as they belong to the posting's organisation or below it,
    else all the posting covers (at one site: its own and the shared ones). Without a recorded language they are taken
    to speak the organisation's first one.
    """
    own = OperatorSettings.objects.filter(user=user).first() or OperatorSettings()
    return AgentProfile(
        id=str(user.id),
        queues=frozenset(_queues(user, posting)),
        skills=_skills(user, posting),
        capacity={Channel.VOICE: own.voice_capacity, Channel.VIDEO: 1, Channel.TEXT: own.text_capacity},
        site=str(posting.site_id or ""),
    )


def _queues(user: User, posting: Posting) -> list[QueueId]:
    chosen = Queue.objects.filter(
        operatorsettings__user=user, organisation__path__startswith=posting.organisation.path
    ).values_list("id", flat=True)
    if ids := list(chosen):
        return [str(each) for each in ids]
    rows = covered(reader_for(posting), Queue.objects.all(), shared=True)
    return [str(each) for each in rows.values_list("id", flat=True)]


def _skills(user: User, posting: Posting) -> dict[str, int]:
    rows = StaffSkill.objects.filter(user=user, skill__organisation__path__startswith=_root(posting))
    skills: dict[str, int] = {}
    for code, proficiency in rows.values_list("skill__code", "proficiency"):
        skills[code] = max(proficiency, skills.get(code, 0))
    languages = posting.organisation.languages
    if languages and not any(code.startswith("lang:") for code in skills):
        skills[f"lang:{languages[0]}"] = 3
    if settings.DEMO and not user.simulated:
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
