"""The router made again from the ledger alone: the proof that the stored states are what the events amount to."""

from __future__ import annotations

from careline.care.contacts import ledger
from careline.core.acd.router import Router
from careline.switchboard import codec
from careline.switchboard.journal import seconds


def replay() -> Router:
    """Every event from the first, at the time it was heard. Reads the whole ledger: for checks, not for starting."""
    router = Router(journal=False)
    for row in ledger.routing():
        if row.kind in codec.EVENTS:
            router.handle(codec.decode_event(row.kind, row.data), seconds(row.at))
    return router
