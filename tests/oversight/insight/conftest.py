from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from careline.base.accounts.models import Posting, Role, User
from careline.base.accounts.rights import Reader, reader_for
from careline.base.organisations.models import Organisation
from careline.care.contacts.models import Contact, ContactSummary
from careline.care.directory.models import Queue

MONDAY = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)  # 8:00 in Kyiv


@dataclass
class Centre:
    """One organisation with a queue, a supervisor, and a way to put contacts on its books."""

    organisation: Organisation
    queue: Queue
    reader: Reader
    rows: list[ContactSummary] = field(default_factory=list)

    def contact(self, **values: object) -> ContactSummary:
        started = values.pop("started_at", MONDAY)
        simulated = bool(values.pop("simulated", False))
        contact = Contact.objects.create(
            organisation=self.organisation, channel="voice", language="uk", started_at=started, simulated=simulated
        )
        row = ContactSummary(
            contact=contact, organisation_id=self.organisation.id, queue=self.queue, channel="voice", direction="in",
            language="uk", simulated=simulated, phase="ended", started_at=started, queued_at=started,
        )  # fmt: skip
        for name, value in values.items():
            setattr(row, name, value)
        row.save()
        self.rows.append(row)
        return row

    def answered(self, wait_s: float, **values: object) -> ContactSummary:
        started = values.get("started_at", MONDAY)
        at = started + timedelta(seconds=wait_s)
        ended = at + timedelta(seconds=120)
        return self.contact(
            **{"wait_s": wait_s, "answered_at": at, "ended_at": ended, "cause": "completed", "talk_s": 120.0} | values
        )

    def abandoned(self, wait_s: float, **values: object) -> ContactSummary:
        started = values.get("started_at", MONDAY)
        return self.contact(
            **{"wait_s": wait_s, "ended_at": started + timedelta(seconds=wait_s), "cause": "abandoned"} | values
        )

    def random_day(self, seed: int, number: int) -> None:
        dice = random.Random(seed)
        for _ in range(number):
            started = MONDAY + timedelta(seconds=dice.uniform(0, 28_800))
            wait_s = dice.expovariate(1 / 25)
            if dice.random() < 0.2:
                self.abandoned(wait_s, started_at=started)
            else:
                self.answered(
                    wait_s,
                    started_at=started,
                    hold_s=dice.choice([0.0, 15.0]),
                    wrap_up_s=dice.uniform(5, 60),
                    transfers=dice.choice([0, 0, 0, 1]),
                    rating=dice.choice([None, None, 3, 4, 5]),
                    emergency=dice.random() < 0.05,
                    callback_asked_at=started if dice.random() < 0.1 else None,
                )


@pytest.fixture
def centre(db) -> Centre:
    organisation = Organisation.objects.create(
        code="centre", name="Центр", kind="network", timezone="Europe/Kyiv", languages=["uk"]
    )
    user = User.objects.create(username=f"head-{uuid.uuid4()}")
    posting = Posting.objects.create(
        user=user, organisation=organisation, role=Role.SUPERVISOR, valid_from=date(2020, 1, 1)
    )
    queue = Queue.objects.create(organisation=organisation, code="all", name="Усі")
    return Centre(organisation, queue, reader_for(posting))
