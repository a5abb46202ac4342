"""Whose a queue is: the little of the directory that decides who hears what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from careline.base.accounts.rights import Reader
from careline.base.organisations.models import Organisation
from careline.care.directory.models import Queue


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a queue belongs. `path` is its organisation's."""

    id: str
    path: str
    site_id: str
    code: str


def read_places() -> Places:
    """Every queue and organisation. Reads the database."""
    rows = Queue.objects.values_list("id", "organisation__path", "site_id", "code")
    queues = {str(id): QueuePlace(str(id), path, str(site_id or ""), code) for id, path, site_id, code in rows}
    return Places(queues, {str(id): path for id, path in Organisation.objects.values_list("id", "path")})


class Places:
    """Kept in memory; read again when the directory changes."""

    def __init__(
        self, queues: dict[str, QueuePlace] | None = None, organisations: dict[str, str] | None = None
    ) -> None:
        self.queues = queues or {}
        self.organisations = organisations or {}  # id: path

    def path(self, queue: str) -> str:
        """The organisation path of a queue; empty for one we have not heard of."""
        place = self.queues.get(queue)
        return place.path if place else ""

    def paths(self, queues: Iterable[str]) -> frozenset[str]:
        return frozenset(path for queue in queues if (path := self.path(queue)))

    def covers(self, reader: Reader, queue: str) -> bool:
        """True when the reader's posting covers the queue: by organisation, and by site where both have one."""
        place = self.queues.get(queue)
        if place is None or not place.path.startswith(reader.path):
            return False
        return reader.site_id is None or place.site_id in ("", str(reader.site_id))

    def same_network(self, reader: Reader, queue: str) -> bool:
        """A talk may be handed to any queue of the same network, not only to those one's posting covers."""
        return self.path(queue).split("/", 1)[0] == reader.path.split("/", 1)[0]
