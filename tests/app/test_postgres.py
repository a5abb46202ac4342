from __future__ import annotations

import pytest
from django.db import connection


@pytest.mark.django_db
def test_session_speaks_to_a_postgresql_that_is_new_enough():
    assert connection.pg_version >= 150000


@pytest.mark.django_db
def test_application_role_is_no_superuser():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser')")
        assert cursor.fetchone() == ("off",)
