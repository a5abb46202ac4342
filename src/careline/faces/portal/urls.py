from __future__ import annotations

from django.urls import path

from . import views

app_name = "portal"
urlpatterns = [
    path("call/", views.lines, name="lines"),
    path("call/<slug:code>/", views.choose_language, name="line"),
    path("call/<slug:code>/<str:language>/", views.call, name="call"),
]
