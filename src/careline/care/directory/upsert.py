"""Rows put in by their natural key: new ones created, changed ones updated, equal ones left alone. In bulk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)
Key = tuple[Any, ...]


@dataclass(slots=True)
class Upserted(Generic[M]):
    """Every row by its key, and how many were new, changed, the same."""

    rows: dict[Key, M] = field(default_factory=dict)
    created: int = 0
    updated: int = 0
    unchanged: int = 0

    def __getitem__(self, key: Any) -> M:
        return self.rows[key if isinstance(key, tuple) else (key,)]

    def get(self, key: Any) -> M | None:
        return self.rows.get(key if isinstance(key, tuple) else (key,))


def upsert(
    existing: QuerySet[M], by: tuple[str, ...], values: Iterable[dict[str, Any]], new_only: dict[str, Any] | None = None
) -> Upserted[M]:
    """Puts `values` among the rows of `existing`, matched on the fields `by` (attribute names, "site_id" not "site").

    One read, at most one insert and one update. `new_only` are values that only new rows get. Locks the rows it may
    change; call it in a transaction. Of two values with one key the later wins.
    """
    model = existing.model
    found = {tuple(getattr(row, name) for name in by): row for row in existing.select_for_update(of=("self",))}
    result: Upserted[M] = Upserted()
    fresh: dict[Key, M] = {}
    changed: dict[Key, M] = {}
    fields: set[str] = set()
    for each in values:
        key = tuple(each[name] for name in by)
        row = found.get(key)
        if row is None:
            row = found[key] = fresh[key] = model(**{**(new_only or {}), **each})
        elif key not in fresh and (different := [n for n, v in each.items() if getattr(row, n) != v]):
            changed[key] = row
            fields.update(different)
        for name, value in each.items():
            setattr(row, name, value)
        result.rows[key] = row
    model._default_manager.bulk_create(fresh.values(), batch_size=1000)
    if changed:
        model._default_manager.bulk_update(changed.values(), sorted(fields), batch_size=500)
    result.created, result.updated = len(fresh), len(changed)
    result.unchanged = len(result.rows) - result.created - result.updated
    return result
