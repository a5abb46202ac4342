"""Figures for Prometheus: how the process does, never whom it serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

if TYPE_CHECKING:
    from careline.faces.live.board import Board

COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Metrics:
    """One registry for each process, so that tests may build many."""

    def __init__(self, board: Board) -> None:
        self.registry = CollectorRegistry()
        self.commit = Histogram(
            "careline_commit_seconds",
            "From an event's arrival to its commit",
            buckets=COMMIT_BUCKETS,
            registry=self.registry,
        )
        self.refused = Counter("careline_refused", "Requests refused, by code", ["code"], registry=self.registry)
        self._board = board
        self.registry.register(self)  # type: ignore[arg-type]

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Read when asked for: nothing is counted twice."""
        hub = self._board.hub
        yield GaugeMetricFamily("careline_streams", "Open event streams", value=len(hub.listeners))
        yield CounterMetricFamily("careline_events_pushed", "Events published to browsers", value=hub.published)
        yield CounterMetricFamily("careline_streams_reset", "Streams told to start afresh", value=hub.resets)
        if not self._board.ready:
            return
        router = self._board.router
        waiting = GaugeMetricFamily("careline_waiting", "Contacts waiting, by queue", labels=["queue"])
        for queue in router.queues():
            place = self._board.places.queues.get(queue.id)
            waiting.add_metric([place.code if place else queue.id], len(router.waiting(queue.id)))
        yield waiting
