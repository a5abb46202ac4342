"""Who read or changed what about a patient, and why. Append-only (a trigger refuses updates and deletes)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _

from careline.base.ids import uuid7


class AuditRow(models.Model):
    """One look or one change. A search is one row that lists the ids it showed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(_("time"), auto_now_add=True)
    user_id = models.UUIDField(null=True)
    posting_id = models.UUIDField(null=True)
    organisation_id = models.UUIDField(null=True)
    action = models.CharField(_("action"), max_length=40)  # patient.opened, patient.searched, contact.exported ...
    subject = models.CharField(_("subject"), max_length=40)  # patient, contact, recording ...
    subject_ids = ArrayField(models.UUIDField(), default=list)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    detail = models.JSONField(default=dict)  # never names or numbers

    class Meta:
        verbose_name = _("audit row")
        verbose_name_plural = _("audit trail")
        indexes = [
            models.Index(fields=["user_id", "at"]),
            models.Index(fields=["organisation_id", "at"]),
            models.Index(fields=["-at", "-id"], name="audit_latest"),
            GinIndex(fields=["subject_ids"], name="audit_subject_ids"),  # who read this patient
        ]
