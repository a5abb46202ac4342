from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from careline.app import places
from careline.app.failures import AlreadyRunning, DiskFull, FolderNotOurs, FolderReadOnly, FolderUnreachable
from careline.app.places import Home
from careline.app.serve import metrics_folder
from tests.app.users import as_ordinary_user


def test_home_is_chosen_by_setting_then_by_who_starts_it(monkeypatch):
    monkeypatch.setenv("CARELINE_HOME", "/srv/careline")
    assert places.default_home() == Path("/srv/careline")

    monkeypatch.delenv("CARELINE_HOME")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert places.default_home() == Path("/var/lib/careline") / places.clone_hash()

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/olena/data")
    assert places.default_home() == Path("/home/olena/data/careline") / places.clone_hash()


def test_keys_are_made_once_and_readable_to_their_owner_only(home):
    home.prepare()

    first, second = home.keys(), home.keys()

    assert first == second
    assert set(first) == {"secret_key", "database_password", "superuser_password"}
    assert stat.S_IMODE(home.keys_file.stat().st_mode) == 0o600


def test_second_start_on_a_folder_is_told_who_holds_it(home):
    home.prepare()

    with home.claimed(), pytest.raises(AlreadyRunning) as refused, home.claimed():
        pass

    assert refused.value.values == {"folder": home.root, "pid": os.getpid()}


def test_folder_is_free_again_after_its_holder_was_killed(home):
    home.prepare()
    hold = "import sys; from careline.app.places import Home; from pathlib import Path\n"
    hold += "with Home(Path(sys.argv[1])).claimed(): print('held', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(home.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning), home.claimed():
            pass
        holder.kill()
        holder.wait()
        with home.claimed():
            assert json.loads((home.run / "holder.json").read_text())["pid"] == os.getpid()


def test_folder_of_someone_else_is_named_with_its_owner(open_folder):
    mine = open_folder / "not-yours"
    mine.mkdir()
    if os.geteuid() == 0:  # root meets a folder of another, an ordinary user one of root
        os.chown(mine, 65534, 65534)
        with pytest.raises(FolderNotOurs) as refused:
            Home(mine).prepare()
        assert refused.value.values == {"folder": mine, "owner": places.name_of(65534)}
    else:
        with pytest.raises(FolderNotOurs) as refused:
            Home(Path("/usr/share/careline")).prepare()
        assert refused.value.values == {"folder": Path("/usr/share"), "owner": "root"}


def test_folder_that_cannot_be_written_is_called_read_only(open_folder):
    closed = open_folder / "closed"

    def scenario() -> str:
        closed.mkdir(mode=0o500)
        with pytest.raises(FolderReadOnly) as refused:
            Home(closed / "home").prepare()
        return str(refused.value.values["folder"])

    open_folder.chmod(0o777)
    assert as_ordinary_user(scenario) == str(closed)


def test_full_disk_is_said_before_anything_is_started(home, monkeypatch):
    full = shutil._ntuple_diskusage(total=2**40, used=2**40, free=2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)

    with pytest.raises(DiskFull) as refused:
        home.prepare()

    assert refused.value.values == {"folder": home.root, "need_mib": 256}


def test_folder_closed_to_the_user_of_the_database_is_named(open_folder, monkeypatch):
    closed = open_folder / "private"
    closed.mkdir(mode=0o700)
    nobody = __import__("pwd").getpwuid(65534)
    monkeypatch.setattr(places, "unprivileged", lambda: nobody)

    with pytest.raises(FolderUnreachable) as refused:
        Home(closed / "home").prepare()

    assert refused.value.values == {"folder": closed, "user": nobody.pw_name}


def test_socket_moves_to_the_temporary_folder_when_the_path_is_too_long():
    deep = Home(Path("/home") / ("x" * 120))

    assert len(str(deep.sockets)) < 80
    assert Home(Path("/srv/careline")).sockets == Path("/srv/careline/sockets")


def test_figures_are_mapped_in_memory_where_a_full_disk_cannot_kill_who_writes_them(home, tmp_path):
    home.prepare()
    folder = metrics_folder(home, memory=tmp_path)
    (folder / "left.db").touch()
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(metrics_folder(home, memory=tmp_path).iterdir()) == []
    assert metrics_folder(home, memory=tmp_path / "none") == home.run / "metrics"
