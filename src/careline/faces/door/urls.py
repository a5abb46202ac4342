from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import include, path, re_path

from careline.faces.door import views


def closed(request: HttpRequest) -> HttpResponse:
    raise Http404


door = (
    [
        path("home/", views.home, name="home"),
        path("posting/", views.posting, name="posting"),
        path("language/", views.language, name="language"),
    ],
    "door",
)

# allauth knows more doors than this house has: nobody signs up, and nothing is sent by mail.
NO_SUCH_DOOR = (
    r"^(?:signup|email|confirm-email|password/(?:set|reset)|login/code|3rdparty/(?:signup|$)|2fa/webauthn/signup)"
)

urlpatterns = [
    path("", include(door)),
    re_path(NO_SUCH_DOOR, closed),
    path("", include("allauth.urls")),
]
