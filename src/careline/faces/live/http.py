"""Reading requests and writing answers: bodies, keys, origins, addresses, languages, refusals."""

from __future__ import annotations

import io
import ipaddress
import uuid
from collections.abc import Mapping
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import translation
from starlette.requests import Request
from starlette.responses import JSONResponse

from careline.base.errors import CareError
from careline.faces.live.errors import BadOrigin, BadRequest, TooLarge

MOST_BODY = 64 * 1024  # a session description with video is about 8 KiB

_csrf = CsrfViewMiddleware(lambda request: None)  # type: ignore[arg-type,return-value]


class Body:
    """A JSON object from a browser: nothing in it is believed before it has been asked for by type."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def text(self, name: str, most: int = 200) -> str:
        """A non-empty string. Raises BadRequest."""
        value = self.optional(name, most)
        if not value:
            raise BadRequest
        return value

    def optional(self, name: str, most: int = 200) -> str:
        value = self._values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > most or "\x00" in value:
            raise BadRequest
        return value.strip()

    def id(self, name: str) -> str:
        """A UUID in its usual form. Raises BadRequest."""
        try:
            return str(uuid.UUID(self.text(name, 40)))
        except ValueError:
            raise BadRequest from None

    def number(self, name: str, least: float, most: float) -> float:
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise BadRequest
        return float(value)

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def flag(self, name: str) -> bool:
        value = self._values.get(name, False)
        if not isinstance(value, bool):
            raise BadRequest
        return value

    def object(self, name: str) -> dict[str, Any]:
        value = self._values.get(name)
        if not isinstance(value, dict):
            raise BadRequest
        return value


async def body_of(request: Request) -> Body:
    """The JSON object of a POST. Raises BadRequest or TooLarge."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MOST_BODY:
            raise TooLarge
        chunks.append(chunk)
    try:
        values = orjson.loads(b"".join(chunks) or b"{}")
    except ValueError:  # half a surrogate pair among others: such text cannot be written anywhere
        raise BadRequest from None
    if not isinstance(values, dict):
        raise BadRequest
    return Body(values)


def django_request(request: Request) -> ASGIRequest:
    """The same request as Django sees it (headers, cookies, host), without its body."""
    return ASGIRequest(dict(request.scope), io.BytesIO())


def check_origin(request: Request) -> None:
    """Browsers name the origin of every POST; it must be our own. Raises BadOrigin."""
    origin = request.headers.get("origin", "")
    asked = django_request(request)
    try:
        ours = f"{'https' if asked.is_secure() else 'http'}://{asked.get_host()}"
    except DisallowedHost:
        raise BadOrigin from None
    if origin != ours and origin not in settings.CSRF_TRUSTED_ORIGINS:
        raise BadOrigin


def check_csrf(request: Request) -> None:
    """The token that the page sent in `X-CSRFToken` must match its cookie, exactly as in Django. Raises BadOrigin."""
    asked = django_request(request)
    try:
        _csrf.process_request(asked)
        refusal = _csrf.process_view(asked, lambda r: None, (), {})  # type: ignore[arg-type,return-value]
    except DisallowedHost:
        raise BadOrigin from None
    if refusal is not None:
        raise BadOrigin


def address_of(request: Request) -> str:
    """Where the request comes from. Only the front (on this machine) is believed about others."""
    peer = request.client.host if request.client else ""
    forwarded = request.headers.get("x-forwarded-for", "")
    return forwarded.rsplit(",", 1)[-1].strip() if forwarded and is_loopback(peer) else peer


def is_local(request: Request) -> bool:
    """True for a process on this machine that did not come through the front."""
    peer = request.client.host if request.client else ""
    return is_loopback(peer) and "x-forwarded-for" not in request.headers


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == ""  # a unix socket


def language_of(request: Request) -> str:
    """The reader's language: the one chosen on the page (cookie), else the browser's."""
    return translation.get_language_from_request(django_request(request))


def refusal(error: CareError, language: str) -> JSONResponse:
    """`{"error", "message", ...}` in the reader's language, with what else the error carries."""
    with translation.override(language):
        body = {"error": error.code, "message": str(error)}
    body.update({name: value for name, value in error.values.items() if name not in body})
    headers = {"Retry-After": "1"} if error.status == 503 else {}
    return JSONResponse(body, status_code=error.status, headers=headers)
