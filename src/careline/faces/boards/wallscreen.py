"""A screen on a wall: nobody touches it, so its session locks. It may be told to stay and show the board alone.

The permission is a signed cookie for /board/ that names a posting. It shows nothing but the board (no patient, last
four digits only), and ends when the posting does.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from careline.base.accounts.models import Posting
from careline.base.accounts.rights import NotSignedIn, Reader, postings_now, reader_for, reader_of

COOKIE = "careline_wall"
SALT = "careline.faces.boards.wall"
STAYS_S = 30 * 24 * 3600


def wall_reader(request: HttpRequest) -> Reader:
    """Who is signed in, else the posting this screen was left with. Raises NotAllowed."""
    try:
        return reader_of(request)
    except NotSignedIn:
        if (kept := _kept(request)) is None:
            raise
        return kept


def stays(request: HttpRequest) -> bool:
    return _kept(request) is not None


def leave_with(response: HttpResponse, reader: Reader) -> None:
    response.set_cookie(
        COOKIE,
        signing.dumps(str(reader.posting_id), salt=SALT),
        max_age=STAYS_S,
        path="/board/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def _kept(request: HttpRequest) -> Reader | None:
    try:
        posting_id = UUID(signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=STAYS_S))
    except (signing.BadSignature, ValueError):
        return None
    posting = Posting.objects.select_related("user", "organisation").filter(pk=posting_id).first()
    if posting is None or not posting.user.is_active:
        return None
    holds = any(each.pk == posting.pk for each in postings_now(posting.user))
    return reader_for(posting) if holds else None
