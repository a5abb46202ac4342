"""Facts written in the caller's transaction for another process to pick up. One relay reads them in order."""

from __future__ import annotations

from django.db import models


class OutboxRow(models.Model):
    """`key` makes it idempotent: the same fact written twice is one row. `to` names the reader ("switchboard", ...)."""

    id = models.BigAutoField(primary_key=True)
    to = models.CharField(max_length=30)
    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=120, unique=True)
    data = models.JSONField(default=dict)
    written_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["to", "id"], condition=models.Q(done_at=None), name="outbox_waiting")]
