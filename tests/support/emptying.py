"""Empties the database after a test whose commits were real: only the tables in which it left something.

Django's own way truncates every table of the house and then makes all content types and permissions again, which takes
longer than most tests. Here those two stay as the migrations made them.
"""

from __future__ import annotations

from functools import cache

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

GUARDED = "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"


def empty_database() -> None:
    """One transaction. Sequences go on, as after Django's own."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(question())
        filled = [table for (table,) in cursor.fetchall()]
        guarded = [table for table in filled if table in guarded_tables()]
        for table in guarded:  # append-only tables refuse to forget
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for table in filled:
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in guarded:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@cache
def question() -> str:
    """The query that names the tables with rows in them."""
    kept = {model._meta.db_table for model in (ContentType, Permission)}
    tables = [name for name in connection.introspection.django_table_names(only_existing=True) if name not in kept]
    return " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in sorted(tables))


@cache
def guarded_tables() -> frozenset[str]:
    """Those with triggers of our own."""
    with connection.cursor() as cursor:
        cursor.execute(GUARDED)
        return frozenset(name for (name,) in cursor.fetchall())
