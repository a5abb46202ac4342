from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from careline.app import processes
from careline.app.supervisor import Patience, end_leftovers
from tests.app.waiting import eventually

SUPERVISED = """
import sys
from pathlib import Path
from careline.app.parent import parent_stopping
from careline.app.supervisor import Command, Signals, Supervisor

folder = Path(sys.argv[1])
signals = Signals(also=parent_stopping() if "--with-parent" in sys.argv else lambda: False)
supervisor = Supervisor(signals, folder / "children.json")
for name in ("first", "second"):
    supervisor.add(Command(name, ["sleep", "600"], {"PATH": "/usr/bin:/bin"}, log_file=folder / f"{name}.log"))
supervisor.run()
supervisor.stop()
"""


@pytest.fixture
def supervised(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", SUPERVISED, str(tmp_path)], cwd=Path.cwd())
    eventually(lambda: len(pids(tmp_path)) == 2)
    yield process
    process.kill()
    process.wait()
    end_leftovers(tmp_path / "children.json")


def pids(folder: Path) -> dict[str, int]:
    try:
        return {entry["name"]: entry["pid"] for entry in json.loads((folder / "children.json").read_text())}
    except FileNotFoundError:
        return {}


def test_wait_doubles_while_a_child_keeps_dying_and_starts_over_once_it_held():
    patience = Patience()
    patience.started(100.0)

    assert [patience.died(100.0 + second) for second in range(9)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]

    patience.started(200.0)
    assert patience.died(231.0) == 0.1


def test_killed_child_is_started_again_and_the_other_is_left_alone(supervised, tmp_path):
    before = pids(tmp_path)

    subprocess.run(["kill", "-9", str(before["first"])], check=True)

    eventually(lambda: pids(tmp_path)["first"] != before["first"])
    assert pids(tmp_path)["second"] == before["second"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_all_children_stop_on(supervised, tmp_path, number):
    running = pids(tmp_path)

    supervised.send_signal(number)

    assert supervised.wait(60) == 0
    assert not any(processes.alive(pid) for pid in running.values())


def test_children_outlive_a_killed_supervisor_until_the_next_start_ends_them(supervised, tmp_path):
    left = pids(tmp_path)
    supervised.kill()
    supervised.wait()
    assert all(processes.alive(pid) for pid in left.values())

    ended = end_leftovers(tmp_path / "children.json")

    assert sorted(ended) == ["first", "second"]
    eventually(lambda: not any(processes.alive(pid) for pid in left.values()))


def test_process_that_was_given_a_leftovers_number_is_not_touched(tmp_path):
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        listed = [{"name": "web", "pid": stranger.pid, "started": "long ago"}]
        (tmp_path / "children.json").write_text(json.dumps(listed))

        assert end_leftovers(tmp_path / "children.json") == []
        assert processes.alive(stranger.pid)
        stranger.kill()


def heeds() -> None:
    """Signals that are ignored where the tests run behind an "&" or under nohup."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_signal_sent_to_make_alone_stops_what_it_runs(tmp_path, number):
    (tmp_path / "supervised.py").write_text(SUPERVISED)
    recipe = f"all:\n\t@exec {sys.executable} {tmp_path}/supervised.py {tmp_path} --with-parent\n"
    (tmp_path / "Makefile").write_text(recipe)
    with subprocess.Popen(
        ["make", "-f", str(tmp_path / "Makefile")],
        stderr=subprocess.DEVNULL,
        preexec_fn=heeds,
    ) as make:
        eventually(lambda: len(pids(tmp_path)) == 2)
        running = pids(tmp_path)

        make.send_signal(number)

        eventually(lambda: not any(processes.alive(pid) for pid in running.values()))
        assert make.wait(60) != 0
