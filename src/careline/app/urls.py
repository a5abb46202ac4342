"""Every address of the web process. `/live/*` belongs to the live process (app/live.py)."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from careline.app import views

handler500 = "careline.app.views.server_error"
urlpatterns = [
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("metrics", views.metrics),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
]
