"""People who sign in. What they may do follows the posting they work in, not who employs them."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from careline.base.ids import uuid7
from careline.base.organisations.models import Organisation, Site


class Role(models.TextChoices):
    OPERATOR = "operator", _("Operator")
    REGISTRAR = "registrar", _("Registrar")
    PATIENT_ADMINISTRATOR = "patient_administrator", _("Patient administrator")
    DOCTOR = "doctor", _("Doctor")
    UNIT_HEAD = "unit_head", _("Unit head")
    SUPERVISOR = "supervisor", _("Supervisor")
    CONTENT_EDITOR = "content_editor", _("Content editor")
    AUDITOR = "auditor", _("Auditor")
    ADMINISTRATOR = "administrator", _("Administrator")


class User(AbstractUser):
    """`last_name` is the family name, `first_name` the given name; order on screen follows the language."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patronymic = models.CharField(_("patronymic"), max_length=100, blank=True)
    employer = models.ForeignKey(Organisation, models.PROTECT, null=True, blank=True, verbose_name=_("employer"))
    language = models.CharField(_("language of the screens"), max_length=8, default="en")
    simulated = models.BooleanField(default=False, editable=False)  # a colleague of the demo

    class Meta(AbstractUser.Meta):  # type: ignore[name-defined,misc]
        verbose_name = _("staff member")  # type: ignore[assignment]
        verbose_name_plural = _("staff")  # type: ignore[assignment]


class Posting(models.Model):
    """Where a person works and as what. Covers the organisation and everything below it, or one site of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="postings")
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="postings")
    site = models.ForeignKey(Site, models.CASCADE, null=True, blank=True, related_name="postings")
    role = models.CharField(_("role"), max_length=30, choices=Role)
    valid_from = models.DateField(_("from"))
    valid_to = models.DateField(_("to"), null=True, blank=True)

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        indexes = [models.Index(fields=["user", "valid_from"])]

    def __str__(self) -> str:
        return f"{self.get_role_display()}, {self.site or self.organisation}"
