from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from careline.app import processes
from careline.app.failures import DiskFull, FolderNotOurs, KeysMissing, PortTaken, WrongVersion
from careline.app.places import Home
from careline.app.postgres import Cluster
from careline.app.programs import keep, wheel_programs
from tests.app.users import as_ordinary_user


def write(url: str) -> None:
    with psycopg.connect(url) as connected:
        connected.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
        connected.execute("INSERT INTO kept VALUES ('spoken')")


def words(url: str) -> list[str]:
    with psycopg.connect(url) as connected:
        return [word for (word,) in connected.execute("SELECT word FROM kept").fetchall()]


@pytest.mark.django_db
def test_session_speaks_to_a_postgresql_that_is_new_enough():
    assert connection.pg_version >= 150000


@pytest.mark.django_db
def test_text_is_utf8_and_sorted_by_code_point_everywhere():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_encoding'), 'Я' < 'а', upper('їжак'), lower('ŁÓDŹ')")
        assert cursor.fetchone() == ("UTF8", True, "ЇЖАК", "łódź")


def test_cluster_keeps_to_itself(start):
    cluster = start()

    with psycopg.connect(cluster.url()) as connected:
        shown = {
            name: connected.execute(f"SHOW {name}").fetchone()[0]
            for name in ("is_superuser", "listen_addresses", "password_encryption", "data_checksums")
        }
    assert shown == {
        "is_superuser": "off",
        "listen_addresses": "",
        "password_encryption": "scram-sha-256",
        "data_checksums": "on",
    }
    methods = {
        line.split()[-1] for line in (cluster.data / "pg_hba.conf").read_text().splitlines() if line[:1].isalpha()
    }
    assert methods == {"scram-sha-256"}
    assert stat.S_IMODE(cluster.home.sockets.stat().st_mode) == 0o700
    assert stat.S_IMODE(cluster.data.stat().st_mode) == 0o700
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(cluster.url().replace(cluster.home.keys()["database_password"], "guessed"))


def test_server_runs_as_a_user_without_privileges_in_a_process_group_of_its_own(start):
    cluster = start()

    owner = Path(f"/proc/{cluster.process.pid}").stat().st_uid
    assert owner != 0
    assert owner == (pwd.getpwnam("careline").pw_uid if os.geteuid() == 0 else os.geteuid())
    assert os.getpgid(cluster.process.pid) == cluster.process.pid


def test_what_was_written_is_there_after_kill_9_of_the_server(start):
    cluster = start()
    write(cluster.url())

    cluster.process.kill()
    cluster.process.wait()
    cluster.spawn()
    cluster.wait_ready()

    assert words(cluster.url()) == ["spoken"]


def test_next_start_ends_the_server_that_a_killed_supervisor_left(start):
    left = start()
    write(left.url())

    taken_over = start()

    assert left.process.wait(5) == 0
    assert words(taken_over.url()) == ["spoken"]


def test_pid_file_that_names_a_stranger_is_no_obstacle(start):
    cluster = start()
    cluster.stop()
    (cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster.data}\n")

    again = start()

    assert again.ready()


def test_data_of_another_version_is_refused_by_name(start, home, monkeypatch):
    start().stop()
    (home.database / "PG_VERSION").write_text("14\n")

    with pytest.raises(WrongVersion) as refused:
        start()

    assert (refused.value.values["folder"], refused.value.values["data"]) == (home.database, 14)


def test_data_folder_of_someone_else_is_refused_by_name(home):
    home.prepare()
    home.database.mkdir()
    if os.geteuid() == 0:
        owner = "root"  # PostgreSQL's folder belongs to the user it runs as, which root is not
        refused_for = Cluster(home)
    else:
        owner = "root"
        refused_for = Cluster(Home(home.root))
        home.database.rmdir()
        home.database.symlink_to("/usr")
    with pytest.raises(FolderNotOurs) as refused:
        refused_for.check()
    assert refused.value.values == {"folder": home.database, "owner": owner}


def test_data_without_its_keys_is_refused_by_name(start, home):
    start().stop()
    home.keys_file.unlink()

    with pytest.raises(KeysMissing):
        start()


def test_port_that_is_taken_is_named(home, unused_tcp_port_factory):
    port = unused_tcp_port_factory()
    home.prepare()
    cluster = Cluster(home, port=port, durable=False)
    with taken(port), pytest.raises(PortTaken) as refused:
        cluster.start()
    assert refused.value.values["port"] == port


def taken(port: int):
    import socket

    listener = socket.socket()
    listener.bind(("127.0.0.1", port))
    listener.listen()
    return listener


def test_disk_that_fills_up_while_the_cluster_is_made_is_named(home, monkeypatch):
    """On a real full disk where root may mount one; else by the words of initdb."""
    home.prepare()
    cluster = Cluster(home, durable=False)
    mounted = os.geteuid() == 0 and mount_tiny(home.root)
    try:
        if mounted:
            monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2**40, 0, 2**40))
            home.prepare()
        else:
            said = subprocess.CompletedProcess([], 1, "initdb: error: could not write: No space left on device")
            monkeypatch.setattr(cluster, "_run", lambda command: said)
        with pytest.raises(DiskFull):
            cluster.start()
        assert cluster.major is None
    finally:
        if mounted:
            subprocess.run(["umount", home.root], check=True)


def mount_tiny(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0711", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_ordinary_user_gets_the_same_from_the_wheel_as_root():
    with tempfile.TemporaryDirectory(prefix="careline-") as folder:
        Path(folder).chmod(0o777)
        kept = keep(Home(Path(folder)), wheel_programs()[0])

        def scenario() -> tuple[list[str], int]:
            home = Home(Path(folder) / "home")
            home.prepare()
            cluster = Cluster(home, durable=False, wanted=kept)
            cluster.start()
            try:
                write(cluster.url())
                return words(cluster.url()), os.geteuid()
            finally:
                cluster.stop()

        said, uid = as_ordinary_user(scenario)

    assert said == ["spoken"]
    assert uid != 0


def test_stop_leaves_no_process_behind(start):
    cluster = start()
    pid = cluster.process.pid

    cluster.stop()

    assert not processes.alive(pid)
    assert not (cluster.data / "postmaster.pid").exists()


def test_identity_tells_two_processes_with_one_number_apart():
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        assert processes.identity(sleeper.pid) == processes.identity(sleeper.pid) != processes.identity(os.getpid())
        assert processes.end(sleeper.pid, (signal.SIGTERM, 5.0))
        assert not processes.alive(sleeper.pid)
        sleeper.wait()
    assert processes.identity(sleeper.pid) is None
