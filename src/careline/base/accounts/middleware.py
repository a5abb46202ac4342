"""Every request learns who reads, in which language, and whether a step must be taken first."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject

from careline.base.accounts import sessions
from careline.base.accounts.models import User
from careline.base.accounts.rights import reader_of
from careline.base.accounts.second_factor import still_owed
from careline.base.errors.pages import onward, wants_json

FREE_PATHS = ("/accounts/", "/static/")  # where the steps themselves are taken


class WorkMiddleware:
    """Sets `request.reader` (lazy; raises NotAllowed when used by someone who has no posting).

    Stands after Django's AuthenticationMiddleware. A page of a patient, who has no session, costs no query here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        seen_at = _lock_if_idle(request)
        request.reader = SimpleLazyObject(lambda: reader_of(request))  # type: ignore[attr-defined]
        if request.user.is_authenticated:
            if not settings.SPEAK_BROWSER:  # a visitor of the demo borrows somebody's account, not their language
                _speak(request, request.user.language)
            if step := _step_before_work(request):
                return _send_to(request, step)
        response = self.get_response(request)
        _renew(request, seen_at)
        return response


def _lock_if_idle(request: HttpRequest):
    """The session stays (and so does a talk on it); the person is a stranger until they have signed in again."""
    if not request.user.is_authenticated or not request.session.session_key:
        return None
    now = timezone.now()
    seen_at = sessions.seen(request.session.session_key, now)
    if seen_at and now - seen_at > sessions.idle_limit():
        request.user = AnonymousUser()
        return None
    return seen_at


def _speak(request: HttpRequest, language: str) -> None:
    translation.activate(language)
    request.LANGUAGE_CODE = translation.get_language()


def _step_before_work(request: HttpRequest) -> str:
    if request.path.startswith(FREE_PATHS):
        return ""
    if cast(User, request.user).must_change_password:
        return "account_change_password"
    return "mfa_index" if still_owed(request) else ""


def _send_to(request: HttpRequest, step: str) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"error": "step_needed", "message": ""}, status=403)
    return onward(request, step)


def _renew(request: HttpRequest, seen_at) -> None:
    if sessions.BACKGROUND_HEADER in request.headers or not request.user.is_authenticated:
        return
    if key := request.session.session_key:
        sessions.renew(key, cast(User, request.user), timezone.now(), seen_before=seen_at)
