"""Who everything belongs to, and where it is. Rights, settings and data follow the organisation tree."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Value
from django.db.models.functions import Concat, Substr
from django.utils.translation import gettext_lazy as _

from careline.base.ids import uuid7


class Organisation(models.Model):
    class Kind(models.TextChoices):
        NETWORK = "network", _("Network")
        AUTHORITY = "authority", _("Health authority")
        CLINIC = "clinic", _("Clinic")
        HOSPITAL = "hospital", _("Hospital")
        CONTRACTOR = "contractor", _("Contractor")
        OFFICE = "office", _("Service office")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.SlugField(_("code"), unique=True)
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    # "district/centre/": every ancestor's code and its own. A posting covers whatever starts with its path.
    path = models.CharField(max_length=500, unique=True, editable=False)
    policy = models.CharField(_("policy pack"), max_length=4, default="EU")
    timezone = models.CharField(_("time zone"), max_length=64, default="Europe/Warsaw")
    languages = ArrayField(models.CharField(max_length=8), verbose_name=_("languages"), default=list)
    patient_word = models.CharField(
        _("word for patient"),
        max_length=10,
        default="patient",
        choices=[("patient", _("patient")), ("client", _("client"))],
    )
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ["path"]
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")

    def clean(self) -> None:
        if self.parent and not self._state.adding and self.parent.path.startswith(self._path_before()):
            raise ValidationError({"parent": _("An organisation cannot stand below itself.")})

    def save(self, *args, **kwargs) -> None:
        """Keeps `path`, here and in everything below: postings follow an organisation that is moved or renamed."""
        with transaction.atomic():
            before = "" if self._state.adding else self._path_before(lock=True)
            self.path = f"{self.parent.path if self.parent else ''}{self.code}/"
            super().save(*args, **kwargs)
            if before and before != self.path:
                below = Organisation.objects.filter(path__startswith=before).exclude(pk=self.pk)
                below.update(path=Concat(Value(self.path), Substr("path", len(before) + 1)))

    def _path_before(self, lock: bool = False) -> str:
        """The path as the database has it; locked by a move, so that two of them do not cross."""
        rows = Organisation.objects.select_for_update() if lock else Organisation.objects.all()
        return rows.values_list("path", flat=True).get(pk=self.pk)

    def __str__(self) -> str:
        return self.name

    @property
    def root_code(self) -> str:
        """The code of the network this organisation is part of."""
        return self.path.split("/", 1)[0]


class Settlement(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(Organisation, models.CASCADE)
    name = models.CharField(_("name"), max_length=120)
    latitude = models.FloatField(_("latitude"))
    longitude = models.FloatField(_("longitude"))
    population = models.PositiveIntegerField(_("population"), null=True, blank=True)

    class Meta:
        ordering = ["name"]
        unique_together = [("organisation", "name")]
        verbose_name = _("settlement")
        verbose_name_plural = _("settlements")

    def __str__(self) -> str:
        return self.name


class Site(models.Model):
    class Kind(models.TextChoices):
        CENTRE = "centre", _("Centre")
        AMBULATORY = "ambulatory", _("Ambulatory")
        FELDSHER_POINT = "feldsher_point", _("Feldsher point")
        CLINIC = "clinic", _("Clinic")
        HOSPITAL = "hospital", _("Hospital")
        DEPARTMENT = "department", _("Department")
        CONTACT_CENTRE = "contact_centre", _("Contact centre")
        OFFICE = "office", _("Service office")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="sites")
    code = models.SlugField(_("code"))
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    address = models.CharField(_("address"), max_length=300, blank=True)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    latitude = models.FloatField(_("latitude"), null=True, blank=True)
    longitude = models.FloatField(_("longitude"), null=True, blank=True)
    serves = models.ManyToManyField(Settlement, verbose_name=_("settlements served"), blank=True, related_name="sites")
    timezone = models.CharField(_("time zone"), max_length=64, blank=True)  # empty: the organisation's
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ["name"]
        unique_together = [("organisation", "code")]
        verbose_name = _("site")
        verbose_name_plural = _("sites")

    def __str__(self) -> str:
        return self.name
