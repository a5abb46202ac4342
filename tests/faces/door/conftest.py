from __future__ import annotations

import pytest

from tests.base.conftest import PASSWORD, city, district, person, posting, reader  # noqa: F401


@pytest.fixture
def sign_in(client):
    """sign_in("oksana") posts the sign-in form as a browser does."""

    def post(username: str, password: str = PASSWORD, **fields):
        return client.post("/accounts/login/", {"login": username, "password": password, **fields})

    return post
