from __future__ import annotations

import json
import stat
import tarfile
from collections.abc import Callable

import psycopg
import pytest

from careline.app.backup import _refuse_company, read_backup, rows, upgrade, write_backup
from careline.app.failures import (
    AlreadyRunning,
    BackupUnreadable,
    DatabaseNotEmpty,
    DatabaseRuns,
    FileExists,
    NothingToUpgrade,
)
from careline.app.places import Home
from careline.app.postgres import Cluster
from careline.app.programs import system_programs, wheel_programs

PATIENTS = [("Оленка Ґудзь",), ("Łucja Żak",), ("王小明",)]


@pytest.fixture(autouse=True)
def own_database(monkeypatch):
    """These tests are about databases of their own, not about the session's."""
    for name in ("DATABASE_URL", "CARELINE_FILES"):
        monkeypatch.delenv(name, raising=False)


def fill(cluster: Cluster) -> None:
    with psycopg.connect(cluster.url()) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        connection.execute("CREATE TABLE patient (id bigserial PRIMARY KEY, name text)")
        connection.execute("CREATE INDEX ON patient USING gin (name gin_trgm_ops)")
        connection.cursor().executemany("INSERT INTO patient (name) VALUES (%s)", PATIENTS)
    (cluster.home.files / "talks").mkdir(parents=True)
    (cluster.home.files / "talks" / "one.bin").write_bytes(b"sealed")


def names(cluster: Cluster) -> list[tuple[str]]:
    with psycopg.connect(cluster.url()) as connection:
        return connection.execute("SELECT name FROM patient ORDER BY id").fetchall()


@pytest.fixture
def filled(start: Callable[[], Cluster]) -> Cluster:
    cluster = start()
    fill(cluster)
    return cluster


def test_backup_of_a_running_system_comes_back_whole_in_an_empty_one(filled, open_folder, tmp_path):
    file, keys = tmp_path / "monday.tar", tmp_path / "monday.keys"
    write_backup(filled.home, file, keys)

    elsewhere = Home(open_folder / "elsewhere")
    read_backup(elsewhere, file, keys)

    restored = Cluster(elsewhere, durable=False)
    restored.start()
    try:
        assert names(restored) == PATIENTS
        assert rows(restored.url()) == rows(filled.url())
    finally:
        restored.stop()
    assert (elsewhere.files / "talks" / "one.bin").read_bytes() == b"sealed"
    assert elsewhere.keys()["secret_key"] == filled.home.keys()["secret_key"]
    assert elsewhere.keys()["database_password"] != filled.home.keys()["database_password"]


def test_keys_stay_apart_and_both_files_are_private(filled, tmp_path):
    file, keys = tmp_path / "monday.tar", tmp_path / "monday.keys"
    write_backup(filled.home, file, keys)

    with tarfile.open(file) as tar:
        packed = {entry.name for entry in tar if entry.isfile()}
        dump = tar.extractfile("database.dump").read()
    assert packed == {"about.json", "database.dump", "files/talks/one.bin"}
    assert not any(secret.encode() in dump for secret in filled.home.keys().values())
    assert set(json.loads(keys.read_text())) == {"secret_key", "former_keys"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (file, keys)} == {0o600}


def test_backup_never_overwrites(filled, tmp_path):
    (tmp_path / "monday.tar").write_text("the only copy")

    with pytest.raises(FileExists):
        write_backup(filled.home, tmp_path / "monday.tar")

    assert (tmp_path / "monday.tar").read_text() == "the only copy"


def test_restore_is_refused_while_somebody_is_connected_and_not_once_they_have_left(filled):
    with psycopg.connect(filled.url()) as ours:
        with psycopg.connect(filled.url()) as theirs:
            theirs.execute("SELECT 1")
            with pytest.raises(DatabaseRuns):
                _refuse_company(ours)
        _refuse_company(ours)


def test_restore_replaces_data_only_by_force_and_never_under_a_running_system(filled, tmp_path):
    file = tmp_path / "monday.tar"
    write_backup(filled.home, file)
    with psycopg.connect(filled.url()) as connection:
        connection.execute("INSERT INTO patient (name) VALUES ('Tuesday')")
    with filled.home.claimed(), pytest.raises(AlreadyRunning):
        read_backup(filled.home, file, force=True)
    filled.stop()

    with pytest.raises(DatabaseNotEmpty):
        read_backup(filled.home, file)
    read_backup(filled.home, file, force=True)
    read_backup(filled.home, file, force=True)  # what was restored can be replaced again

    filled.start()
    assert names(filled) == PATIENTS


def test_damaged_backup_changes_nothing(filled, tmp_path):
    file, cut = tmp_path / "monday.tar", tmp_path / "cut.tar"
    write_backup(filled.home, file)
    cut.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    filled.stop()

    for damaged in (cut, tmp_path / "absent.tar"):
        with pytest.raises(BackupUnreadable):
            read_backup(filled.home, damaged, force=True)

    filled.start()
    assert names(filled) == PATIENTS


def test_database_moves_from_the_system_s_15_to_the_wheel_s_newer_version(home):
    older = [programs for programs in system_programs() if programs.major < wheel_programs()[0].major]
    if not older:  # no older PostgreSQL here: then there is nothing to move from, and that is what it says
        home.prepare()
        with pytest.raises(NothingToUpgrade):
            upgrade(home, wheel_programs()[0])
        return
    home.prepare()
    before = Cluster(home, durable=False, wanted=older[-1])
    before.start()
    fill(before)
    before.stop()

    assert upgrade(home, wheel_programs()[0]) == (older[-1].major, wheel_programs()[0].major)

    after = Cluster(home, durable=False, wanted=wheel_programs()[0])
    after.start()
    try:
        assert names(after) == PATIENTS
        assert after.major == wheel_programs()[0].major
    finally:
        after.stop()
    assert (home.root / f"postgres-{older[-1].major}.old" / "PG_VERSION").exists()
    with pytest.raises(NothingToUpgrade):
        upgrade(home, wheel_programs()[0])


def test_upgrade_that_fails_leaves_the_old_database_in_place(home, monkeypatch):
    home.prepare()
    before = Cluster(home, durable=False, wanted=(system_programs() or wheel_programs())[-1])
    before.start()
    fill(before)
    before.stop()
    major = before.major
    monkeypatch.setattr("careline.app.backup._fill_new", lambda *_: (_ for _ in ()).throw(OSError("no power")))
    newer = wheel_programs()[0]

    with pytest.raises((OSError, NothingToUpgrade)):
        upgrade(home, newer)

    before.start()
    assert (before.major, names(before)) == (major, PATIENTS)
    before.stop()
