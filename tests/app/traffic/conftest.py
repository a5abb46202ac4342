"""A small network of the demo: two simulated colleagues, one real operator, a patient who might call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from careline.app.traffic.cast import Cast, casts
from careline.base.accounts.models import Posting, Role, User
from careline.care.directory.models import Topic
from careline.care.patients.models import Patient, PatientPhone
from tests.support.centre import Centre, employ, open_centre


@dataclass(frozen=True)
class Town:
    centre: Centre
    cast: Cast
    simulated: tuple[str, ...]
    visitor: str
    session: str


def build_town(settings) -> Town:
    settings.DEMO = True
    centre = open_centre("town", offer_s=20, wrap_up_s=30)
    simulated = employ(centre, 2, prefix="simulated")
    User.objects.filter(pk__in=simulated).update(simulated=True, language="uk")
    [(visitor, session)] = employ(centre, 1, prefix="visitor").items()
    names = dict.fromkeys(("uk", "ru", "pl", "zh-hans", "en"), "Booking")
    Topic.objects.create(organisation=centre.organisation, code="booking-family", names=names)
    patient = Patient.objects.create(
        organisation=centre.organisation, family_name="Коваль", given_name="Ганна", sort_key="коваль"
    )
    PatientPhone.objects.create(patient=patient, e164="+380005550177")
    [cast] = casts()
    return Town(centre, cast, tuple(simulated), visitor, session)


@pytest.fixture
def town(db, settings) -> Town:
    return build_town(settings)


@pytest.fixture
def supervisor(town):
    from careline.base.accounts.rights import reader_for

    user = User.objects.create_user("head", language="en")
    posting = Posting.objects.create(
        user=user, organisation=town.centre.organisation, role=Role.SUPERVISOR, valid_from=date(2020, 1, 1)
    )
    return reader_for(posting)
