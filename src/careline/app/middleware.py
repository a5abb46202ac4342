"""Around every request: an id that all its log lines carry, one line when it ends, and its figures."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

from careline.base.ids import uuid7

log = structlog.get_logger("careline.web")

REQUESTS = Counter("careline_requests_total", "Requests answered", ["route", "method", "status"])
SECONDS = Histogram(
    "careline_request_seconds",
    "Time to answer a request",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10),
)
QUIET = {"healthz", "readyz", "metrics"}  # asked every few seconds by machines


class RequestLog:
    """Logs the route, not the address: an address holds ids, and what a stranger typed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = str(uuid7())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began = time.perf_counter()
        response = self.get_response(request)
        self._tell(request, response, time.perf_counter() - began)
        response["X-Request-ID"] = request_id
        return response

    def _tell(self, request: HttpRequest, response: HttpResponse, took_s: float) -> None:
        route = request.resolver_match.route if request.resolver_match else "unmatched"
        method = request.method if request.method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} else "OTHER"
        REQUESTS.labels(route, method, response.status_code).inc()
        SECONDS.labels(route).observe(took_s)
        if route not in QUIET:
            log.info("request", route=route, method=method, status=response.status_code, ms=round(took_s * 1000, 1))
