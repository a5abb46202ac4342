"""A database of a benchmark's own: made, migrated, and dropped at the end.

On the server of DATABASE_URL; without it on one started from our own binaries in a temporary folder.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import conninfo, sql


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The address of a server on which databases may be made."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    from careline.app.places import Home
    from careline.app.postgres import SUPERUSER, Cluster

    with tempfile.TemporaryDirectory(prefix="careline-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # as root, the server runs as a user who must be able to enter
        home = Home(Path(folder) / "home")
        home.prepare()
        cluster = Cluster(home)
        cluster.start()
        try:
            yield cluster.url(SUPERUSER, "postgres")
        finally:
            cluster.stop()


@contextlib.contextmanager
def fresh(name: str, migrated: bool = True) -> Iterator[str]:
    """The address of an empty database with all tables. DATABASE_URL names it as long as it is there."""
    with server() as url:
        database = f"careline_bench_{name}_{os.getpid()}"
        own = conninfo.make_conninfo(url, dbname=database)
        before = os.environ.get("DATABASE_URL")
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(database)))
            os.environ["DATABASE_URL"] = own
            try:
                if migrated:
                    _careline("migrate", "--verbosity", "0")
                yield own
            finally:
                if before is None:
                    del os.environ["DATABASE_URL"]
                else:
                    os.environ["DATABASE_URL"] = before
                admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def _careline(*arguments: str) -> None:
    program = "from careline.app.cli import main; raise SystemExit(main())"
    subprocess.run([sys.executable, "-c", program, *arguments], check=True)
