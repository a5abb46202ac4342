"""The directory in the admin, limited to what the administrator's posting covers. Each change tells the switchboard."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from careline.base.accounts.covering import CoveredAdmin, CoveredFilter, CoveredTabular
from careline.base.accounts.models import Posting
from careline.base.accounts.rights import Reader, covered
from careline.care.directory import forms
from careline.care.directory.actions import changed
from careline.care.directory.importing.pages import ImportPages
from careline.care.directory.models import (
    Hours,
    HoursException,
    Notice,
    OperatorSettings,
    PhoneLine,
    Queue,
    Skill,
    StaffSkill,
    Topic,
)
from careline.care.directory.queries import is_open


class Told(CoveredAdmin):
    """Tells the switchboard of whatever is saved or deleted here, in the same transaction."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        _tell(self.organisation_ids([form.instance]))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        ids = self.organisation_ids([obj])
        super().delete_model(request, obj)
        _tell(ids)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        ids = self.organisation_ids(list(queryset))
        super().delete_queryset(request, queryset)
        _tell(ids)

    def organisation_ids(self, rows: list[Any]) -> set[UUID]:
        """Whose directory these rows are."""
        return {row.organisation_id for row in rows}


def _tell(organisation_ids: set[UUID]) -> None:
    for organisation_id in sorted(organisation_ids):
        changed(organisation_id)


class HoursExceptionInline(CoveredTabular):
    model = HoursException
    form = forms.HoursExceptionForm
    organisation = "hours__organisation"
    ordering = ("-date",)


@admin.register(Hours)
class HoursAdmin(Told):
    form = forms.HoursForm
    list_display = ("name", "organisation", "timezone", "holidays", "is_open_now")
    list_select_related = ("organisation",)
    list_filter = (("organisation", CoveredFilter),)
    search_fields = ("name",)
    autocomplete_fields = ("organisation",)
    inlines = (HoursExceptionInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hours]:
        return super().get_queryset(request).prefetch_related("exceptions")

    @admin.display(description=_("open now"), boolean=True)
    def is_open_now(self, hours: Hours) -> bool:
        return is_open(PhoneLine(hours=hours, queue=Queue()), timezone.now()).open


@admin.register(Queue)
class QueueAdmin(Told):
    form = forms.QueueForm
    list_display = ("name", "code", "organisation", "site", "closed", "emergency", "answer_target_s", "target_share")
    list_select_related = ("organisation", "site")
    list_filter = ("closed", "emergency", ("organisation", CoveredFilter))
    search_fields = ("name", "code")
    autocomplete_fields = ("organisation", "site")


@admin.register(PhoneLine)
class PhoneLineAdmin(ImportPages, Told):
    form = forms.PhoneLineForm
    list_display = ("name", "number", "organisation", "queue", "hours", "closed", "is_open_now")
    list_select_related = ("organisation", "queue", "hours")
    list_filter = ("closed", "emergency", ("organisation", CoveredFilter))
    search_fields = ("name", "code", "number")
    autocomplete_fields = ("organisation", "site", "queue", "hours")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PhoneLine]:
        return super().get_queryset(request).prefetch_related("hours__exceptions")

    @admin.display(description=_("open now"), boolean=True)
    def is_open_now(self, line: PhoneLine) -> bool:
        return is_open(line, timezone.now()).open


@admin.register(Topic)
class TopicAdmin(ImportPages, Told):
    form = forms.TopicForm
    list_display = ("in_tree", "code", "queue", "urgent", "for_calls", "for_walk_ins", "active", "organisation")
    list_select_related = ("organisation", "queue", "parent")
    list_filter = ("for_calls", "for_walk_ins", "active", ("organisation", CoveredFilter))
    search_fields = ("code", "names")
    autocomplete_fields = ("organisation", "parent", "queue")
    list_per_page = 500

    def get_queryset(self, request: HttpRequest) -> QuerySet[Topic]:
        """As the tree is read: each topic with those below it after it."""
        rows = super().get_queryset(request).select_related("parent__parent")
        return rows.order_by(
            "organisation__path",
            Coalesce("parent__parent__order", "parent__order", "order"),
            Coalesce("parent__parent__code", "parent__code", "code"),
            Coalesce("parent__parent_id", "parent_id").asc(nulls_first=True),
            "order",
            "code",
        )

    @admin.display(description=_("topic"))
    def in_tree(self, topic: Topic) -> str:
        depth = sum(above is not None for above in (topic.parent, topic.parent and topic.parent.parent))
        shown = "\u00a0" * (6 * depth) + ("└ " if depth else "") + str(topic)
        return shown.replace(" ", "\u00a0")  # a branch that wraps no longer looks like one


@admin.register(Notice)
class NoticeAdmin(Told):
    right = "notices.change"
    site = "site"
    form = forms.NoticeForm
    list_display = ("__str__", "kind", "organisation", "site", "valid_from", "valid_to", "for_callers")
    list_select_related = ("organisation", "site")
    list_filter = ("kind", "for_callers", ("organisation", CoveredFilter))
    date_hierarchy = "valid_from"

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"valid_from": timezone.now(), **super().get_changeform_initial_data(request)}


@admin.register(Skill)
class SkillAdmin(Told):
    list_display = ("name", "code", "organisation")
    list_select_related = ("organisation",)
    list_filter = (("organisation", CoveredFilter),)
    search_fields = ("name", "code")
    autocomplete_fields = ("organisation",)


class OfStaff(Told):
    """Rows about people posted where the administrator may look."""

    right = "staff.change"

    def covered_rows(self, reader: Reader, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.filter(user__in=covered(reader, Posting.objects.all()).values("user"))

    def organisation_ids(self, rows: list[Any]) -> set[UUID]:
        people = {row.user_id for row in rows}
        return set(Posting.objects.filter(user__in=people).values_list("organisation_id", flat=True))


@admin.register(StaffSkill)
class StaffSkillAdmin(OfStaff):
    form = forms.StaffSkillForm
    list_display = ("user", "skill", "proficiency")
    list_select_related = ("user", "skill")
    list_filter = (("skill", CoveredFilter), "proficiency")
    search_fields = ("user__username", "user__last_name", "user__first_name")
    autocomplete_fields = ("user", "skill")


@admin.register(OperatorSettings)
class OperatorSettingsAdmin(OfStaff):
    list_display = ("user", "voice_capacity", "text_capacity")
    list_select_related = ("user",)
    search_fields = ("user__username", "user__last_name", "user__first_name")
    autocomplete_fields = ("user", "queues")
