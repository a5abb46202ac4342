"""How two browsers that cannot reach each other directly meet: by a relay (TURN) of the site's own.

Each new connection gets credentials of its own, made from a secret shared with the relay and good for half a day: the
TURN REST scheme that coturn knows as `use-auth-secret` (draft-uberti-behave-turn-rest-00).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

GOOD_FOR_S = 12 * 3600
ASKED_BY = ("hello", "offer")  # what makes the other side open a connection


@dataclass(frozen=True, slots=True)
class Relay:
    """The site's setting. `only`: nothing goes from browser to browser, so that no patient's address is seen."""

    stun: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()
    secret: str = ""
    only: bool = False

    def with_servers(self, data: dict[str, Any], now: float) -> dict[str, Any]:
        """The signal, with what its hearer's browser needs to open a connection. `now`: seconds since the epoch."""
        data = {name: value for name, value in data.items() if name != "ice"}  # never what a browser made up
        if data.get("kind") not in ASKED_BY or not (self.stun or self.turn):
            return data
        servers: list[dict[str, Any]] = [{"urls": list(self.stun)}] if self.stun else []
        if self.turn:
            username = f"{int(now) + GOOD_FOR_S}:careline"
            servers.append({"urls": list(self.turn), "username": username, "credential": self._credential(username)})
        return {**data, "ice": {"iceServers": servers, "iceTransportPolicy": "relay" if self.only else "all"}}

    def _credential(self, username: str) -> str:
        digest = hmac.new(self.secret.encode(), username.encode(), hashlib.sha1).digest()
        return base64.b64encode(digest).decode()
