"""Events, orders and rules as JSON and back, exactly: a router replayed from the ledger is the router that was."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

from careline.core.acd import model
from careline.core.acd.model import Command, Event


def _subclasses(base: type) -> dict[str, type]:
    found = (v for v in vars(model).values() if isinstance(v, type) and issubclass(v, base) and v is not base)
    return {each.__name__: each for each in found}


EVENTS: dict[str, type] = _subclasses(Event)
COMMANDS: dict[str, type] = _subclasses(Command)


def encode(value: Any) -> Any:
    """JSON-ready form of any of the router's words. Sets are sorted, so that equal values are written alike."""
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {encode(k): encode(v) for k, v in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(encode(v) for v in value)
    if isinstance(value, tuple | list):
        return [encode(v) for v in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {f: encode(getattr(value, f)) for f in _fields(value.__class__)}
    raise TypeError(f"not one of the router's words: {value!r}")


def decode_event(kind: str, data: Mapping[str, Any]) -> Event:
    """Raises KeyError for a kind that is no event."""
    return _decode(EVENTS[kind], data)


def decode_command(kind: str, data: Mapping[str, Any]) -> Command:
    return _decode(COMMANDS[kind], data)


def decode(cls: type, data: Any) -> Any:
    return _decode(cls, data)


@cache
def _fields(cls: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(cls))


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls, vars(model))


def _decode(hint: Any, value: Any) -> Any:
    if is_dataclass(hint):
        hints = _hints(typing.cast(type, hint))
        return typing.cast(type, hint)(**{k: _decode(hints[k], v) for k, v in value.items() if k in hints})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:
        wanted = [a for a in args if a is not type(None)]
        return None if value is None else _decode(wanted[0], value)
    if origin is tuple:
        return tuple(_decode(args[0], v) for v in value)
    if origin is frozenset:
        return frozenset(_decode(args[0], v) for v in value)
    if origin is not None and issubclass(origin, Mapping):
        return {_decode(args[0], k): _decode(args[1], v) for k, v in value.items()}
    return float(value) if hint is float else value
