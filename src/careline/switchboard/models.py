"""One active switchboard at a time, proved by a fencing number in every commit."""

from __future__ import annotations

from django.db import models


class Fence(models.Model):
    """One row (id 1). Whoever takes the advisory lock raises `number`; a commit with an older number is refused."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)
    commits = models.BigIntegerField(default=0)  # of this holder: tells whether an interrupted commit came through
    taken_at = models.DateTimeField(null=True)
    holder = models.CharField(max_length=120, blank=True)
