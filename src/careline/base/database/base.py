"""Django's backend for PostgreSQL on watched connections (settings.DATABASES names this package)."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db.backends.postgresql import base

from careline.base.database import watch


class _Driver:
    """psycopg, but for the way it connects."""

    connect = staticmethod(watch.connect)

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class DatabaseWrapper(base.DatabaseWrapper):
    Database = _Driver()  # type: ignore[assignment]

    def is_usable(self) -> bool:
        """A kept connection is tried before each request: while the database is known to be away, not even that."""
        try:
            if self.connection is not None:
                watch.watch.refuse_while_away(self.connection.address)
        except self.Database.Error:
            return False
        return super().is_usable()
