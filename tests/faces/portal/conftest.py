"""One clinic with one line that never closes: enough for every page of the portal."""

from __future__ import annotations

import pytest

from careline.base.organisations.models import Organisation
from careline.care.directory.models import PhoneLine, Queue, Topic


@pytest.fixture
def line(db) -> PhoneLine:
    clinic = Organisation.objects.create(
        code="riverside", name="Надрічна", kind="clinic", policy="UA", timezone="Europe/Kyiv", languages=["uk", "en"]
    )
    Topic.objects.create(organisation=clinic, code="unwell", names={"uk": "Мені зле", "en": "Unwell"}, urgent=True)
    Topic.objects.create(organisation=clinic, code="booking", names={"uk": "Запис", "en": "Booking"}, order=1)
    queue = Queue.objects.create(organisation=clinic, code="all", name="Усі")
    return PhoneLine.objects.create(
        organisation=clinic, queue=queue, code="riverside", name="Надрічна", number="+380005550122",
        languages=["uk", "en"],
    )  # fmt: skip
