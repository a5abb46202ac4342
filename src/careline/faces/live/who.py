"""Who sits at a desk: the Django session behind a stream, checked when it opens and again every half minute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import import_module

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone

from careline.base.accounts.models import Posting, User
from careline.base.accounts.rights import NotSignedIn, Reader, reader_of
from careline.base.errors import CareError
from careline.care.directory.profiles import agent_profile
from careline.core.acd.model import AgentProfile

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Badge:
    """A checked session: whose it is, and what it looked like, so that a second look is cheap."""

    session_key: str
    reader: Reader
    stored: str  # the session row's own text
    password: str  # the user's password hash: a changed one ends the session

    @property
    def agent(self) -> str:
        return str(self.reader.user_id)


def badge_of(session_key: str) -> Badge:
    """Raises NotSignedIn, or what `reader_of` raises. Reads the database."""
    row = Session.objects.filter(session_key=session_key, expire_date__gt=timezone.now()).first()
    if row is None:
        raise NotSignedIn
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    request.user = auth.get_user(request)
    if isinstance(request.user, AnonymousUser):
        raise NotSignedIn
    reader = reader_of(request)
    return Badge(session_key, reader, row.session_data, request.user.password)


def look_again(badges: Iterable[Badge]) -> dict[str, Badge]:
    """Of many badges those that still hold, by session key. Three reads for every 500, if nothing has changed."""
    badges = list(badges)
    held: dict[str, Badge] = {}
    for start in range(0, len(badges), CHUNK):
        held |= _held(badges[start : start + CHUNK])
    return held


def _held(badges: list[Badge]) -> dict[str, Badge]:
    stored = dict(
        Session.objects.filter(
            session_key__in={badge.session_key for badge in badges}, expire_date__gt=timezone.now()
        ).values_list("session_key", "session_data")
    )
    users = dict(
        User.objects.filter(id__in={badge.reader.user_id for badge in badges}, is_active=True).values_list(
            "id", "password"
        )
    )
    postings = dict(
        Posting.objects.filter(id__in={badge.reader.posting_id for badge in badges}).values_list("id", "valid_to")
    )
    held = {}
    for badge in badges:
        same = (
            stored.get(badge.session_key) == badge.stored
            and users.get(badge.reader.user_id) == badge.password
            and _surely_holds(postings.get(badge.reader.posting_id, date.min))
        )
        if again := badge if same else _read_again(badge):
            held[badge.session_key] = again
    return held


def _surely_holds(valid_to: date | None) -> bool:
    """A posting that ends about now is looked at properly, by its own calendar."""
    return valid_to is None or valid_to > timezone.now().date() + timedelta(days=1)


def _read_again(badge: Badge) -> Badge | None:
    """The session has been written to since, or something has ended: None unless it is the same person's posting."""
    try:
        again = badge_of(badge.session_key)
    except CareError:
        return None
    return again if again.reader == badge.reader else None


def profile_of(reader: Reader) -> AgentProfile:
    """The person in the router's words. Reads the database."""
    posting = Posting.objects.select_related("organisation", "user").get(id=reader.posting_id)
    return agent_profile(posting)


def first_names(agents: Iterable[str]) -> dict[str, str]:
    """What patients are told of who speaks with them. Reads the database."""
    rows = User.objects.filter(id__in=list(agents)).values_list("id", "first_name")
    return {str(id): name for id, name in rows}
