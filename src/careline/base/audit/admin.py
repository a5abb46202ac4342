"""The trail as auditors read it: who looked at this patient, what did this person look at, and the list as a file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Concat, Trim
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

from careline.base.accounts.covering import CoveredAdmin, admin_reader
from careline.base.accounts.models import User
from careline.base.audit.actions import record
from careline.base.audit.models import AuditRow
from careline.base.errors import NotAllowed
from careline.base.organisations.models import Organisation

COLUMNS = ("at", "user", "organisation", "action", "subject", "ids", "reason", "detail")


class Echo:
    def write(self, value: str) -> str:
        return value


@admin.register(AuditRow)
class AuditRowAdmin(CoveredAdmin):
    right = "audit.view"
    organisation = "organisation_id"
    list_display = ("at", "who", "where", "action", "subject", "how_many", "reason")
    list_filter = ("at",)
    search_fields = ("action",)
    search_help_text = _("A patient's or contact's id, a person's name or sign-in name, or an action (patient.opened)")
    ordering = ("-at", "-id")
    show_full_result_count = False
    list_per_page = 100
    change_list_template = "admin/audit/auditrow/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditRow]:
        name = Concat(F("last_name"), Value(" "), F("first_name"), Value(" ("), F("username"), Value(")"))
        people = User.objects.filter(pk=OuterRef("user_id")).values(name=Trim(name))
        places = Organisation.objects.filter(pk=OuterRef("organisation_id")).values("name")
        rows = super().get_queryset(request)
        return rows.annotate(user_name=Subquery(people), organisation_name=Subquery(places))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            sought = UUID(term)
        except ValueError:
            people = User.objects.filter(Q(username=term) | Q(last_name__istartswith=term))
            return queryset.filter(Q(action__startswith=term) | Q(user_id__in=people.values("pk"))), False
        return queryset.filter(Q(subject_ids__contains=[sought]) | Q(user_id=sought)), False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("who"))
    def who(self, row: Any) -> str:
        return row.user_name or ""

    @admin.display(description=_("where"))
    def where(self, row: Any) -> str:
        return row.organisation_name or ""

    @admin.display(description=_("records"))
    def how_many(self, row: AuditRow) -> int:
        return len(row.subject_ids)

    def get_urls(self) -> list[Any]:
        export = path("export/", self.admin_site.admin_view(self.export), name="audit_auditrow_export")
        return [export, *super().get_urls()]

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """The list as it is filtered now, as CSV. Taking it away is itself on the trail."""
        if not self.has_view_permission(request):
            raise NotAllowed
        rows = self.get_changelist_instance(request).get_queryset(request)
        record(admin_reader(request), "audit.exported", "audit", rows=rows.count(), by=str(request.user.pk))
        response = StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return response


def _lines(rows: QuerySet[Any]) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    for row in rows.iterator(chunk_size=2000):
        yield writer.writerow(_cells(row))


def _cells(row: Any) -> list[str]:
    ids = " ".join(str(i) for i in row.subject_ids)
    values = (row.at.isoformat(), row.user_name, row.organisation_name, row.action, row.subject, ids, row.reason)
    return [_harmless(str(value or "")) for value in (*values, row.detail)]


def _harmless(text: str) -> str:
    """A spreadsheet runs what begins like a formula; a quotation mark before it keeps it text."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
