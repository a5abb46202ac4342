"""`careline backup`, `restore` and `upgrade-database`.

A backup is one tar file: `about.json`, `database.dump` (pg_dump's custom format) and `files/`. The keys are not in it:
who holds a backup must not be able to sign sessions or open the installation. They go into a file of their own, and
only when asked for.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psycopg
from psycopg import sql

from careline.app import keys as secret_keys
from careline.app import programs as pg
from careline.app.failures import (
    BackupNewer,
    BackupUnreadable,
    DatabaseAway,
    DatabaseNotEmpty,
    DatabaseRuns,
    FileExists,
    NoPostgres,
    NothingToUpgrade,
    ToolFailed,
)
from careline.app.places import Home, default_home, private_write, speaking_of
from careline.app.postgres import Cluster
from careline.base.keys import CURRENT, FORMER

FORMAT = 1


@dataclass(frozen=True)
class Place:
    """What is backed up or restored: a database that answers, programs that suit it, the folder of files."""

    url: str
    programs: pg.Programs
    files: Path

    def run(self, name: str, *arguments: str) -> None:
        """Runs one of PostgreSQL's tools on the database. Raises ToolFailed with the last thing it said."""
        done = subprocess.run(
            [self.programs[name], *arguments],
            env={**os.environ, **environment_of(self.url), "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ToolFailed(tool=name, said=(done.stderr.strip().splitlines() or ["no reason given"])[-1])


def environment_of(url: str) -> dict[str, str]:
    """libpq's variables for a URL: a password in a command line would be there for every user of the machine to see."""
    names = {"user": "PGUSER", "password": "PGPASSWORD", "host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE"}
    names |= {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return {variable: str(parts[key]) for key, variable in names.items() if parts.get(key)}


@contextlib.contextmanager
def database(home: Home, alone: bool = False) -> Iterator[Place]:
    """DATABASE_URL, else our own database: the one that runs, or started for as long as this takes.

    With `alone` one that runs is refused: raises AlreadyRunning.
    """
    files = Path(os.environ.get("CARELINE_FILES") or home.files)
    if url := os.environ.get("DATABASE_URL"):
        yield Place(url, suitable(home, url), files)
        return
    home.prepare()
    cluster = Cluster(home)
    if not alone and cluster.major is not None and _answers(cluster.url()):
        yield Place(cluster.url(), suitable(home, cluster.url()), files)
        return
    with home.claimed():
        cluster.start()
        try:
            yield Place(cluster.url(), suitable(home, cluster.url()), files)
        finally:
            cluster.stop()


def suitable(home: Home, url: str) -> pg.Programs:
    """The oldest programs that are not older than the server: pg_dump refuses a newer server.

    Raises NoPostgres and DatabaseAway.
    """
    try:
        with psycopg.connect(url) as connection:
            major = connection.info.server_version // 10000
    except psycopg.OperationalError as error:
        raise DatabaseAway(reason=str(error).strip().splitlines()[-1]) from None
    fit = [programs for programs in pg.available(home) if programs.major >= major]
    if not fit:
        raise NoPostgres(minimum=major)
    return pg.keep(home, min(fit, key=lambda programs: programs.major))


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def write_backup(home: Home, target: Path, keys: Path | None = None) -> None:
    """Writes the backup, whole or not at all. Raises FileExists, ToolFailed, DiskFull and what `database` raises."""
    for path in filter(None, (target, keys)):
        if path.exists():
            raise FileExists(file=path)
    secret = _keys_in_use(home) if keys else {}
    with speaking_of(target.parent), database(home) as place, tempfile.TemporaryDirectory(dir=target.parent) as folder:
        dump, fresh = Path(folder) / "database.dump", Path(folder) / "backup.tar"
        place.run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={dump}")
        about = {
            "format": FORMAT,
            "careline": metadata.version("careline"),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "postgres": place.programs.version,
        }
        with tarfile.open(fresh, "x") as tar:
            _add_text(tar, "about.json", json.dumps(about))
            tar.add(dump, "database.dump")
            if place.files.is_dir():
                tar.add(place.files, "files")
        fresh.chmod(0o600)
        fresh.replace(target)
    if keys:
        private_write(keys, json.dumps(secret))


def _keys_in_use(home: Home) -> dict[str, object]:
    """What opens this installation's sessions and second factors: also when it comes from CARELINE_SECRET_KEY.

    Raises KeyElsewhere when Careline was started with a key that cannot be seen from here.
    """
    home.prepare()
    current = secret_keys.in_use(home)
    if os.environ.get(CURRENT):
        former = secret_keys.dated(os.environ.get(FORMER, ""))
        return secret_keys.as_json(secret_keys.Keys(current, former))
    return secret_keys.as_json(secret_keys.kept(home))


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(text.encode()), 0o600
    tar.addfile(entry, io.BytesIO(text.encode()))


def read_backup(home: Home, source: Path, keys: Path | None = None, force: bool = False) -> None:
    """Puts a backup back into an empty database, or with `force` in place of what is there.

    The database changes in one transaction: a restore that fails leaves it as it was. Raises BackupUnreadable,
    DatabaseNotEmpty, DatabaseRuns, ToolFailed and what `database` raises.
    """
    with tempfile.TemporaryDirectory(dir=_roomy(home)) as folder:
        unpacked = unpack(source, Path(folder))
        with database(home, alone=True) as place:
            with psycopg.connect(place.url) as connection:
                if occupied(connection) and not force:
                    raise DatabaseNotEmpty
                _refuse_company(connection)
                _refuse_newer(unpacked, connection.info.server_version // 10000)
            restore_dump(place, unpacked / "database.dump")
            put_files(unpacked / "files", place.files)
    if keys:
        home.write_keys({**home.keys(), "former_keys": [], **json.loads(keys.read_text())})
        (home.run / "key").unlink(missing_ok=True)


def _roomy(home: Home) -> Path | None:
    return home.root if home.root.is_dir() and os.access(home.root, os.W_OK) else None


def unpack(source: Path, folder: Path) -> Path:
    """The backup's parts in `folder`. Raises BackupUnreadable for what is none, or damaged, or from the future."""
    try:
        with tarfile.open(source) as tar:
            tar.extractall(folder, filter="data")
        about = json.loads((folder / "about.json").read_text())
        whole = (folder / "database.dump").stat().st_size > 0
    except (OSError, tarfile.TarError, ValueError) as error:
        raise BackupUnreadable(file=source) from error
    if not whole or about.get("format") != FORMAT:
        raise BackupUnreadable(file=source)
    return folder


def occupied(connection: psycopg.Connection) -> bool:
    """Are there any tables?"""
    found = connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public' LIMIT 1").fetchone()
    return found is not None


def _refuse_company(connection: psycopg.Connection) -> None:
    """Whoever has just left may still be listed for a moment; the server's own workers are nobody."""
    until = time.monotonic() + LEAVING_S
    while connection.execute(COMPANY).fetchone():
        if time.monotonic() > until:
            raise DatabaseRuns
        time.sleep(0.05)
        connection.execute("SELECT pg_stat_clear_snapshot()")


LEAVING_S = 2.0
COMPANY = """
SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' LIMIT 1
"""


def _refuse_newer(unpacked: Path, server_major: int) -> None:
    made_by = str(json.loads((unpacked / "about.json").read_text())["postgres"])
    if int(made_by.partition(".")[0]) > server_major:
        raise BackupNewer(made=made_by, server=server_major)


def restore_dump(place: Place, dump: Path) -> None:
    """Replaces the public schema by the dump, in one transaction.

    The SQL is written out whole first: read from a pipe, a damaged dump would end early and what came be committed.
    """
    script = dump.with_suffix(".sql")
    done = subprocess.run(
        [place.programs["pg_restore"], "--no-owner", "--no-privileges", f"--file={script}", str(dump)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BackupUnreadable(file=dump.name)
    first = "DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public;"
    options = ("--quiet", "--no-psqlrc", "--output=/dev/null", "--single-transaction", "--set=ON_ERROR_STOP=1")
    place.run("psql", *options, f"--command={first}", f"--file={script}")


def put_files(source: Path, target: Path) -> None:
    """Replaces the folder of files; the old one goes only when the new one is there."""
    old = target.with_name(target.name + ".old")
    fresh = target.with_name(target.name + ".new")
    for path in (old, fresh):
        shutil.rmtree(path, ignore_errors=True)
    if source.is_dir():
        shutil.copytree(source, fresh)
    else:
        fresh.mkdir(parents=True)
    fresh.chmod(0o700)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def upgrade(home: Home, wanted: pg.Programs | None = None) -> tuple[int, int]:
    """Moves our own database to the newest PostgreSQL there is, by a dump made with the old programs.

    The old data folder stays, renamed, until the new one has been checked and taken its place. Gives the two major
    versions. Raises NothingToUpgrade, WrongVersion, AlreadyRunning and what starting a cluster raises.
    """
    home.prepare()
    with home.claimed():
        before = Cluster(home).major
        newest = wanted or max(pg.everything(home), key=lambda programs: programs.major, default=None)
        if before is None or newest is None or newest.major <= before:
            raise NothingToUpgrade(version=before or "-")
        old = Cluster(home, wanted=pg.fitting(home, before, pg.everything(home)))
        with speaking_of(home.root), tempfile.TemporaryDirectory(dir=home.root) as folder:
            dump = Path(folder) / "database.dump"
            old.start()
            try:
                counted = rows(old.url())
                tools = Place(old.url(), pg.keep(home, newest), home.files)
                tools.run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={dump}")
            finally:
                old.stop()
            aside = home.root / f"postgres-{before}.old"
            shutil.rmtree(aside, ignore_errors=True)
            home.database.rename(aside)
            try:
                _fill_new(home, newest, dump, counted)
            except BaseException:
                shutil.rmtree(home.database, ignore_errors=True)
                aside.rename(home.database)
                raise
        return before, newest.major


def _fill_new(home: Home, programs: pg.Programs, dump: Path, counted: dict[str, int]) -> None:
    cluster = Cluster(home, wanted=programs)
    cluster.start()
    try:
        restore_dump(Place(cluster.url(), cluster.programs(), home.files), dump)
        if rows(cluster.url()) != counted:
            raise ToolFailed(tool="upgrade-database", said="the rows of the old and the new database differ")
    finally:
        cluster.stop()


def rows(url: str) -> dict[str, int]:
    """How many rows each table has: what an upgrade must not change."""
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        count = sql.SQL("SELECT count(*) FROM {}")
        found = {}
        for (name,) in tables:
            row = connection.execute(count.format(sql.Identifier(name))).fetchone()
            found[name] = row[0] if row else 0
    return found


def main(name: str, arguments: list[str]) -> int:
    home = Home(default_home())
    return {"backup": _backup, "restore": _restore, "upgrade-database": _upgrade}[name](home, arguments)


def _backup(home: Home, arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="careline backup", description="Database and files into one file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--keys", type=Path, metavar="FILE", help="also write the keys, into a file of their own")
    chosen = parser.parse_args(arguments)
    write_backup(home, chosen.file.absolute(), chosen.keys and chosen.keys.absolute())
    print(f"{chosen.file}: {chosen.file.stat().st_size / 2**20:.1f} MiB")
    return 0


def _restore(home: Home, arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="careline restore", description="Reads a backup back.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--keys", type=Path, metavar="FILE", help="also take the keys from this file")
    parser.add_argument("--force", action="store_true", help="replace what is in the database")
    chosen = parser.parse_args(arguments)
    read_backup(home, chosen.file, chosen.keys, chosen.force)
    if chosen.keys and os.environ.get(CURRENT) not in (None, "", home.keys()["secret_key"]):
        print(f"{CURRENT} is set and is not the restored key. Take it out, or put the restored one there.")
    print("Restored. Start Careline: it brings an older database up to date by itself.")
    return 0


def _upgrade(home: Home, arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="careline upgrade-database", description="To a newer PostgreSQL.")
    parser.add_argument("--programs", type=Path, metavar="FOLDER", help="of the new PostgreSQL; else the newest found")
    chosen = parser.parse_args(arguments)
    wanted = None
    if chosen.programs:
        wanted = pg.look(chosen.programs, "system")
        if wanted is None:
            raise NoPostgres(minimum=pg.MINIMUM)
    before, after = upgrade(home, wanted)
    print(f"The database moved from PostgreSQL {before} to {after}.")
    print(f"The old data lies in {home.root / f'postgres-{before}.old'}; remove it when all is well.")
    return 0
