"""People who sign in. What they may do follows the posting they work in, not who employs them."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.crypto import salted_hmac
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
    # Somebody else knows the password: it must be replaced before anything else is done.
    must_change_password = models.BooleanField(_("must change the password"), default=False)

    class Meta(AbstractUser.Meta):  # type: ignore[name-defined,misc]
        verbose_name = _("staff member")  # type: ignore[assignment]
        verbose_name_plural = _("staff")  # type: ignore[assignment]

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Ends a session when the password changes, as Django's does, but without the site's secret. With it, a new
        secret would give each session a new cookie at its first request, and the desk's other requests, on their way
        with the old one, would be strangers. What is kept in the session is signed with the secret all the same.
        """
        return salted_hmac("careline.sessions", self.password, secret=b"", algorithm="sha256").hexdigest()

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        return iter(())

    def __str__(self) -> str:
        name = " ".join(part for part in (self.last_name, self.first_name) if part)
        return f"{name} ({self.username})" if name else self.username


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

    def clean(self) -> None:
        if self.valid_to and self.valid_from and self.valid_to < self.valid_from:
            raise ValidationError({"valid_to": _("A posting cannot end before it begins.")})
        if self.site and self.organisation_id and self.site.organisation_id != self.organisation_id:
            raise ValidationError({"site": _("This site belongs to another organisation.")})


class WorkSession(models.Model):
    """When the person behind a session last did something. Apart from the session's own row, so that the web and the
    live process can both renew it without overwriting what the other one keeps there."""

    session_key = models.CharField(max_length=40, primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    seen_at = models.DateTimeField(db_index=True)


class RateMark(models.Model):
    """How far ahead of the clock one limited thing has run (base.limits). Ages by itself."""

    key = models.CharField(max_length=64, primary_key=True)  # a hash: it may stand for an address or a number
    free_at = models.DateTimeField(db_index=True)
