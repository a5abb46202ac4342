"""The figures and the ledger agree: kept up piece by piece, or thrown away and made again, they are the same rows."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from django.utils import timezone

from careline.base.accounts.models import User
from careline.base.organisations.models import Organisation
from careline.care.contacts import actions, ledger, projections
from careline.care.contacts.models import AgentInterval, Contact, ContactSummary
from careline.care.directory.models import PhoneLine, Queue
from careline.core.acd.model import ContactQueued, IllegalEvent, TimePassed
from careline.core.acd.router import Router
from careline.switchboard import journal

from .histories import AGENTS, QUEUES, next_event, opening

START = 1_767_600_000.0


@pytest.fixture
def line(db) -> PhoneLine:
    root = Organisation.objects.create(code="district", name="District", kind=Organisation.Kind.NETWORK)
    queues = [Queue.objects.create(id=q, organisation=root, code=f"q{n}", name="Q") for n, q in enumerate(QUEUES)]
    for n, agent in enumerate(AGENTS):
        User.objects.create_user(f"agent{n}", id=agent, simulated=n == 0)
    return PhoneLine.objects.create(organisation=root, code="town", name="Town", queue=queues[0])


class Day:
    """A random day: the router's events as the switchboard would write them, the web's records among them."""

    def __init__(self, seed: int, line: PhoneLine) -> None:
        self.rng, self.line, self.router, self.now = Random(seed), line, Router(), START
        self.contacts: list[Contact] = []
        for event in opening():
            self.hear(event)

    def hear(self, event) -> None:
        for each in [TimePassed(), event]:
            try:
                commands = self.router.handle(each, self.now)
            except IllegalEvent:
                continue
            at = journal.moment(self.now)
            ledger.append(*(journal.entry(word, at) for word in [each, *commands]))

    def go_on(self) -> None:
        self.now += self.rng.choice([0.0, 0.5, 3.0, 25.0])
        at = journal.moment(self.now)
        if self.rng.random() < 0.15 and self.contacts:
            self.record(self.rng.choice(self.contacts))
        event = next_event(self.router, self.rng, "the next caller", self.now)
        if isinstance(event, ContactQueued):
            number = f"+3806700000{self.rng.randint(10, 14)}"
            contact = actions.start_contact(self.line, channel="voice", language="uk", number=number, at=at)
            self.contacts.append(contact)
            event = replace(event, contact=str(contact.pk))
        self.hear(event)

    def record(self, contact: Contact) -> None:
        if self.rng.random() < 0.5:
            actions.rate_contact(contact.pk, self.rng.randint(1, 5), key=str(self.rng.random()))
        else:
            actions.mark_reached(contact)


def everything() -> tuple[list, list]:
    summaries = list(ContactSummary.objects.order_by("pk").values())
    return summaries, list(AgentInterval.objects.order_by("pk").values())


@pytest.mark.parametrize("seed", range(5))
def test_rebuilt_they_are_exactly_the_same_rows(line, seed):
    day = Day(seed, line)
    for _ in range(120):
        day.go_on()
        if day.rng.random() < 0.2:
            projections.catch_up()
    projections.catch_up()
    kept_up = everything()

    projections.rebuild()

    assert everything() == kept_up
    assert len(kept_up[0]) == Contact.objects.count()
    assert len(kept_up[1]) > 20


def test_reading_again_changes_nothing(line):
    day = Day(1, line)
    for _ in range(40):
        day.go_on()
    projections.catch_up()
    before = everything()

    assert projections.catch_up() == 0
    assert everything() == before


def test_what_the_router_says_now_is_what_the_figures_say(line):
    day = Day(2, line)
    for _ in range(150):
        day.go_on()
    projections.catch_up()

    phases = dict(ContactSummary.objects.values_list("contact_id", "phase"))
    for contact in day.contacts:
        view = day.router.contact(str(contact.pk))
        assert phases[contact.pk] == (view.phase.value if view else "ended")
    running = dict(AgentInterval.objects.filter(ended_at=None).values_list("agent_id", "state"))
    names = {"idle": "ready", "held": "hold"}
    for agent in day.router.agents():
        known = {str(k): v for k, v in running.items()}
        assert known[agent.id] == names.get(agent.doing, agent.doing)


def test_colleagues_of_the_demo_are_marked(line):
    day = Day(3, line)
    for _ in range(80):
        day.go_on()
    projections.catch_up()

    marked = AgentInterval.objects.filter(simulated=True).values_list("agent_id", flat=True)
    assert {str(each) for each in marked} <= {AGENTS[0]}


def test_the_lag_is_the_age_of_what_is_not_in_yet(line):
    projections.catch_up()
    contact = actions.start_contact(line, channel="voice", language="uk")

    behind = projections.journal(timezone.now())
    assert behind.unread == 1
    assert 0.0 <= behind.lag_s < 30.0

    projections.catch_up()
    now = projections.journal()
    assert (now.unread, now.lag_s, now.at) == (0, 0.0, contact.started_at)


def test_the_command_makes_them_again(line, capsys):
    from django.core.management import call_command

    day = Day(4, line)
    for _ in range(20):
        day.go_on()

    call_command("rebuild_projections")

    assert ContactSummary.objects.count() == Contact.objects.count()
    assert capsys.readouterr().out.startswith(f"{Contact.objects.count()} contacts")
