"""What machines ask the web process, and what people see when it cannot answer."""

from __future__ import annotations

import os
import sys

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process runs. Says nothing of the database: starting web again would not mend that."""
    return JsonResponse({"alive": True})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """The process can do its work: 200, or 503 while the database is away."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connection.close()
        return JsonResponse({"ready": False, "database": False}, status=503)
    return JsonResponse({"ready": True, "database": True})


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus, of all web workers together; only for this machine, not through the front door."""
    if "X-Forwarded-For" in request.headers:
        raise Http404
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler of what nobody caught: a lost database is an outage to wait for, the rest is our mistake."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    status = 503 if away else 500
    title = _("The database does not answer") if away else _("Something went wrong here")
    advice = (
        _("Nothing you entered before is lost. Please try once more in a few seconds.")
        if away
        else _("It has been noted. Please try once more; if it happens again, tell your administrator.")
    )
    if "text/html" in request.headers.get("Accept", ""):
        response = render(request, "careline/failure.html", {"title": title, "advice": advice}, status=status)
    else:
        code = "database_away" if away else "failure"
        response = JsonResponse({"error": code, "message": f"{title}. {advice}"}, status=status)
    if away:
        response["Retry-After"] = "5"
    return response
