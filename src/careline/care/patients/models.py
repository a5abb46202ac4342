"""Patients and the people around them. Personal data lives here, never in the ledger."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.utils.translation import gettext_lazy as _

from careline.base.ids import uuid7
from careline.base.organisations.models import Organisation, Settlement, Site


class Patient(models.Model):
    """Names as written, plus keys made by `core.names` whenever they change (see `actions.py`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(Organisation, models.PROTECT)  # the network that holds the record
    external_id = models.CharField(_("number in the clinic's own system"), max_length=60, null=True, blank=True)
    number = models.CharField(_("card number"), max_length=30, blank=True)
    family_name = models.CharField(_("family name"), max_length=100)
    given_name = models.CharField(_("given name"), max_length=100, blank=True)
    middle_name = models.CharField(_("patronymic or middle name"), max_length=100, blank=True)
    birth_date = models.DateField(_("date of birth"), null=True, blank=True)
    sex = models.CharField(_("sex"), max_length=1, blank=True, choices=[("f", _("female")), ("m", _("male"))])
    language = models.CharField(_("language"), max_length=8, blank=True)
    channel = models.CharField(_("preferred channel"), max_length=10, blank=True)
    settlement = models.ForeignKey(Settlement, models.SET_NULL, null=True, blank=True)
    address = models.CharField(_("address"), max_length=300, blank=True)
    site = models.ForeignKey(Site, models.SET_NULL, null=True, blank=True, verbose_name=_("own clinic"))
    needs_interpreter = models.BooleanField(_("needs an interpreter"), default=False)
    hard_of_hearing = models.BooleanField(_("hard of hearing"), default=False)
    safety_note = models.CharField(_("safety note"), max_length=200, blank=True)
    sort_key = models.CharField(max_length=400, editable=False, db_index=True)
    # every key of the record, made by core.names: words, sounds, pinyin, birth date, numbers (see core/names/keys.py)
    name_keys = ArrayField(models.TextField(), default=list, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "external_id"], name="patient_external_id"),
        ]
        indexes = [
            # As a tsvector the keys can be searched by their beginnings too, all of a query in one look into one index.
            # Without the pending list a write costs a little more, and no search pays for other people's writes.
            GinIndex(models.Func("name_keys", function="array_to_tsvector"), name="patient_keys", fastupdate=False),
            models.Index(fields=["organisation", "birth_date"]),
        ]
        verbose_name = _("patient")
        verbose_name_plural = _("patients")


class PatientPhone(models.Model):
    """A number may be shared by a family: it lists candidates, and never opens one by itself."""

    patient = models.ForeignKey(Patient, models.CASCADE, related_name="phones")
    e164 = models.CharField(_("number"), max_length=20, db_index=True)
    label = models.CharField(_("whose"), max_length=60, blank=True)

    class Meta:
        unique_together = [("patient", "e164")]


class NameWord(models.Model):
    """How names in the records sound, once each: what a slip of the finger is corrected to. No person stands here."""

    word = models.TextField(primary_key=True)
    deletes = ArrayField(models.TextField(), default=list)  # the word with each one letter left out, and itself

    class Meta:
        indexes = [
            GinIndex(fields=["deletes"], name="name_word_deletes", fastupdate=False),
            GinIndex(OpClass("word", name="gin_trgm_ops"), name="name_word_trigrams", fastupdate=False),
        ]


class PatientChange(models.Model):
    """History: what a record was before each change, and who changed it. Erased with the patient."""

    id = models.BigAutoField(primary_key=True)
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="changes")
    at = models.DateTimeField(auto_now_add=True)
    by = models.UUIDField(null=True)
    before = models.JSONField()
    after = models.JSONField()
