"""The directory and the router brought into line: what differs becomes an event, what does not is left alone."""

from __future__ import annotations

from uuid import UUID

from django.db import connections

from careline.base.accounts.models import User
from careline.base.accounts.rights import postings_now
from careline.care.directory.profiles import agent_profile, all_queue_rules
from careline.core.acd.model import AgentProfile, AgentSignedIn, Event, Presence, QueueSet
from careline.core.acd.router import Router


def changes(router: Router) -> list[Event]:
    """Queues whose rules, and agents at work whose profile, are no longer what the directory says.

    Reads the database: call it in a thread. Seldom needed, so that its connection is not kept.
    """
    try:
        return [*_queues(router), *_agents(router)]
    finally:
        connections.close_all()


def _queues(router: Router) -> list[Event]:
    events: list[Event] = []
    for rules in all_queue_rules():
        view = router.queue(rules.id)
        if view is None or view.rules != rules:
            events.append(QueueSet(rules, "directory"))
    return events


def _agents(router: Router) -> list[Event]:
    working = {a.id: a.profile for a in router.agents() if a.presence != Presence.OFFLINE}
    users = User.objects.filter(pk__in=[UUID(each) for each in working])
    fresh = [profile for user in users if (profile := _profile_now(user, working[str(user.pk)]))]
    return [AgentSignedIn(profile) for profile in fresh if profile != working[profile.id]]


def _profile_now(user: User, known: AgentProfile) -> AgentProfile | None:
    """The profile of the posting they signed in with: the same site, and the most queues in common."""
    postings = [p for p in postings_now(user) if str(p.site_id or "") == known.site]
    profiles = [agent_profile(user, posting) for posting in postings]
    return max(profiles, key=lambda p: len(p.queues & known.queues), default=None)
