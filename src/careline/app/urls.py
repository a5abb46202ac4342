"""Every address of the web process. `/live/*` belongs to the live process (app/live.py)."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("", include("careline.faces.portal.urls")),
]
