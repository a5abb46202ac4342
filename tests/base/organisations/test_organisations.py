from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from careline.base.organisations.models import Organisation


def test_moving_an_organisation_takes_everything_below_along(district, city):
    point = Organisation.objects.create(
        code="point", name="Point", kind=Organisation.Kind.CLINIC, parent=district.centre
    )

    district.centre.parent = city.root
    district.centre.save()

    point.refresh_from_db()
    assert point.path == "city/district-centre/point/"
    district.root.refresh_from_db()
    assert district.root.path == "district/"


def test_renaming_a_code_keeps_the_tree_together(district):
    district.root.code = "region"
    district.root.save()

    district.centre.refresh_from_db()
    assert district.centre.path == "region/district-centre/"


def test_an_organisation_cannot_stand_below_itself(district):
    district.root.parent = district.centre

    with pytest.raises(ValidationError):
        district.root.clean()
