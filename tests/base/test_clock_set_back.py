"""The clock was set back: what was written with a later time neither locks people out nor keeps their sessions open."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from careline.base.accounts.models import WorkSession
from careline.base.accounts.sessions import idle_limit, is_locked
from careline.base.errors import TooMany
from careline.base.limits import limit

HOUR = timedelta(hours=1)


def test_a_limit_starts_afresh_and_still_limits(db):
    now = timezone.now()
    for _ in range(3):
        limit("search:oksana", 3, now)
    with pytest.raises(TooMany):
        limit("search:oksana", 3, now)

    for _ in range(3):
        limit("search:oksana", 3, now - HOUR)
    with pytest.raises(TooMany) as refused:
        limit("search:oksana", 3, now - HOUR)
    assert refused.value.values["retry_after_s"] <= 60


def test_a_session_touched_in_the_time_to_come_locks_after_the_usual_time(person):
    now = timezone.now()
    WorkSession.objects.create(session_key="s", user=person("oksana"), seen_at=now)

    assert not is_locked("s", now - HOUR)
    assert not is_locked("s", now - HOUR + idle_limit())
    assert is_locked("s", now - HOUR + idle_limit() + timedelta(seconds=1))
