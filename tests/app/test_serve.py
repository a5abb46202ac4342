"""The whole of Careline, started as a person starts it, and killed part by part."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest

from careline.app import processes
from careline.app.places import Home
from careline.app.postgres import Cluster
from careline.app.serve import sign_in_table
from tests.app.waiting import eventually


@dataclass
class System:
    folder: Path
    ports: tuple[int, int, int]
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    def command(self, *words: str, **changed: str) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "LAN"}}
        port, web, live = map(str, self.ports)
        own = {"CARELINE_HOME": str(self.folder), "PORT": port, "CARELINE_WEB_PORT": web, "CARELINE_LIVE_PORT": live}
        return subprocess.Popen(
            [sys.executable, "-m", "careline.app.cli", *words],
            env={**kept, **own, "CARELINE_WEB_WORKERS": "1", **changed},
            stdin=subprocess.DEVNULL,
            stdout=self.said.open("wb"),
            stderr=subprocess.STDOUT,
        )

    @property
    def said(self) -> Path:
        """What the last command printed. A file: a pipe that nobody reads would stop them all when it is full."""
        return self.folder.with_suffix(".log")

    def start(self) -> None:
        self.process = self.command("serve", CARELINE_POSTGRES=os.environ.get("CARELINE_POSTGRES", "wheel"))
        eventually(self.answers, within_s=240)
        eventually(
            lambda: "jobs" in self.pids(), within_s=60
        )  # what nobody waits for is started after the first answer

    def answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            pytest.fail(self.said.read_text())
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def pids(self) -> dict[str, int]:
        listed = json.loads((self.folder / "run" / "children.json").read_text())
        return {entry["name"]: entry["pid"] for entry in listed}


@pytest.fixture(scope="module")
def system(open_folder: Path, unused_tcp_port_factory) -> Iterator[System]:
    ports = (unused_tcp_port_factory(), unused_tcp_port_factory(), unused_tcp_port_factory())
    running = System(open_folder / "home", ports)
    running.start()
    yield running
    if running.process.poll() is None:
        running.process.terminate()
    running.process.wait(60)


def test_one_address_answers_for_all_parts(system):
    with httpx.Client(base_url=system.url) as browser:
        ready = browser.get("/readyz")
        alive = browser.get("/healthz")

    assert (ready.status_code, ready.json()) == (200, {"ready": True, "database": True})
    assert alive.json() == {"alive": True}
    assert ready.headers["x-content-type-options"] == "nosniff"
    assert ready.headers["permissions-policy"].startswith("microphone=(self)")
    assert "script-src 'self'" in ready.headers["content-security-policy"]
    assert "server" not in ready.headers
    assert ready.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/metrics", "/live/poke", "/live/metrics"])
def test_what_is_for_this_machine_only_is_not_behind_the_front_door(system, path):
    assert httpx.get(system.url + path).status_code == 404
    assert httpx.post(system.url + path).status_code == 404


def test_figures_are_there_for_this_machine(system):
    httpx.get(f"{system.url}/healthz")

    shown = httpx.get(f"http://127.0.0.1:{system.ports[1]}/metrics").text

    assert 'careline_requests_total{method="GET",route="healthz",status="200"}' in shown


def test_background_jobs_have_a_worker(system):
    query = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '1 minute'"

    def working() -> bool:
        with psycopg.connect(Cluster(Home(system.folder)).url()) as database:
            return database.execute(query).fetchone() == (1,)

    eventually(working, within_s=60)


def test_second_start_on_the_folder_is_refused_in_one_sentence(system):
    assert system.command("serve").wait(120) == 1

    last = system.said.read_text().strip().splitlines()[-1]
    assert last.startswith(f"careline: Careline already runs on the folder {system.folder} (process")


def test_port_of_another_program_is_named_with_the_setting_that_avoids_it(system, open_folder):
    elsewhere = System(open_folder / "elsewhere", system.ports)

    assert elsewhere.command("serve").wait(120) == 1

    said = elsewhere.said.read_text()
    assert f"Port {system.ports[0]} on 127.0.0.1 is taken by another program" in said
    assert "choose another port with PORT" in said


SIGN_SOMEBODY_IN = """
import importlib
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from careline.base.accounts.models import User
user = User.objects.create_superuser("iryna", password="a-long-winter-evening")
Authenticator.objects.create(user=user, type="totp", data={"secret": encrypt("JBSWY3DP")})
session = importlib.import_module(settings.SESSION_ENGINE).SessionStore()
session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
session[BACKEND_SESSION_KEY] = "careline.base.accounts.backends.AccountBackend"
session.save()
print("session", session.session_key)
"""
OPEN_THE_SEAL = """
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt
print("opened", decrypt(Authenticator.objects.get().data["secret"]))
"""


def test_a_new_key_signs_nobody_out_and_seals_anew_while_everything_runs(system):
    assert system.command("shell", "-c", SIGN_SOMEBODY_IN).wait(60) == 0, system.said.read_text()
    cookie = {"sessionid": re.findall(r"session (\w+)", system.said.read_text())[-1]}
    before = system.pids()
    old = json.loads((system.folder / "keys.json").read_text())["secret_key"]

    assert system.command("rotate-key", "--keep", "2").wait(240) == 0, system.said.read_text()
    said = system.said.read_text()

    assert "The old one holds for 2 more days." in said
    assert "Sealed anew: 1." in said
    after, kept = system.pids(), json.loads((system.folder / "keys.json").read_text())
    assert {name for name in before if before[name] != after[name]} == {"web", "live", "live-standby", "jobs"}
    assert [each["key"] for each in kept["former_keys"]] == [old]
    for name in ("web", "live", "live-standby", "jobs"):
        environment = Path(f"/proc/{after[name]}/environ").read_bytes()
        assert f"CARELINE_SECRET_KEY={kept['secret_key']}\0".encode() in environment
    with httpx.Client(base_url=system.url, cookies=cookie) as browser:
        page = browser.get("/admin/")
    assert (page.status_code, page.cookies.get("sessionid")) == (200, None)  # signed in, by the very same cookie
    alone = {"CARELINE_SECRET_KEY": kept["secret_key"]}  # without the old key beside it
    assert system.command("shell", "-c", OPEN_THE_SEAL, **alone).wait(60) == 0
    assert "opened JBSWY3DP" in system.said.read_text()


def test_a_key_that_leaked_is_void_at_once(system):
    assert system.command("shell", "-c", SIGN_SOMEBODY_IN.replace("iryna", "olha")).wait(60) == 0
    cookie = {"sessionid": re.findall(r"session (\w+)", system.said.read_text())[-1]}
    assert httpx.get(f"{system.url}/admin/", cookies=cookie).status_code == 200

    assert system.command("rotate-key", "--keep", "0").wait(240) == 0, system.said.read_text()

    assert "The old one is void." in system.said.read_text()
    assert httpx.get(f"{system.url}/admin/", cookies=cookie).status_code == 302
    assert json.loads((system.folder / "keys.json").read_text())["former_keys"] == []


@pytest.mark.parametrize("part", ["web", "live", "front", "postgres"])
def test_killed_part_is_started_again_and_the_others_go_on(system, part):
    before = system.pids()

    os.kill(before[part], signal.SIGKILL)

    eventually(lambda: system.pids()[part] != before[part])
    eventually(system.answers)
    after = system.pids()
    assert {name for name in before if before[name] != after[name]} == {part}
    assert all(processes.alive(pid) for pid in after.values())


def test_start_after_kill_9_of_the_supervisor_ends_what_was_left_and_goes_on(system):
    left = system.pids()
    system.process.kill()
    system.process.wait()
    assert all(processes.alive(pid) for pid in left.values())

    system.process = system.command("serve")

    eventually(lambda: not any(processes.alive(pid) for pid in left.values()))
    eventually(lambda: (system.folder / "run" / "children.json").exists())
    eventually(lambda: set(system.pids()) == set(left) and system.answers(), within_s=240)
    assert not set(system.pids().values()) & set(left.values())


def test_everything_stops_when_asked(system):
    running = system.pids()

    system.process.send_signal(signal.SIGTERM)

    assert system.process.wait(60) == 0
    assert not any(processes.alive(pid) for pid in running.values())
    assert not (system.folder / "run" / "children.json").exists()


def test_sign_ins_are_one_table_of_roles_and_networks():
    shown = sign_in_table(
        [
            ["district", "Operator", "olena", "secret"],
            ["district", "Operator", "second", "secret"],
            ["医院", "Operator", "li", "secret"],
            ["医院", "Doctor", "wang", "secret"],
        ]
    )

    assert shown.splitlines() == [
        "Sign in with the password secret as",
        "            district  医院",
        "  Operator  olena     li",
        "  Doctor              wang",
    ]
