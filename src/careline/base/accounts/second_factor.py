"""Who must sign in with more than a password, as the site has decided (CARELINE_SECOND_FACTOR)."""

from __future__ import annotations

from enum import StrEnum

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest

from careline.base.accounts.models import Role, User
from careline.base.accounts.rights import postings_now

SESSION_OWED = "second_factor_owed"
KEEPERS = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})


class Policy(StrEnum):
    OFF = "off"
    ADMINISTRATORS = "administrators"  # superusers, administrators and auditors
    EVERYONE = "everyone"


def required(user: User, policy: Policy) -> bool:
    """True when the site asks this person for a second factor."""
    if policy is Policy.OFF:
        return False
    if policy is Policy.EVERYONE or user.is_superuser:
        return True
    return any(posting.role in KEEPERS for posting in postings_now(user))


def note_after_sign_in(request: HttpRequest, user: User) -> None:
    """Remember in the session that the person signed in by password alone although more is asked of them.

    Whoever came through the house's identity provider has met its rules, and is not asked twice.
    """
    methods = {record["method"] for record in get_authentication_records(request, user)}
    if methods == {"password"} and required(user, Policy(settings.SECOND_FACTOR)):
        request.session[SESSION_OWED] = True


def still_owed(request: HttpRequest) -> bool:
    """True until the person has set up an authenticator app or a key."""
    if not request.session.get(SESSION_OWED):
        return False
    if is_mfa_enabled(request.user):
        del request.session[SESSION_OWED]
        return False
    return True
