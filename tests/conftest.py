"""What every test stands on: a PostgreSQL of the session's own, property-test profiles, and nothing missing."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import TransactionTestCase
from django.test.utils import setup_databases, teardown_databases
from pytest_django.plugin import DjangoDbBlocker

from careline.app.places import Home
from careline.app.postgres import Cluster
from careline.app.settings import database
from careline.app.translations import compile_messages
from tests import needs
from tests.support.emptying import empty_database

# Some tests start the product, process by process: where nothing may be kept, each compiles all of Django anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")


def pytest_configure(config: pytest.Config) -> None:
    settings.PASSWORD_HASHERS = ["tests.support.hashing.QuickArgon2", *settings.PASSWORD_HASHERS[1:]]
    config.addinivalue_line("markers", "database: uses the database (set by itself); run against PostgreSQL 15 too")
    config.addinivalue_line("markers", "browser: drives Chromium (set by itself); asks the database nothing of its own")
    config.addinivalue_line(
        "markers", "alone: a journey (set by itself); fills the machine, nothing else may run beside it"
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    if lacking := needs.missing():
        pytest.exit(needs.complaint(lacking), returncode=pytest.ExitCode.USAGE_ERROR)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        compile_messages()  # once, before several workers start products that would each do it in the same folder


# The files that take longest begin, so that two workers end together; the others follow in their usual order.
FIRST = (
    "faces/desk/test_screens.py",
    "app/test_backup.py",
    "app/test_postgres.py",
    "app/test_serve.py",
    "faces/door/test_in_browser.py",
    "app/traffic/test_living.py",
    "core/hours/test_hours.py",
    "core/acd/test_acd_invariants.py",
    "switchboard/test_faults.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the journeys as `alone`, since they start a whole system of their own, as `database` what else asks for the
    tests' one, and as `browser` what is about the pages: their queries are those of the views, tested without."""
    for item in items:
        asks = item.get_closest_marker("django_db") or "django_db_setup" in getattr(item, "fixturenames", ())
        if "journeys" in item.path.parts:
            item.add_marker("alone")
        elif asks:
            item.add_marker("database")
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=turn)


def turn(item: pytest.Item) -> int:
    file = item.path.relative_to(Path(__file__).parent).as_posix()
    return FIRST.index(file) if file in FIRST else len(FIRST)


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """The server the tests use: DATABASE_URL, else one started for this session in a temporary folder."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="careline-test-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # as root, the server runs as a user who must be able to enter
        home = Home(Path(folder) / "home")
        home.prepare()
        cluster = Cluster(home, durable=False)
        cluster.start()
        os.environ["DATABASE_URL"] = cluster.url()
        try:
            yield cluster.url()
        finally:
            del os.environ["DATABASE_URL"]
            cluster.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(database_url: str) -> None:
    """Points Django at that server. Settings were read before there was one, so they change in place."""
    settings.DATABASE_URL = database_url
    settings.DATABASES["default"].update(database(database_url))
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):  # several at once on one server: a database for each
        name = settings.DATABASES["default"]["NAME"]
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = f"test_{name}_{worker}"


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """The test database, for whoever asks for it. pytest-django's own makes it only when some chosen test is marked
    django_db; our tests of the switchboard are not, and alone they would meet the server's own database."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: empty_database())
        yield
    with django_db_blocker.unblock():
        try:
            teardown_databases(made, verbosity=0)
        except OperationalError as left:  # a connection somebody left open; the server ends with the session
            warnings.warn(str(left), stacklevel=1)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser for `playwright.chromium.launch(executable_path=...)`."""
    found = needs.chromium()
    assert found, "Chromium is missing"  # the session would not have started
    return found
