"""Queries asked again and again, written once: Django makes their SQL the first time, PostgreSQL plans it once.

Making the SQL of one query costs Django more than PostgreSQL needs to answer it. What stands on every request (who
asks, in which posting, which contact) is worth asking this way; everything else is an ordinary queryset.
"""

from __future__ import annotations

import inspect
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import psycopg
from django.db import connection
from django.db.models import Field, ForeignObject, Lookup, QuerySet
from django.db.models.query import ModelIterable, get_related_populators

R = TypeVar("R")


def rows(sql: str, params: Any) -> list[Any]:
    """The rows of a statement written by hand. The same text again is planned no more."""
    with _cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def execute(sql: str, params: Any) -> None:
    """A statement that answers nothing."""
    with _cursor() as cursor:
        cursor.execute(sql, params)


@ForeignObject.register_lookup
@Field.register_lookup
class Among(Lookup):
    """`field__among=[...]`: the list is one parameter, so that the statement is the same whatever its length."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*params, self.rhs]


class Prepared(Generic[R]):
    """A queryset with places for what differs from one asking to the next.

        _of_user = Prepared(lambda user: Posting.objects.filter(user=user).select_related("organisation"), user=UUID)
        _of_user(user=request.user.pk)  # -> [Posting, ...]

    `kinds` gives the type of each place: UUID, str, datetime, or list (for `__among`). A text may stand inside a LIKE
    pattern. The queryset may select related rows or be a `values_list` (of one column: flat); prefetching is not known here.
    It runs on Django's connection, within its transaction.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, R]], **kinds: type) -> None:
        assert list(inspect.signature(build).parameters) == list(kinds)
        self._build = build
        self._places = {name: _stand_in(kind) for name, kind in kinds.items()}
        self._made: _Statement | None = None
        self._making = threading.Lock()

    def __call__(self, **given: Any) -> list[R]:
        made = self._made or self._make()
        return made.read(rows(made.sql, [fill(given) for fill in made.fills]))

    def first(self, **given: Any) -> R | None:
        """The first row; the queryset is sliced to one by its writer."""
        found = self(**given)
        return found[0] if found else None

    def _make(self) -> _Statement:
        with self._making:
            if self._made is None:
                self._made = _Statement(self._build(**self._places), self._places)
        return self._made


class _Statement:
    """The SQL of one queryset, how its parameters are filled, and how its rows become objects."""

    def __init__(self, rows: QuerySet[Any, Any], places: dict[str, Any]) -> None:
        compiler = rows.query.get_compiler(connection=connection)
        self.sql, params = compiler.as_sql()
        self.fills = [_fill(param, places) for param in params]
        columns = [column for column, *_ in compiler.select]
        self.converters = compiler.get_converters(columns)
        self.apply = compiler.apply_converters
        self.make: Callable[[Any], Any] = tuple
        if rows._iterable_class is ModelIterable:
            self.make = _maker(compiler, rows.db)
        elif rows.query.values_select and len(columns) == 1:
            self.make = lambda row: row[0]

    def read(self, rows: list[Any]) -> list[Any]:
        converted = self.apply(rows, self.converters) if self.converters else rows
        return [self.make(row) for row in converted]


def _maker(compiler: Any, using: str) -> Callable[[Any], Any]:
    """As Django's own ModelIterable does it, with all that is the same for every asking done beforehand."""
    klass = compiler.klass_info
    start, end = klass["select_fields"][0], klass["select_fields"][-1] + 1
    names = [column.target.attname for column, *_ in compiler.select[start:end]]
    related = get_related_populators(klass, compiler.select, using)  # type: ignore[call-arg]

    def make(row: Any) -> Any:
        made = klass["model"].from_db(using, names, row[start:end])
        for each in related:
            each.populate(row, made)
        return made

    return make


def _cursor() -> Any:
    """Django's own, but its parameters travel beside the text, so that PostgreSQL can keep the plan."""
    connection.ensure_connection()
    return connection._prepare_cursor(psycopg.Cursor(connection.connection))  # type: ignore[attr-defined]


_count = iter(range(1, 1_000_000))


def _stand_in(kind: type) -> Any:
    """A value no one else uses, to be found again among the parameters."""
    number = next(_count)
    if kind is UUID:
        return uuid.UUID(int=0xCA3E << 112 | number)
    if kind is datetime:
        return datetime(1970, 1, 1, tzinfo=UTC).replace(year=1000 + number % 900, microsecond=number % 1_000_000)
    if kind is list:
        return [uuid.UUID(int=0xCA3F << 112 | number)]
    return f"\x1a{number}\x1a"


def _fill(param: Any, places: dict[str, Any]) -> Callable[[dict[str, Any]], Any]:
    """What makes this parameter from what is given."""
    for name, place in places.items():
        if param == place:
            return lambda given: given[name]
        if isinstance(place, str) and isinstance(param, str) and place in param:
            before, after = param.split(place)
            return lambda given: f"{before}{_like(given[name])}{after}"
    return lambda given: param


def _like(text: str) -> str:
    return connection.ops.prep_for_like_query(text)
