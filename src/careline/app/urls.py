"""Every address of the web process. `/live/*` belongs to the live process (app/live.py)."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from careline.app import screens, views

urlpatterns = [
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("metrics", views.metrics),
    path("admin/", admin.site.urls),
    path("accounts/", include("careline.faces.door.urls")),
    path("", include("careline.faces.desk.urls")),
    path("", include("careline.faces.boards.urls")),
    path("", include("careline.faces.portal.urls")),
    path("", include("careline.faces.hall.urls")),
]

screens.connect()

handler400 = "careline.base.errors.pages.bad_request"
handler403 = "careline.base.errors.pages.forbidden"
handler404 = "careline.base.errors.pages.not_found"
handler429 = "careline.base.errors.pages.too_many"  # allauth's
handler500 = "careline.base.errors.pages.failed"
