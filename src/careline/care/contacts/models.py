"""Contacts and their ledger.

The ledger (`LedgerRow`) is append-only and holds ids and codes alone. Whatever names a person lives in erasable rows
(`CallerDetails`, `ContactPatient`, `ContactText`). `ContactSummary` and `AgentInterval` are projections: thrown away
and rebuilt from the ledger, they come out the same. `LiveState` holds the router's folded states for a quick restart.
"""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from careline.base.accounts.models import User
from careline.base.ids import uuid7
from careline.base.organisations.models import Organisation, Site
from careline.care.directory.models import PhoneLine, Queue, Topic
from careline.care.patients.models import Patient


class Xid8Field(models.Field):
    """PostgreSQL's xid8. Of the first migration only: positions have taken its place (docs/decisions/0050)."""

    def db_type(self, connection) -> str:
        return "xid8"


class Stream(models.TextChoices):
    ROUTING = "routing"  # written only by the switchboard
    RECORD = "record"  # written by actions, under the contact's lock
    AGENT = "agent"  # presence and work of one agent, written only by the switchboard
    QUEUE = "queue"  # rules, opening and closing: written only by the switchboard
    CLOCK = "clock"  # time passing, where it changed something: written only by the switchboard


class LedgerRow(models.Model):
    """One event. `subject` is the contact, agent or queue; `seq` counts from 1 within (subject, stream)."""

    position = models.BigAutoField(primary_key=True)
    subject = models.UUIDField()
    stream = models.CharField(max_length=8, choices=Stream)
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)  # the event's or command's class name
    at = models.DateTimeField()
    data = models.JSONField(default=dict)
    key = models.CharField(max_length=80, null=True)  # idempotency: the same key is written once

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subject", "stream", "seq"], name="ledger_stream"),
            models.UniqueConstraint(fields=["key"], name="ledger_key", condition=models.Q(key__isnull=False)),
        ]


class Contact(models.Model):
    """What is known of a contact from the start and never changes. How it went is in `summary`."""

    class Channel(models.TextChoices):
        WEB = "voice", _("Web call")
        VIDEO = "video", _("Video call")
        TEXT = "text", _("Text")
        PHONE = "phone", _("Phone call")
        WALK_IN = "walk_in", _("In the hall")

    class Direction(models.TextChoices):
        IN = "in", _("incoming")
        OUT = "out", _("outgoing")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(Organisation, models.PROTECT)
    site = models.ForeignKey(Site, models.PROTECT, null=True)
    line = models.ForeignKey(PhoneLine, models.PROTECT, null=True)
    channel = models.CharField(max_length=10, choices=Channel)
    direction = models.CharField(max_length=3, choices=Direction, default=Direction.IN)
    language = models.CharField(max_length=8)
    simulated = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    place = models.CharField(max_length=120, blank=True)  # of a walk-in: the hall, a floor, a window
    token_hash = models.CharField(max_length=64, blank=True)  # sha256 of the patient's one-contact token


class CallerDetails(models.Model):
    """Who calls: the caller is often not the patient. Erasable."""

    class Relation(models.TextChoices):
        SELF = "self", _("the patient")
        PARENT = "parent", _("parent")
        CHILD = "child", _("son or daughter")
        SPOUSE = "spouse", _("spouse")
        RELATIVE = "relative", _("relative")
        NEIGHBOUR = "neighbour", _("neighbour")
        FELDSHER = "feldsher", _("feldsher")
        OTHER = "other", _("someone else")

    contact = models.OneToOneField(Contact, models.CASCADE, primary_key=True, related_name="caller")
    number = models.CharField(max_length=20, blank=True, db_index=True)  # E.164; proves nothing
    name = models.CharField(max_length=200, blank=True)
    relation = models.CharField(max_length=12, choices=Relation, blank=True)
    patient = models.ForeignKey(Patient, models.SET_NULL, null=True, related_name="+")  # when the caller has a record
    note = models.TextField(blank=True)
    verified_level = models.PositiveSmallIntegerField(default=0)  # disclosure level of reference/policy.md
    # Erased (erasing.py): from then on nothing is written here again, not even from a page that was still open.
    caller_erased_at = models.DateTimeField(null=True)
    words_erased_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [  # the list of contacts looks for any part of a name or number
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="caller_name_parts"),
            GinIndex(OpClass("number", name="gin_trgm_ops"), name="caller_number_parts"),
        ]


class ContactPatient(models.Model):
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="patients")
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="contacts")

    class Meta:
        unique_together = [("contact", "patient")]


