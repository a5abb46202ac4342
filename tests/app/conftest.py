from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from careline.app.places import Home
from careline.app.postgres import Cluster


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, with a path short enough for sockets: pytest's own is neither."""
    with tempfile.TemporaryDirectory(prefix="careline-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def home(open_folder: Path, request: pytest.FixtureRequest) -> Home:
    return Home(open_folder / f"home{abs(hash(request.node.name)) % 10**8}")


@pytest.fixture
def start(home: Home) -> Iterator[Callable[[], Cluster]]:
    """Starts clusters on `home`, and stops them when the test is over."""
    started: list[Cluster] = []

    def make() -> Cluster:
        home.prepare()
        cluster = Cluster(home, durable=False)
        started.append(cluster)
        cluster.start()
        return cluster

    yield make
    for cluster in started:
        cluster.stop()
