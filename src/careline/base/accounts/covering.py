"""Admin pages that show and offer only what the administrator's posting covers. Every room's admin stands on these."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from careline.base.accounts.rights import Reader, covered


def admin_reader(request: HttpRequest) -> Reader | None:
    """The posting worked in; None for a superuser, whom nothing narrows."""
    return None if request.user.is_superuser else request.reader  # type: ignore[attr-defined]


class Covered:
    """Mixin for ModelAdmin and inlines. Set `right`, and `organisation` and `site` as for `rights.covered`."""

    right = "directory.change"
    organisation: str = "organisation"
    site: str | None = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)  # type: ignore[misc]
        reader = admin_reader(request)
        return rows if reader is None else self.covered_rows(reader, rows)

    def covered_rows(self, reader: Reader, rows: QuerySet[Any]) -> QuerySet[Any]:
        return covered(reader, rows, self.organisation, self.site)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        self._offer_only_covered(db_field, request, kwargs)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        self._offer_only_covered(db_field, request, kwargs)
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.may(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request)  # which rows: get_queryset

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request)

    def may(self, request: HttpRequest) -> bool:
        reader = admin_reader(request)
        return reader is None or reader.may(self.right)

    def _offer_only_covered(self, db_field: Any, request: HttpRequest, kwargs: dict[str, Any]) -> None:
        """What is typed into a form by hand must obey the same limits as what the list shows."""
        rows = _covered_related(self.admin_site, db_field, request)  # type: ignore[attr-defined]
        if rows is not None:
            kwargs.setdefault("queryset", rows)


class CoveredAdmin(Covered, admin.ModelAdmin):
    """A ModelAdmin limited to the administrator's own tree."""


class CoveredTabular(Covered, admin.TabularInline):
    """A tabular inline limited to the administrator's own tree."""

    extra = 0


class CoveredFilter(admin.RelatedFieldListFilter):
    """Filter by a related row, offering only those the administrator may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        rows = _covered_related(model_admin.admin_site, field, request)
        limits = {} if rows is None else {"pk__in": rows.values("pk")}
        ordering = self.field_admin_ordering(field, request, model_admin)
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to=limits)


def _covered_related(site: Any, field: Any, request: HttpRequest) -> QuerySet[Any] | None:
    related = site._registry.get(field.remote_field.model)
    return related.get_queryset(request) if isinstance(related, Covered) else None
