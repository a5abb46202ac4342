"""Structured logs: one event a line, JSON unless a person watches. Ids, routes and figures, never personal data."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import structlog

Event = MutableMapping[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def nameless_traceback(logger: object, method: str, event: Event) -> Event:
    """Says where an exception came from and of which kind, not its text: that may quote a patient's row."""
    info = _exc_info(event.pop("exc_info", None))
    if info is not None:
        kind, error, trace = info
        event["error"] = f"{kind.__module__}.{kind.__qualname__}"
        if code := getattr(error, "code", None):
            event["code"] = str(code)
        event["trace"] = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(trace)[-12:]]
    return event


def _exc_info(given: Any) -> ExcInfo | None:
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    if isinstance(given, tuple):
        return given if given[0] is not None else None
    if given:
        kind, error, trace = sys.exc_info()
        return (kind, error, trace) if kind is not None and error is not None else None
    return None


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    nameless_traceback,
]


def renderer() -> Any:
    """CARELINE_LOG=json or plain; without it, plain for a terminal and JSON for everything else."""
    plain = os.environ.get("CARELINE_LOG", "plain" if sys.stderr.isatty() else "json") == "plain"
    return structlog.dev.ConsoleRenderer(colors=False) if plain else structlog.processors.JSONRenderer()


def configuration() -> dict[str, Any]:
    """The LOGGING of Django's settings; logs of libraries take the same form as our own."""
    level = os.environ.get("CARELINE_LOG_LEVEL", "INFO").upper()
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer()],
        "foreign_pre_chain": SHARED,
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"event": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "event"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Our own request line says it already, by route, without the address's ids.
            "django.server": {"handlers": [], "propagate": False},
            "django.request": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
            "httpx": {"level": "WARNING"},
            "procrastinate": {"level": "WARNING"},
        },
    }


def configure() -> None:
    """Routes structlog into the standard library's logging, whose configuration Django (or `listen`) applies."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
