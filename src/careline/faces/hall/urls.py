from __future__ import annotations

from django.urls import path

from careline.faces.hall import views

app_name = "hall"
urlpatterns = [
    path("hall/", views.hall, name="hall"),
    path("hall/worker.js", views.worker, name="worker"),
    path("hall/day/", views.day, name="day"),
    path("hall/log/", views.log, name="log"),
    path("hall/undo/", views.undo, name="undo"),
    path("hall/unwell/", views.unwell, name="unwell"),
    path("hall/alerts/", views.alerts, name="alerts"),
    path("hall/alerts/list/", views.alerts_list, name="alerts-list"),
    path("hall/alerts/<uuid:alert_id>/", views.alert, name="alert"),
    path("hall/alerts/<uuid:alert_id>/<str:step>/", views.answer, name="answer"),
]
