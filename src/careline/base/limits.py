"""How often something may happen, agreed between all processes by one row in the database.

The generic cell rate algorithm (ITU-T I.371, in the form of a virtual schedule): each event moves the key's mark one
step into the future; a mark a whole minute ahead means the minute's allowance is used up.
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from careline.base.accounts.models import RateMark
from careline.base.errors import TooMany

WINDOW = timedelta(minutes=1)

_MOVE = """
insert into accounts_ratemark as mark (key, free_at) values (%(key)s, %(now)s + %(step)s)
on conflict (key) do update set free_at = {since} + %(step)s
where {since} + %(step)s <= %(now)s + %(window)s
returning free_at
""".format(
    # A mark is never more than the window ahead, unless the clock was set back since: then it says nothing any more.
    since="case when mark.free_at between %(now)s and %(now)s + %(window)s then mark.free_at else %(now)s end"
)


def limit(key: str, per_minute: int, now: datetime | None = None) -> None:
    """Count one event of `key` ("search:<user id>"); raises TooMany beyond `per_minute`, a minute's worth at once.

    Call it before the work and outside its transaction: a row lock held long would make others wait, and what is
    rolled back was not counted. The key is stored as a hash.
    """
    now = now or timezone.now()
    hashed, step = hashlib.sha256(key.encode()).hexdigest(), WINDOW / per_minute
    values: dict[str, Any] = {"key": hashed, "now": now, "step": step, "window": WINDOW}
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, values)
        if cursor.fetchone():
            return
    raise TooMany(retry_after_s=_retry_after_s(hashed, step, now))


def clear_limits(now: datetime | None = None) -> int:
    """Delete marks that no longer limit anything. Returns how many."""
    deleted, _ = RateMark.objects.filter(free_at__lt=now or timezone.now()).delete()
    return deleted


def _retry_after_s(hashed: str, step: timedelta, now: datetime) -> int:
    free_at = RateMark.objects.values_list("free_at", flat=True).get(key=hashed)
    return max(1, math.ceil((free_at + step - WINDOW - now).total_seconds()))
