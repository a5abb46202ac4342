"""Sample networks: fictional places, people and numbers, for demos, tests and a first look. See `load.py`."""

from __future__ import annotations

import csv
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from careline.base.accounts.models import Role

NETWORKS = ("district", "city", "hospital", "standard")
PASSWORD = "careline-demo"  # noqa: S105 - fictional people, and only where CARELINE_DEMO=1


class SignIn(NamedTuple):
    network: str
    role: str
    username: str
    password: str


def sign_ins() -> list[SignIn]:
    """Who a visitor of the demo may sign in as, network by network; roles in the language of the moment."""
    return [
        SignIn(network(code)["name"], str(Role(each["role"]).label), each["username"], PASSWORD)
        for code in NETWORKS
        for each in network(code)["staff"]
    ]


@cache
def network(code: str) -> dict[str, Any]:
    """The data file of one network."""
    return _toml(f"{code}/network.toml")


@cache
def topics() -> list[dict[str, Any]]:
    """The topics every network starts from."""
    return _toml("topics.toml")["topic"]


@cache
def names(language: str) -> dict[str, list[str]]:
    """Names for rank and file staff: family_f, given_f, middle_f, and the same with _m."""
    return {key: text.split() for key, text in _toml("names.toml")[language].items()}


def patients_file(code: str) -> str:
    """The sample patients of one network as CSV, in the columns that patients are imported by."""
    return (files(__name__) / code / "patients.csv").read_text(encoding="utf-8")


def patients(code: str) -> list[dict[str, str]]:
    """The same as rows of text, in the file's order."""
    return list(csv.DictReader(patients_file(code).splitlines()))


def _toml(path: str) -> dict[str, Any]:
    return tomllib.loads((files(__name__) / path).read_text(encoding="utf-8"))
