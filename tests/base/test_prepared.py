"""Prepared queries answer as the queryset they are made of does, whatever they are asked with."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careline.base.organisations.models import Organisation, Site
from careline.base.prepared import Prepared, rows

below = Prepared(lambda path: Organisation.objects.filter(path__startswith=path).order_by("path"), path=str)
among = Prepared(lambda ids: Site.objects.filter(organisation__among=ids).select_related("organisation"), ids=list)
named = Prepared(
    lambda id, name: Organisation.objects.filter(pk=id, name=name).values_list("code", flat=True), id=UUID, name=str
)

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)


@pytest.fixture
def organisations(db) -> list[Organisation]:
    made = []
    for code in ("a", "a%b", "a_b", "ab", "z"):
        made.append(Organisation.objects.create(code=code, name=f"Name {code}", kind="clinic", timezone="Europe/Kyiv"))
    return made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(texts, st.sampled_from(["", "a", "a%", "a_", "a\\", "%", "_", "z/"])))
def test_a_text_in_a_pattern_is_taken_literally(organisations, text):
    expected = list(Organisation.objects.filter(path__startswith=text).order_by("path"))
    assert below(path=text) == expected


def test_related_rows_come_along_without_a_query(organisations, django_assert_num_queries):
    for organisation in organisations[:2]:
        Site.objects.create(organisation=organisation, code="s", name="Site", kind="clinic")
    with django_assert_num_queries(1):
        found = {site.organisation.code for site in among(ids=[each.pk for each in organisations])}
    assert found == {"a", "a%b"}
    assert among(ids=[]) == []


def test_one_column_comes_flat_and_first_is_none_where_nothing_is(organisations):
    first = organisations[0]
    assert named(id=first.pk, name=first.name) == ["a"]
    assert named.first(id=uuid4(), name=first.name) is None
    assert named.first(id=first.pk, name="'; DROP TABLE organisations_organisation; --") is None


def test_asked_often_it_is_planned_once_and_still_counted(organisations):
    with CaptureQueriesContext(
        connection,
    ) as seen:
        for _ in range(8):
            named(id=organisations[0].pk, name="x")
    assert len(seen) == 8
    kept = rows("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s", ["%organisations_organisation%"])
    assert kept[0][0] >= 1


def test_values_are_never_part_of_the_text(organisations):
    with CaptureQueriesContext(connection) as seen:
        below(path="a")
    assert below._made is not None
    assert "a%" not in below._made.sql
    assert len(seen) == 1
