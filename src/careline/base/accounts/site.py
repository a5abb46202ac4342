"""Django's admin, entered by the house's own door and with the rights of a posting."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from careline.base.accounts.rights import reader_of
from careline.base.errors import NotAllowed

ENTRY_RIGHTS = ("directory.change", "staff.change", "notices.change", "audit.view", "patients.import")


class CareAdminSite(AdminSite):
    site_title = _("Careline administration")
    site_header = _("Careline administration")
    index_title = _("What do you want to look after?")

    def has_permission(self, request: HttpRequest) -> bool:
        """Superusers, and postings with at least one right that is used here. `is_staff` plays no part."""
        if request.user.is_active and request.user.is_superuser:
            return True
        try:
            reader = reader_of(request)
        except NotAllowed:
            return False
        return any(reader.may(right) for right in ENTRY_RIGHTS)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """One way in, so that lock-out, second factor and passkeys hold here too."""
        if request.user.is_authenticated:
            reader_of(request)  # says which step is missing: a posting to choose, or one that has ended
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"), reverse("account_login"))

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        return HttpResponseRedirect(reverse("account_logout"))

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        return HttpResponseRedirect(reverse("account_change_password"))
