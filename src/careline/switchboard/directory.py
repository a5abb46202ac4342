"""The directory and the router brought into line: what differs becomes an event, what does not is left alone."""

from __future__ import annotations

from uuid import UUID

from django.db import connections

from careline.base.accounts.rights import postings_now_of
from careline.care.directory.profiles import agent_profiles, all_queue_rules
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
    """The profile of the posting they signed in with: the same site, and the most queues in common. A centre's two
    thousand agents cost as many queries as one: whoever takes over after a crash must not be kept by this."""
    working = {a.id: a.profile for a in router.agents() if a.presence != Presence.OFFLINE}
    postings = postings_now_of(UUID(each) for each in working)
    postings = [p for p in postings if str(p.site_id or "") == working[str(p.user_id)].site]
    fresh: dict[str, AgentProfile] = {}
    for profile in agent_profiles(postings):
        known, best = working[profile.id].queues, fresh.get(profile.id)
        if best is None or len(profile.queues & known) > len(best.queues & known):
            fresh[profile.id] = profile
    return [AgentSignedIn(profile) for profile in fresh.values() if profile != working[profile.id]]