class ContactText(models.Model):
    """A line of a text talk. Erasable."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="texts")
    at = models.DateTimeField(default=timezone.now)
    by_agent = models.UUIDField(null=True)  # empty: the patient
    text = models.TextField()


class ContactSummary(models.Model):
    """Projection: one row a contact, folded from both its streams. Every figure and list reads this."""

    contact = models.OneToOneField(Contact, models.CASCADE, primary_key=True, related_name="summary")
    organisation_id = models.UUIDField()
    site_id = models.UUIDField(null=True)
    line_id = models.UUIDField(null=True)
    queue = models.ForeignKey(Queue, models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    channel = models.CharField(max_length=10)
    direction = models.CharField(max_length=3)
    language = models.CharField(max_length=8)
    simulated = models.BooleanField()
    emergency = models.BooleanField(default=False)
    phase = models.CharField(max_length=10)  # core.acd Phase
    cause = models.CharField(max_length=20, blank=True)  # core.acd EndCause once ended
    asked_topic = models.ForeignKey(Topic, models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    topic = models.ForeignKey(Topic, models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    outcome = models.CharField(max_length=30, blank=True)
    started_at = models.DateTimeField()
    queued_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    talk_ended_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(null=True)
    wait_s = models.FloatField(null=True)  # until the first answer, or until given up
    talk_s = models.FloatField(default=0)
    hold_s = models.FloatField(default=0)
    wrap_up_s = models.FloatField(default=0)
    offers = models.PositiveSmallIntegerField(default=0)
    transfers = models.PositiveSmallIntegerField(default=0)
    callback_asked_at = models.DateTimeField(null=True)
    agent = models.ForeignKey(User, models.DO_NOTHING, null=True, db_constraint=False, related_name="+")
    recovered_by = models.UUIDField(null=True)  # the later contact that reached a caller who gave up
    recovered_at = models.DateTimeField(null=True)
    recovery_attempts = models.PositiveSmallIntegerField(default=0)  # calls back that reached nobody
    recovery_tried_at = models.DateTimeField(null=True)
    undone = models.BooleanField(default=False)  # logged by mistake and taken back; counts nowhere
    rating = models.PositiveSmallIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["organisation_id", "-started_at"]),
            models.Index(fields=["agent", "-started_at"]),
            models.Index(fields=["queue", "-started_at"]),
            models.Index(fields=["-started_at", "-contact"], name="summary_latest"),
            models.Index(
                fields=["-ended_at"],
                name="summary_to_recover",
                condition=models.Q(cause__in=["abandoned", "lost", "callback_failed"], recovered_by=None),
            ),
        ]


class AgentInterval(models.Model):
    """Projection: what an agent did from when to when (offline, ready, ringing, talking, hold, wrap_up, paused)."""

    id = models.BigIntegerField(primary_key=True)  # the ledger position that began it
    agent_id = models.UUIDField()
    state = models.CharField(max_length=10)
    reason = models.CharField(max_length=40, blank=True)
    contact_id = models.UUIDField(null=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    simulated = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["agent_id", "started_at"]), models.Index(fields=["started_at"])]


class AgentFold(models.Model):
    """Projection: where the folding of one agent's intervals stands, so that it can go on from here."""

    agent_id = models.UUIDField(primary_key=True)
    state = models.JSONField()


class ProjectionCursor(models.Model):
    """How far a projection has read: every row up to `position` is in it."""

    name = models.CharField(max_length=40, primary_key=True)
    position = models.BigIntegerField(default=0)
    at = models.DateTimeField(null=True)  # the time of the last row read, to be shown


class ReasonText(models.Model):
    """What a supervisor wrote as the reason, where it is more than a code. Erasable; the ledger holds its id."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subject = models.UUIDField(db_index=True)  # the contact, agent or queue
    at = models.DateTimeField()
    text = models.CharField(max_length=500)


class LiveState(models.Model):
    """The router's folded state of one living contact, agent or queue; written in the ledger's own commit."""

    subject = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=8)  # contact | agent | queue
    state = models.JSONField()


class UnwellAlert(models.Model):
    """Someone in the hall looks unwell (E5): a doctor is called at once, and a clock runs until someone has come."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    contact = models.OneToOneField(Contact, models.PROTECT, related_name="unwell")
    organisation = models.ForeignKey(Organisation, models.PROTECT)
    site = models.ForeignKey(Site, models.PROTECT, null=True)
    place = models.CharField(max_length=120, blank=True)
    raised_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    raised_at = models.DateTimeField()
    seen_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    seen_at = models.DateTimeField(null=True)
    come_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    come_at = models.DateTimeField(null=True)


class ContactDraft(models.Model):
    """What is written during the talk and not recorded yet. Erasable; goes along with a transfer."""

    contact = models.OneToOneField(Contact, models.CASCADE, primary_key=True, related_name="draft")
    by = models.UUIDField(null=True)
    caller_name = models.CharField(max_length=200, blank=True)
    relation = models.CharField(max_length=12, blank=True)
    topic = models.CharField(max_length=36, blank=True)  # an id: a draft refers to nothing
    outcome = models.CharField(max_length=30, blank=True)
    note = models.TextField(blank=True)
    changed_at = models.DateTimeField(auto_now=True)
