"""Refusals and failures as their reader can use them: a partial for HTMX, JSON for a program, a page for a person."""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from careline.base.errors import CareError, DatabaseAway, TooMany, outage

PATIENTS = "/call/"


def wants_json(request: HttpRequest) -> bool:
    """True for a program: it sent JSON, or prefers it over a page."""
    return (
        request.content_type == "application/json"
        or request.get_preferred_type(["text/html", "application/json"]) == "application/json"
    )


def wants_partial(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def refusal(request: HttpRequest, error: CareError) -> HttpResponse:
    """The answer for a CareError: its status, its code, and its sentence in the reader's language."""
    response = _refusal_body(request, error.code, str(error), error.status)
    response["X-Careline-Error"] = error.code
    if retry_after_s := error.values.get("retry_after_s"):
        response["Retry-After"] = str(retry_after_s)
    return response


def onward(request: HttpRequest, url_name: str) -> HttpResponse:
    """Send the person to a step they must take first, and bring them back to where they were afterwards."""
    url = reverse(url_name)
    if wants_partial(request):
        response = HttpResponse(status=HTTPStatus.NO_CONTENT)
        response["HX-Redirect"] = url
        return response
    back = f"?{urlencode({'next': request.get_full_path()})}" if request.method == "GET" else ""
    return HttpResponseRedirect(url + back)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _refusal_body(request, "bad_request", _("This request could not be understood."), 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _refusal_body(request, "not_allowed", _("Your role does not allow this."), 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    with translation.override(language_of(request)):
        return _not_found(request)


def language_of(request: HttpRequest) -> str | None:
    """A patient's page speaks the language that stands in its address, and so does what is said in its place."""
    last = request.path.rstrip("/").rpartition("/")[2]
    spoken = dict(settings.LANGUAGES)
    return last if last in spoken and start_of(request) != "/" else translation.get_language()


def start_of(request: HttpRequest) -> str:
    """Where it begins for whoever asks: patients have a start of their own."""
    return PATIENTS if request.path.startswith(PATIENTS) else "/"


def _not_found(request: HttpRequest) -> HttpResponse:
    return _refusal_body(request, "not_found", _("There is no such page, or you may not see it."), 404)


def wrong_method(request: HttpRequest) -> HttpResponse:
    with translation.override(language_of(request)):
        return _refusal_body(request, "wrong_method", _("This address does not take such a request."), 405)


def too_many(request: HttpRequest) -> HttpResponse:
    return refusal(request, TooMany(retry_after_s=60))


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    message = _("This page was open for too long, or cookies are blocked. Reload it and try again.")
    return _refusal_body(request, "csrf_failed", message, 403)


def failed(request: HttpRequest) -> HttpResponse:
    """Django's handler of what nobody caught: a lost database is an outage to wait for, the rest is our mistake.

    Nothing here may ask the database, the session or the person's settings.
    """
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    with translation.override(language_of(request)):
        said = _outage(sys.exc_info()[1]) if away else _mistake()
    if away and request.method in ("GET", "HEAD"):
        said["again"] = f"/{request.path.lstrip('/')}"
    if wants_json(request):
        answer: HttpResponse = JsonResponse({"error": said["code"], "message": said["message"]})
    else:
        template = "careline/refusal.html" if wants_partial(request) else "careline/error.html"
        with translation.override(language_of(request)):
            answer = HttpResponse(render_to_string(template, said | {"start": start_of(request)}))
    answer.status_code = said["status"]
    answer["X-Careline-Error"] = said["code"]
    if away:
        answer["Retry-After"] = "5"
    return answer


def _outage(failure: BaseException | None) -> dict[str, Any]:
    error = outage(failure or DatabaseAway())
    return {"status": error.status, "code": error.code, "message": str(error)}


def _mistake() -> dict[str, Any]:
    message = _("It has been noted. Please try once more; if it happens again, tell your administrator.")
    return {"status": 500, "code": "failure", "message": message}


def _refusal_body(request: HttpRequest, code: str, message: str, status: int) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"error": code, "message": message}, status=status)
    template = "careline/refusal.html" if wants_partial(request) else "careline/error.html"
    said = {"code": code, "message": message, "status": status, "start": start_of(request)}
    return render(request, template, said, status=status)
