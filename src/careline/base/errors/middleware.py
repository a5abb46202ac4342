"""Turns an expected refusal, wherever it was raised, into its answer. Bugs pass through and stay loud."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from careline.base.errors import CareError
from careline.base.errors.pages import onward, refusal, wants_json, wants_partial, wrong_method

# Refusals that a person overcomes by taking a step first.
STEPS = {
    "not_signed_in": "account_login",
    "posting_not_chosen": "door:posting",
    "posting_ended": "door:posting",
    "no_posting": "door:posting",
}


class RefusalMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and not response.content:
            said = wrong_method(request)
            said["Allow"] = response.headers.get("Allow", "")
            return said
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, CareError):
            return None
        # A desk in mid-call never navigates by itself: partials and programs get the refusal, and say it in place.
        if exception.code in STEPS and not wants_partial(request) and not wants_json(request):
            return onward(request, STEPS[exception.code])
        return refusal(request, exception)
