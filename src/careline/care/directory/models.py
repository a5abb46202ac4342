"""What the centre consists of: lines, queues, topics, hours, notices, skills."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from careline.base.accounts.models import User
from careline.base.ids import uuid7
from careline.base.organisations.models import Organisation, Site


def in_language(texts: dict[str, str], language: str | None = None) -> str:
    """The text in the wanted language, else in English, else in any: content is never shown as a blank."""
    language = language or get_language() or "en"
    return texts.get(language) or texts.get(language.split("-")[0]) or texts.get("en") or next(iter(texts.values()), "")


class Hours(models.Model):
    """A weekly plan in local time with holidays. `week` is seven lists (Monday first) of ["08:00", "16:00"] pairs."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="hours")
    name = models.CharField(_("name"), max_length=120)
    week = models.JSONField(_("week"), default=list)
    holidays = models.CharField(_("public holidays of"), max_length=8, blank=True)  # ISO country, empty: none
    timezone = models.CharField(_("time zone"), max_length=64)

    class Meta:
        verbose_name = _("opening hours")
        verbose_name_plural = _("opening hours")

    def __str__(self) -> str:
        return self.name


class HoursException(models.Model):
    hours = models.ForeignKey(Hours, models.CASCADE, related_name="exceptions")
    date = models.DateField(_("date"))
    open = models.JSONField(_("open"), default=list)  # pairs as in a week's day; empty: closed
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        unique_together = [("hours", "date")]
        verbose_name = _("exception")
        verbose_name_plural = _("exceptions")


class Queue(models.Model):
    """Where contacts wait. Its rules become `core.acd.model.QueueRules`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="queues")
    site = models.ForeignKey(Site, models.SET_NULL, null=True, blank=True)
    code = models.SlugField(_("code"))
    name = models.CharField(_("name"), max_length=120)
    closed = models.BooleanField(_("closed by a supervisor"), default=False)
    emergency = models.BooleanField(_("emergency"), default=False)
    selection = models.CharField(
        _("selection"),
        max_length=20,
        default="longest_idle",
        choices=[("longest_idle", _("longest idle")), ("least_occupied", _("least occupied"))],
    )
    head_start_s = models.PositiveIntegerField(_("head start, s"), default=0)
    offer_s = models.PositiveIntegerField(_("ring for, s"), default=20)
    wrap_up_s = models.PositiveIntegerField(_("wrap-up at most, s"), default=90)
    lost_s = models.PositiveIntegerField(_("keep a lost caller's place, s"), default=600)
    limit = models.PositiveIntegerField(_("most waiting"), null=True, blank=True)
    preferred_s = models.PositiveIntegerField(_("wait for the preferred operator, s"), default=20)
    relax = models.JSONField(_("relaxation of skills"), default=list)  # [{"after_s": 60, "by": 1}]
    overflow = models.JSONField(_("overflow"), default=list)  # [{"to": queue code, "after_s": 90, "ratio": 2.0}]
    answer_target_s = models.PositiveIntegerField(_("service level: answered within, s"), default=20)
    target_share = models.PositiveSmallIntegerField(_("service level: target, %"), default=80)

    class Meta:
        unique_together = [("organisation", "code")]
        ordering = ["name"]
        verbose_name = _("queue")
        verbose_name_plural = _("queues")

    def __str__(self) -> str:
        return self.name


class PhoneLine(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="lines")
    site = models.ForeignKey(Site, models.SET_NULL, null=True, blank=True, related_name="lines")
    code = models.SlugField(_("code"), unique=True)  # names the patients' page: /call/<code>
    name = models.CharField(_("name"), max_length=120)
    number = models.CharField(_("number"), max_length=20, blank=True)  # E.164
    languages = ArrayField(models.CharField(max_length=8), verbose_name=_("languages"), default=list)
    hours = models.ForeignKey(Hours, models.PROTECT, null=True, blank=True, verbose_name=_("opening hours"))
    queue = models.ForeignKey(Queue, models.PROTECT, related_name="lines", verbose_name=_("queue"))
    closed = models.BooleanField(_("closed by a supervisor"), default=False)
    emergency = models.BooleanField(_("emergency line"), default=False)
    emergency_number = models.CharField(_("emergency number to advise"), max_length=10, default="112")
    greeting = models.JSONField(_("greeting"), default=dict)  # by language
    web_calls = models.BooleanField(_("takes web calls"), default=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("phone line")
        verbose_name_plural = _("phone lines")

    def __str__(self) -> str:
        return self.name


class Topic(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="topics")
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    code = models.SlugField(_("code"), max_length=60)
    names = models.JSONField(_("names"), default=dict)  # by language, all five
    icon = models.CharField(_("icon"), max_length=30, blank=True)
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    queue = models.ForeignKey(Queue, models.SET_NULL, null=True, blank=True, verbose_name=_("queue"))
    head_start_s = models.PositiveIntegerField(_("head start, s"), default=0)
    urgent = models.BooleanField(_("feels unwell"), default=False)  # goes before all
    for_calls = models.BooleanField(_("offered to callers"), default=True)
    for_walk_ins = models.BooleanField(_("offered in the hall"), default=True)
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        unique_together = [("organisation", "code")]
        ordering = ["order", "code"]
        verbose_name = _("topic")
        verbose_name_plural = _("topics")

    def __str__(self) -> str:
        return in_language(self.names)


class Notice(models.Model):
    """Something staff and callers should hear: an absence, an epidemic rule, an emergency announcement."""

    class Kind(models.TextChoices):
        NOTE = "note", _("Note")
        EPIDEMIC = "epidemic", _("Epidemic mode")
        EMERGENCY = "emergency", _("Emergency announcement")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="notices")
    site = models.ForeignKey(Site, models.CASCADE, null=True, blank=True)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.NOTE)
    texts = models.JSONField(_("texts"), default=dict)  # by language
    for_callers = models.BooleanField(_("said to callers"), default=False)
    valid_from = models.DateTimeField(_("from"))
    valid_to = models.DateTimeField(_("to"), null=True, blank=True)

    class Meta:
        ordering = ["-valid_from"]
        verbose_name = _("notice")
        verbose_name_plural = _("notices")

    def __str__(self) -> str:
        return in_language(self.texts)[:80]


class Skill(models.Model):
    """Named in the router as "lang:<code>" or "topic:<code>"."""

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="skills")
    code = models.CharField(_("code"), max_length=60)
    name = models.CharField(_("name"), max_length=120)

    class Meta:
        unique_together = [("organisation", "code")]
        verbose_name = _("skill")
        verbose_name_plural = _("skills")

    def __str__(self) -> str:
        return self.name


class StaffSkill(models.Model):
    user = models.ForeignKey(User, models.CASCADE, related_name="skills")
    skill = models.ForeignKey(Skill, models.CASCADE, related_name="holders")
    proficiency = models.PositiveSmallIntegerField(_("proficiency, 1 to 5"), default=3)

    class Meta:
        unique_together = [("user", "skill")]
        verbose_name = _("skill of staff")
        verbose_name_plural = _("skills of staff")


class OperatorSettings(models.Model):
    """How much one person takes at once, and which queues they serve (empty: all their posting covers)."""

    user = models.OneToOneField(User, models.CASCADE, related_name="operator_settings")
    voice_capacity = models.PositiveSmallIntegerField(_("calls at once"), default=1)
    text_capacity = models.PositiveSmallIntegerField(_("chats at once"), default=2)
    queues = models.ManyToManyField(Queue, blank=True, verbose_name=_("queues"))

    class Meta:
        verbose_name = _("operator settings")
        verbose_name_plural = _("operator settings")
