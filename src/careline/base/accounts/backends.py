"""Who a session belongs to: asked on every request, so asked as a prepared query."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account.auth_backends import AuthenticationBackend

from careline.base.accounts.models import User
from careline.base.prepared import Prepared

_user = Prepared(lambda id: User.objects.filter(pk=id), id=UUID)


class AccountBackend(AuthenticationBackend):
    """allauth's, with the user of a session found by one prepared query."""

    def get_user(self, user_id: Any) -> User | None:
        user = _user.first(id=user_id)
        return user if user and self.user_can_authenticate(user) else None
