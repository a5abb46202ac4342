"""Who is asking, and what they may see. Rights follow the posting worked in, never the employer.

Every query of the house takes a `Reader` and narrows its rows with `covered`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from careline.base.accounts.models import Posting, Role, User
from careline.base.accounts.rules import local_day, posting_holds, role_may
from careline.base.errors import NotAllowed
from careline.base.organisations.models import Organisation
from careline.base.prepared import Prepared

SESSION_POSTING = "posting"

M = TypeVar("M", bound=Model)


class NotSignedIn(NotAllowed):
    code = "not_signed_in"
    message = _("Please sign in.")
    status = 401


class NoPosting(NotAllowed):
    code = "no_posting"
    message = _("You have no posting today. Ask your administrator to add one.")


class PostingNotChosen(NotAllowed):
    """The person has several postings and must say which one they work in now."""

    code = "posting_not_chosen"
    message = _("Choose where you work now.")


class PostingEnded(NotAllowed):
    code = "posting_ended"
    message = _("Your posting has ended. Choose another, or ask your administrator.")


@dataclass(frozen=True, slots=True)
class Reader:
    """One person at work: `path` covers every organisation below it, `site_id` narrows that to one site."""

    user_id: UUID
    posting_id: UUID
    role: Role
    organisation_id: UUID
    path: str
    site_id: UUID | None
    language: str

    def may(self, right: str) -> bool:
        """True when the role has `right`. Raises ValueError for a right that does not exist."""
        return role_may(self.role, right)

    def require(self, right: str) -> None:
        """Raises NotAllowed unless the role has `right`."""
        if not self.may(right):
            raise NotAllowed


def reader_for(posting: Posting) -> Reader:
    """The reader of a posting, whatever its dates: background work and tests. `reader_of` checks the dates."""
    return Reader(
        user_id=posting.user_id,
        posting_id=posting.pk,
        role=Role(posting.role),
        organisation_id=posting.organisation_id,
        path=posting.organisation.path,
        site_id=posting.site_id,
        language=posting.user.language,
    )


def postings_now(user: User) -> list[Posting]:
    """The postings the person may choose from today (each by its own calendar), broadest first."""
    return postings_now_of([user.pk])


def postings_now_of(users: Iterable[UUID]) -> list[Posting]:
    """The same of many people, in one query: by person, each broadest first."""
    now = timezone.now()
    return [posting for posting in _postings(users=list(users)) if _holds(posting, now)]


_postings = Prepared(
    lambda users: (
        Posting.objects.filter(user__among=users, organisation__active=True)
        .select_related("organisation", "site", "user")
        .order_by("user", "organisation__path", "site__name", "role", "pk")
    ),
    users=list,
)


def reader_of(request: HttpRequest) -> Reader:
    """The posting this request works in. A person's only posting is taken without asking.

    Raises NotSignedIn, NoPosting, PostingNotChosen or PostingEnded, all of them NotAllowed.
    """
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        raise NotSignedIn
    return reader_in_session(request.user, request.session.get(SESSION_POSTING))


def reader_in_session(user: User, chosen: str | None) -> Reader:
    """As `reader_of`, for a user and the posting id their session holds."""
    if not user.is_active:
        raise NotSignedIn
    postings = postings_now(user)
    if chosen is not None:
        for posting in postings:
            if str(posting.pk) == chosen:
                return reader_for(posting)
        if postings:
            raise PostingEnded
    if not postings:
        raise NoPosting
    if len(postings) > 1:
        raise PostingNotChosen
    return reader_for(postings[0])


def covered(
    reader: Reader,
    queryset: QuerySet[M],
    organisation: str = "organisation",
    site: str | None = "site",
    *,
    shared: bool = False,
) -> QuerySet[M]:
    """Only the rows the posting covers: of its organisation and those below it, and of its site if it has one.

    `organisation` and `site` name the fields (lookups over relations are fine, so is a bare id such as
    "organisation_id"; "" when the rows are organisations themselves). `site=None`: the rows know no site.
    `shared=True` adds, for a posting at one site, the rows that belong to no single site.
    """
    queryset = queryset.filter(_within(reader, organisation))
    if site is None or reader.site_id is None:
        return queryset
    here = Q(**{site: reader.site_id})
    return queryset.filter(here | Q(**{f"{site}__isnull": True}) if shared else here)


def inherited(reader: Reader, queryset: QuerySet[M], organisation: str = "organisation") -> QuerySet[M]:
    """The rows set above and at the reader's organisation: topics, hours, notices that hold for everyone below."""
    ids = Organisation.objects.filter(path__in=lineage(reader.path)).values("pk")
    return queryset.filter(**{f"{organisation}__in" if organisation else "pk__in": ids})


def covers(reader: Reader, organisation: Organisation, site_id: UUID | None = None) -> bool:
    """True when the posting covers the organisation, and the site where the posting has one."""
    below = organisation.path.startswith(reader.path)
    return below and (reader.site_id is None or reader.site_id == site_id)


def _within(reader: Reader, organisation: str) -> Q:
    if not organisation:
        return Q(path__startswith=reader.path)
    ids: QuerySet[Organisation, Any] = Organisation.objects.filter(path__startswith=reader.path).values("pk")
    return Q(**{f"{organisation}__in": ids})


def lineage(path: str) -> list[str]:
    """The paths of an organisation and of all above it: "a/b/c/" -> ["a/", "a/b/", "a/b/c/"]."""
    parts = path.rstrip("/").split("/")
    return ["/".join(parts[: n + 1]) + "/" for n in range(len(parts))]


def _holds(posting: Posting, now: Any) -> bool:
    return posting_holds(posting.valid_from, posting.valid_to, local_day(now, posting.organisation.timezone))
