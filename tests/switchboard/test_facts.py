"""What the web process tells becomes events, once; what the router should know of the directory it is told."""

from __future__ import annotations

from datetime import date

import pytest
import pytest_asyncio

from careline.base.accounts.models import Posting, Role, User
from careline.base.organisations.models import Organisation
from careline.base.outbox.actions import tell
from careline.base.outbox.models import OutboxRow
from careline.care.directory.models import Queue
from careline.care.directory.profiles import agent_profile
from careline.core.acd.model import AgentReady, AgentSignedIn, OfferAccepted, Phase, Presence, TalkEnded
from careline.switchboard import facts
from careline.switchboard.engine import Switchboard

from .conftest import OLENA, call, dsn_of, named, orm, rows

PETRO = named("petro")


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch):
    monkeypatch.setattr(facts, "POLL_S", 3600.0)


@pytest_asyncio.fixture
async def writing(staffed):
    """Olena writes up Petro's call."""
    [offer] = await staffed.submit(call(PETRO))
    await staffed.submit(OfferAccepted(PETRO, OLENA, offer.offer))
    await staffed.submit(TalkEnded(PETRO, OLENA))
    return staffed


def recorded(next: bool, key: str = "k1") -> None:
    tell("switchboard", "contact_recorded", key, contact=PETRO, agent=OLENA, next=next)


async def test_saved_and_next_ends_the_wrap_up(writing):
    heard = []
    writing.outbox.listen(lambda fact: heard.append(fact.kind))
    await orm(lambda: recorded(next=True))

    assert await writing.outbox.read() == 1

    assert writing.router.contact(PETRO) is None
    assert writing.router.agent(OLENA).doing == "idle"
    assert heard == ["contact_recorded"]
    assert await writing.outbox.read() == 0


async def test_saved_alone_the_operator_goes_on_writing(writing):
    await orm(lambda: recorded(next=False))

    await writing.outbox.read()

    assert writing.router.contact(PETRO).phase is Phase.WRAP_UP


async def test_told_again_after_a_crash_before_it_was_marked(writing):
    await orm(lambda: recorded(next=True))
    await writing.outbox.read()
    await orm(lambda: OutboxRow.objects.update(done_at=None))
    before = len(await rows())

    await writing.outbox.read()

    assert len(await rows()) == before


async def test_saved_while_they_still_talk_it_waits_for_nobody(staffed):
    [offer] = await staffed.submit(call(PETRO))
    await staffed.submit(OfferAccepted(PETRO, OLENA, offer.offer))
    await orm(lambda: recorded(next=True))

    await staffed.outbox.read()

    assert staffed.router.contact(PETRO).phase is Phase.TALKING
    assert await orm(lambda: OutboxRow.objects.filter(done_at=None).count()) == 0


async def test_an_unknown_fact_is_only_passed_on(staffed):
    heard = []
    staffed.outbox.listen(lambda fact: heard.append((fact.kind, fact.data["contact"])))
    await orm(lambda: tell("switchboard", "walk_in_logged", "k", contact=PETRO))

    await staffed.outbox.read()

    assert heard == [("walk_in_logged", PETRO)]


@pytest.mark.django_db(transaction=True)
async def test_the_directory_changes_and_the_router_follows(time):
    from django.db import connection

    def make() -> tuple[Queue, Posting]:
        centre = Organisation.objects.create(code="centre", name="Centre", kind=Organisation.Kind.CLINIC)
        olena = User.objects.create_user("olena")
        posting = Posting.objects.create(
            user=olena, organisation=centre, role=Role.OPERATOR, valid_from=date(2020, 1, 1)
        )
        return Queue.objects.create(organisation=centre, code="town", name="Town"), posting

    queue, posting = await orm(make)
    board = Switchboard(dsn_of(connection.settings_dict), clock=time)
    await board.start()
    try:
        assert board.router.queue(str(queue.pk)).rules.open
        profile = await orm(lambda: agent_profile(posting))
        await board.submit(AgentSignedIn(profile))
        await board.submit(AgentReady(profile.id))

        def change() -> None:
            Queue.objects.filter(pk=queue.pk).update(closed=True)
            Queue.objects.create(organisation=posting.organisation, code="children", name="Children")
            tell("switchboard", "directory_changed", "k", organisation=str(posting.organisation_id))

        await orm(change)
        await board.outbox.read()

        assert not board.router.queue(str(queue.pk)).rules.open
        assert len(board.router.queues()) == 2
        agent = board.router.agent(profile.id)
        assert (len(agent.profile.queues), agent.presence) == (2, Presence.READY)
    finally:
        await board.stop()
