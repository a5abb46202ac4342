"""What is done to accounts and postings, and by whom it may be done."""

from __future__ import annotations

from datetime import date
from typing import cast

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.http import HttpRequest

from careline.base.accounts.models import Posting, Role, User
from careline.base.accounts.rights import SESSION_POSTING, Reader, covers, postings_now, reader_for
from careline.base.errors import NotAllowed
from careline.base.organisations.models import Organisation


def choose_posting(request: HttpRequest, posting_id: str) -> Reader:
    """Work in this posting from now on. Raises NotAllowed when it is not one of the person's own, valid today."""
    for posting in postings_now(cast(User, request.user)):
        if str(posting.pk) == posting_id:
            request.session[SESSION_POSTING] = posting_id
            return reader_for(posting)
    raise NotAllowed


def may_manage(reader: Reader, user: User) -> bool:
    """True when an administrator may change the person's account.

    Whoever sets a password can act as its owner. So the account must lie wholly inside the administrator's own tree:
    no posting elsewhere, no employer elsewhere, no superuser.
    """
    if user.is_superuser:
        return False
    employed_here = user.employer is None or covers_tree(reader, user.employer)
    postings = user.postings.select_related("organisation")
    return employed_here and all(covers(reader, p.organisation, p.site_id) for p in postings)


def covers_tree(reader: Reader, organisation: Organisation) -> bool:
    """True when the whole organisation, not just one site of it, is the reader's to administer."""
    return reader.site_id is None and covers(reader, organisation)


def may_post(reader: Reader, posting: Posting) -> bool:
    """True when an administrator may give, change or end this posting: inside their tree, and never their own."""
    return posting.user_id != reader.user_id and covers(reader, posting.organisation, posting.site_id)


@transaction.atomic
def create_administrator(username: str, password: str, organisation: Organisation | None, today: date) -> User:
    """The first person of a site: a superuser, or, given an organisation, its administrator and no more.

    Raises django.core.exceptions.ValidationError when the password is too weak.
    """
    user = User(username=username, is_superuser=organisation is None, is_staff=organisation is None)
    validate_password(password, user)
    user.set_password(password)
    user.employer = organisation
    user.save()
    if organisation:
        Posting.objects.create(user=user, organisation=organisation, role=Role.ADMINISTRATOR, valid_from=today)
    return user


def remove_second_factor(user: User) -> int:
    """The phone or key is lost: sign-in needs the password alone until a new one is set up. Returns how many."""
    deleted, _ = Authenticator.objects.filter(user=user).delete()
    return deleted
