from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from careline.base.accounts.actions import may_manage, may_post, remove_second_factor
from careline.base.accounts.covering import Covered, CoveredAdmin, CoveredFilter, CoveredTabular, admin_reader
from careline.base.accounts.models import Posting, User
from careline.base.accounts.rights import Reader, covered
from careline.base.organisations.models import Organisation, Settlement, Site


@admin.register(Organisation)
class OrganisationAdmin(CoveredAdmin):
    organisation = ""
    list_display = ("name", "code", "kind", "parent", "policy", "active")
    list_select_related = ("parent",)
    list_filter = ("kind", "active")
    search_fields = ("name", "code")
    autocomplete_fields = ("parent",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_add_permission(request) and _whole_tree(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and _whole_tree(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _whole_tree(request) and not _is_own(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Moving one's own organisation would change what one covers; that is for whoever stands above it."""
        return ("parent", "code") if _is_own(request, obj) else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if admin_reader(request) and "parent" in form.base_fields:
            form.base_fields["parent"].required = True  # only a superuser founds a network
        return form


@admin.register(Settlement)
class SettlementAdmin(CoveredAdmin):
    list_display = ("name", "organisation", "population")
    list_select_related = ("organisation",)
    search_fields = ("name",)
    autocomplete_fields = ("organisation",)


@admin.register(Site)
class SiteAdmin(CoveredAdmin):
    site = "pk"
    list_display = ("name", "code", "kind", "organisation", "phone", "active")
    list_select_related = ("organisation",)
    list_filter = ("kind", "active", ("organisation", CoveredFilter))
    search_fields = ("name", "code", "address")
    autocomplete_fields = ("organisation", "serves")


class PostingForm(forms.ModelForm):
    reader: Reader | None = None  # set by the admin that shows the form

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and self.reader and not may_post(self.reader, self._wanted()):
            raise forms.ValidationError(
                _("You may give postings only inside your own organisation, and not to yourself.")
            )
        return cleaned

    def _wanted(self) -> Posting:
        return Posting(
            user_id=self.cleaned_data["user"].pk if "user" in self.cleaned_data else self.instance.user_id,
            organisation=self.cleaned_data["organisation"],
            site=self.cleaned_data["site"],
        )


class PostingInline(CoveredTabular):
    model = Posting
    form = PostingForm
    right = "staff.change"
    site = "site"
    fields = ("organisation", "site", "role", "valid_from", "valid_to")
    autocomplete_fields = ("organisation", "site")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        return super().get_queryset(request).select_related("organisation", "site")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and not _is_self(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not _is_self(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not _is_self(request, obj)

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.reader = admin_reader(request)  # type: ignore[attr-defined]
        return formset


@admin.register(Posting)
class PostingAdmin(CoveredAdmin):
    form = PostingForm
    right = "staff.change"
    site = "site"
    list_display = ("user", "role", "organisation", "site", "valid_from", "valid_to")
    list_select_related = ("user", "organisation", "site")
    list_filter = ("role", ("organisation", CoveredFilter))
    search_fields = ("user__username", "user__last_name", "user__first_name")
    autocomplete_fields = ("user", "organisation", "site")
    ordering = ("user__last_name", "user__username", "valid_from")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_post(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_post(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.reader = admin_reader(request)  # type: ignore[attr-defined]
        return form


class PasswordForSomeoneElseForm(AdminPasswordChangeForm):
    def save(self, commit: bool = True) -> User:
        self.user.must_change_password = True
        return super().save(commit=commit)


@admin.register(User)
class UserAdmin(Covered, DjangoUserAdmin):
    right = "staff.change"
    add_form = AdminUserCreationForm
    change_password_form = PasswordForSomeoneElseForm
    list_display = ("username", "last_name", "first_name", "employer", "is_active", "last_login")
    list_select_related = ("employer",)
    list_filter = ("is_active", ("employer", CoveredFilter))
    search_fields = ("username", "last_name", "first_name", "patronymic")
    ordering = ("last_name", "first_name", "username")
    filter_horizontal = ("groups", "user_permissions")
    autocomplete_fields = ("employer",)
    readonly_fields = ("last_login", "date_joined")
    inlines = [PostingInline]
    actions = ("lose_second_factor",)
    person = ("last_name", "first_name", "patronymic", "employer", "language")

    def covered_rows(self, reader: Reader, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Whoever is posted or employed in the tree; for an administrator of one site, whoever is posted there."""
        here = Q(pk__in=covered(reader, Posting.objects.all()).values("user"))
        if reader.site_id is None:
            here |= Q(employer__path__startswith=reader.path)
        return rows.filter(here)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "language":
            return forms.ChoiceField(choices=settings.LANGUAGES, label=db_field.verbose_name)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ((None, {"fields": ("username", "usable_password", "password1", "password2", *self.person)}),)
        account = ["username", "password", "is_active", "must_change_password"]
        sets = [(None, {"fields": account}), (_("Person"), {"fields": self.person})]
        if request.user.is_superuser:
            sets.append((_("Rule over the whole system"), {"fields": ("is_superuser", "groups", "user_permissions")}))
        return (*sets, (_("Dates"), {"fields": ("last_login", "date_joined")}))

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        reader = admin_reader(request)
        if reader and obj is None and "employer" in form.base_fields:
            form.base_fields["employer"].required = True  # otherwise nobody but a superuser would see the person again
        return form

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.must_change_password = obj.has_usable_password()
        super().save_model(request, obj, form, change)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_add_permission(request) and _whole_tree(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_manage(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser  # people who leave are closed, not deleted: the ledger and the trail name them

    @admin.action(description=_("Remove the second factor (phone or key lost)"), permissions=["change"])
    def lose_second_factor(self, request: HttpRequest, users: QuerySet[User]) -> None:
        if not all(_may_manage(request, user) for user in users):
            raise PermissionDenied
        removed = sum(1 for user in users if remove_second_factor(user))
        for user in users:
            self.log_change(request, user, "second factor removed")
        said = ngettext(
            "%(count)d person signs in with the password alone now.",
            "%(count)d people sign in with the password alone now.",
            removed,
        )
        self.message_user(request, said % {"count": removed}, messages.WARNING)


def _whole_tree(request: HttpRequest) -> bool:
    reader = admin_reader(request)
    return reader is None or reader.site_id is None


def _is_own(request: HttpRequest, obj: Any) -> bool:
    reader = admin_reader(request)
    return reader is not None and obj is not None and obj.pk == reader.organisation_id


def _is_self(request: HttpRequest, obj: Any) -> bool:
    return obj is not None and obj.pk == request.user.pk and not request.user.is_superuser


def _may_post(request: HttpRequest, obj: Posting | None) -> bool:
    reader = admin_reader(request)
    return reader is None or obj is None or may_post(reader, obj)


def _may_manage(request: HttpRequest, obj: User | None) -> bool:
    reader = admin_reader(request)
    return reader is None or obj is None or may_manage(reader, obj)
