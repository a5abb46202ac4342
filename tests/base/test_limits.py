from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from careline.base.accounts.models import RateMark
from careline.base.errors import TooMany
from careline.base.limits import clear_limits, limit

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def seconds(n: float) -> datetime:
    return NOON + timedelta(seconds=n)


def test_a_minutes_worth_may_come_at_once_and_no_more(db):
    for _ in range(3):
        limit("search:oksana", 3, NOON)

    with pytest.raises(TooMany) as refused:
        limit("search:oksana", 3, NOON)
    assert refused.value.values == {"retry_after_s": 20}


def test_allowance_comes_back_step_by_step(db):
    for _ in range(3):
        limit("search:oksana", 3, NOON)

    limit("search:oksana", 3, seconds(20))
    with pytest.raises(TooMany):
        limit("search:oksana", 3, seconds(21))


def test_keys_do_not_share(db):
    limit("search:oksana", 1, NOON)
    limit("search:petro", 1, NOON)

    assert RateMark.objects.count() == 2
    with pytest.raises(TooMany):
        limit("search:petro", 1, NOON)


def test_the_key_is_not_readable_in_the_database(db):
    limit("call:+380441234567", 5, NOON)

    assert "380441234567" not in RateMark.objects.get().key


def test_marks_of_the_past_are_cleared(db):
    limit("old", 60, NOON)
    limit("new", 1, NOON)

    assert clear_limits(seconds(30)) == 1
    with pytest.raises(TooMany):
        limit("new", 1, seconds(30))


class AnySequence(TestCase):
    @given(per_minute=st.integers(1, 5), gaps=st.lists(st.integers(0, 40), max_size=20))
    def test_no_minute_ever_holds_more_than_twice_the_allowance(self, per_minute: int, gaps: list[int]):
        """A burst of a minute's worth, and what comes back during that minute: the bound of the algorithm."""
        RateMark.objects.all().delete()
        at, allowed = 0, []
        for gap in gaps:
            at += gap
            try:
                limit("any", per_minute, seconds(at))
            except TooMany:
                continue
            allowed.append(at)

        assert all(sum(start <= t < start + 60 for t in allowed) < 2 * per_minute + 1 for start in allowed)
