"""The policy an organisation works under: its country's pack, tightened by its own file where it has one."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from careline.base.organisations.models import Organisation
from careline.base.policy.rules import Policy, UnknownPolicy, from_data, tighten

PACKS = Path(__file__).parent / "packs"
_OTHER_NAMES = {"PL": "EU"}


@lru_cache(maxsize=16)
def pack(code: str) -> Policy:
    """The country's pack as shipped. Raises UnknownPolicy."""
    code = _OTHER_NAMES.get(code.upper(), code.upper())
    path = PACKS / f"{code}.toml"
    if not code.isalpha() or not path.is_file():
        raise UnknownPolicy(code=code)
    return from_data(tomllib.loads(path.read_text("utf-8")))


@lru_cache(maxsize=256)
def _policy(code: str, network: str, folder: str) -> Policy:
    policy = pack(code)
    own = Path(folder) / f"{network}.toml" if folder else None
    return tighten(policy, tomllib.loads(own.read_text("utf-8"))) if own and own.is_file() else policy


def policy_for(organisation: Organisation) -> Policy:
    """The pack the organisation chose, with what `POLICY_DIR/<network code>.toml` makes stricter.

    Raises UnknownPolicy, and PolicyLoosened when the site's file asks for less than the pack.
    """
    return _policy(organisation.policy, organisation.root_code, str(getattr(settings, "POLICY_DIR", "")))
