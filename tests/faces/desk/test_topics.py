"""The dock offers every topic of the tree, the caller's own first."""

from __future__ import annotations

import pytest
from django.urls import reverse

from careline.care.directory.models import Topic
from careline.faces.desk.cards import TOPIC_CHIPS, topics_of


@pytest.fixture
def deep(clinic) -> Topic:
    """Booking > Specialist > Reproductive medicine, beside more topics at the top than there are chips."""
    for number in range(TOPIC_CHIPS + 2):
        Topic.objects.create(organisation=clinic.organisation, code=f"t{number}", order=9, names={"en": f"T{number}"})
    of = {"organisation": clinic.organisation}
    specialist = Topic.objects.create(**of, code="spec", parent=clinic.booking, names={"en": "Specialist"})
    return Topic.objects.create(**of, code="repro", parent=specialist, names={"en": "Reproductive medicine"})


def ids(chips) -> list[str]:
    return [chip.id for chip in chips]


def test_chosen_topic_has_a_chip_however_deep_it_lies(clinic, deep):
    chips, _groups = topics_of(clinic.organisation.pk, ["", str(deep.pk)])
    assert len(chips) == TOPIC_CHIPS
    assert [chip.name for chip in chips if chip.id == str(deep.pk)] == ["Reproductive medicine"]


def test_every_topic_is_a_chip_or_in_the_list_and_only_once(clinic, deep):
    chips, groups = topics_of(clinic.organisation.pk, [])
    offered = ids(chips) + [each for group in groups for each in ids(group.topics)]
    assert sorted(offered) == sorted(str(pk) for pk in Topic.objects.values_list("pk", flat=True))
    [booking] = [group for group in groups if group.name == "Booking"]
    assert [topic.name for topic in booking.topics] == ["Specialist", "Specialist › Reproductive medicine"]


def test_topic_no_longer_offered_keeps_its_chip_where_it_was_chosen(clinic, deep):
    Topic.objects.filter(pk=deep.pk).update(active=False)
    chips, groups = topics_of(clinic.organisation.pk, [str(deep.pk), "nonsense"])
    assert str(deep.pk) in ids(chips)
    chips, groups = topics_of(clinic.organisation.pk, [])
    assert str(deep.pk) not in ids(chips) + [each for group in groups for each in ids(group.topics)]


def test_dock_shows_the_callers_deep_topic_as_a_chip(clinic, desk, deep):
    page = desk.get(reverse("desk:contact", args=[clinic.call(topic=deep).pk])).content.decode()
    assert f'class="chip chip--maybe"><input type="radio" name="topic" value="{deep.pk}"' in page
