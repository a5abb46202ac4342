"""What may be told at which level, and that a site can only be stricter."""

from __future__ import annotations

import pytest

from careline.base.organisations.models import Organisation
from careline.base.policy import queries
from careline.base.policy.queries import pack, policy_for
from careline.base.policy.rules import (
    DISCLOSURE,
    Fact,
    Identifier,
    PolicyLoosened,
    UnknownPolicy,
    both_decide,
    guardian_decides,
    level_reached,
    may_disclose,
    may_tell_third_person,
    tighten,
)


@pytest.mark.parametrize(
    ("code", "guardian", "complaint"), [("UA", 14, 15), ("RU", 15, 30), ("EU", 16, 30), ("PL", 16, 30), ("CN", 14, 5)]
)
def test_each_country_has_its_pack(code, guardian, complaint):
    policy = pack(code)
    assert (policy.minors.guardian_decides_below, policy.complaints.answer_days) == (guardian, complaint)
    assert policy.version
    assert policy.basis


def test_details_of_the_packs():
    assert (pack("UA").complaints.extended_days, pack("UA").complaints.longest_days) == (30, 45)
    assert dict(pack("UA").lists) == {"family": 1800, "therapist": 2000, "paediatrician": 900}
    assert (pack("EU").recordings.kept_at_most_days, pack("EU").recordings.emergency_kept_at_least_days) == (90, 1095)
    assert pack("CN").recordings.emergency_kept_at_least_days == 730
    assert pack("CN").complaints.working_days
    assert pack("RU").data.stays_in_country
    assert not any(pack(code).secrecy.voice_identifies for code in ("UA", "RU", "EU", "CN"))


def test_every_fact_has_a_level_and_needs_it():
    policy = pack("UA")
    assert set(DISCLOSURE) == set(Fact)
    for fact, level in DISCLOSURE.items():
        assert may_disclose(policy, fact, level)
        assert not may_disclose(policy, fact, level - 1)
    with pytest.raises(ValueError, match="gossip"):
        may_disclose(policy, "gossip", 2)


def test_two_identifiers_then_the_code():
    policy = pack("EU")
    both = {Identifier.FULL_NAME, Identifier.BIRTH_DATE}
    assert level_reached(policy, {Identifier.FULL_NAME}, code_confirmed=True) == 0
    assert level_reached(policy, both) == 1
    assert level_reached(policy, both, code_confirmed=True) == 2


def test_a_third_person_needs_to_be_listed_and_know_the_word():
    assert may_tell_third_person(listed=True, code_word_right=True)
    assert not may_tell_third_person(listed=True, code_word_right=False)
    assert not may_tell_third_person(listed=False, code_word_right=True)


def test_minors():
    assert guardian_decides(pack("EU"), 15)
    assert not guardian_decides(pack("EU"), 16)
    assert both_decide(pack("EU"), 16)
    assert not both_decide(pack("EU"), 18)
    assert not both_decide(pack("UA"), 16)


def test_a_site_may_be_stricter_and_never_laxer():
    strict = tighten(
        pack("EU"), {"recordings": {"kept_at_most_days": 30}, "levels": {"appointment": 2}, "lists": {"family": 1500}}
    )
    assert strict.recordings.kept_at_most_days == 30
    assert not may_disclose(strict, Fact.APPOINTMENT, 1)
    assert strict.tightened
    for looser in (
        {"recordings": {"kept_at_most_days": 365}},
        {"recordings": {"emergency_kept_at_least_days": 10}},
        {"levels": {"result": 0}},
        {"disclosure": {"identifiers_needed": 1}},
        {"secrecy": {"voice_identifies": True}},
        {"nonsense": {"x": 1}},
        {"data": {"nonsense": 1}},
    ):
        with pytest.raises(PolicyLoosened):
            tighten(pack("EU"), looser)


def test_policy_of_an_organisation_with_its_own_file(tmp_path, settings):
    (tmp_path / "district.toml").write_text("[complaints]\nanswer_days = 10\n")
    settings.POLICY_DIR = tmp_path
    queries._policy.cache_clear()
    clinic = Organisation(code="clinic", path="district/clinic/", policy="UA")
    other = Organisation(code="city", path="city/", policy="UA")
    assert policy_for(clinic).complaints.answer_days == 10
    assert policy_for(other).complaints.answer_days == 15
    with pytest.raises(UnknownPolicy):
        policy_for(Organisation(code="x", path="x/", policy="XX"))
