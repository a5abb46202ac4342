"""PostgreSQL of our own: a data folder, its server, start and stop. Used only when DATABASE_URL is not set."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from careline.app import processes
from careline.app.failures import (
    DatabaseFailed,
    DiskFull,
    FolderNotOurs,
    FolderReadOnly,
    KeysMissing,
    PortTaken,
    WrongVersion,
)
from careline.app.places import NEED_MIB, Home, name_of, private_write, speaking_of, unprivileged
from careline.app.programs import Programs, choose, keep

SOCKET_PORT = 5432  # only names the socket in our private folder
NAME = "careline"
SUPERUSER = "postgres"
START_S = 60.0
LOG_LIMIT = 20 * 2**20
# What the server says when a killed predecessor's processes have not all ended yet: waiting helps.
PASSING = ("is still in use", "already exists", "could not lock file")


@dataclass
class Cluster:
    """One data folder and the server that runs on it. `port` also opens 127.0.0.1:port, for tools from outside.

    `durable=False` is for tests: it may lose what was written when the machine stops.
    """

    home: Home
    port: int | None = None
    durable: bool = True
    wanted: Programs | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def data(self) -> Path:
        return self.home.database

    @property
    def log(self) -> Path:
        return self.home.logs / "postgres.log"

    @property
    def major(self) -> int | None:
        """Of the data, None when there is none yet."""
        try:
            return int((self.data / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None

    def url(self, role: str = NAME, database: str = NAME) -> str:
        """How to connect, by the socket in our private folder."""
        key = "superuser_password" if role == SUPERUSER else "database_password"
        password, sockets = quote(self.home.keys()[key], safe=""), quote(str(self.home.sockets), safe="")
        return f"postgresql://{role}:{password}@/{database}?host={sockets}&port={self._port}"

    @property
    def _port(self) -> int:
        return self.port or SOCKET_PORT

    def programs(self) -> Programs:
        found = self.wanted or choose(self.home, self.major)
        if self.major not in (None, found.major):
            raise WrongVersion(folder=self.data, data=self.major, programs=found.major)
        return keep(self.home, found)

    def start(self) -> None:
        """Makes the cluster on first use, ends what a killed predecessor left, starts, and waits until it answers.

        Raises the errors of `failures`: each way this is known to go wrong has a name.
        """
        self.check()
        self.end_leftover()
        self.spawn()
        self.wait_ready()
        self.furnish()

    def check(self) -> None:
        """Everything that can be said before anything is started; makes the cluster on first use."""
        with speaking_of(self.data):
            self._refuse_strangers()
            if self.major is None:
                self._initialise()
            elif not self.home.keys_file.exists():
                raise KeysMissing(folder=self.data, keys=self.home.keys_file)

    def _refuse_strangers(self) -> None:
        if not self.data.exists():
            return
        owner, found = unprivileged(), self.data.stat().st_uid
        if found != (owner.pw_uid if owner else os.geteuid()):
            raise FolderNotOurs(folder=self.data, owner=name_of(found))

    def _initialise(self) -> None:
        programs = self.programs()
        fresh = self.data.with_name(
            "postgres.new"
        )  # renamed when whole: a start that was cut off leaves no half cluster
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password = self.home.sockets / "pw"
        private_write(password, self.home.keys()["superuser_password"])
        if owner := unprivileged():
            os.chown(fresh, owner.pw_uid, owner.pw_gid)
            os.chown(password, owner.pw_uid, owner.pw_gid)
        try:
            done = self._run([*self._initdb(programs), "--pwfile", str(password), "-D", str(fresh)])
        finally:
            password.unlink(missing_ok=True)
        if done.returncode:
            self._raise_for(done.stdout)
        fresh.rename(self.data)

    def _initdb(self, programs: Programs) -> list[str]:
        # The builtin provider knows C.UTF-8 on every system, but only from 17 on.
        provider = ["--locale-provider=builtin"] if programs.major >= 17 else []
        speed = [] if self.durable else ["--no-sync"]
        common = ["-U", SUPERUSER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums"]
        return [programs["initdb"], *common, *provider, *speed]

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **self._as_owner()
        )

    def _as_owner(self) -> dict[str, Any]:
        """Arguments of Popen that run a program as the owner of the data, with nothing of our environment in it."""
        plain: dict[str, Any] = {
            "env": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            "cwd": "/",
        }
        if owner := unprivileged():
            return {**plain, "user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        return plain

    def settings(self) -> dict[str, str]:
        chosen = {
            "unix_socket_directories": str(self.home.sockets),
            "unix_socket_permissions": "0700",
            "listen_addresses": "127.0.0.1" if self.port else "",
            "port": str(self._port),
            "max_connections": "200",
            "password_encryption": "scram-sha-256",
            "jit": "off",
            # A failed statement and its details may hold a name or a number: neither goes into a log.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        if not self.durable:
            chosen |= {"fsync": "off", "full_page_writes": "off"}
        return chosen

    def spawn(self) -> subprocess.Popen[bytes]:
        """Starts the server in a process group of its own, so that a Ctrl-C meant for us does not reach it."""
        programs = self.programs()
        self._turn_log()
        command = [programs["postgres"], "-D", str(self.data)]
        command += [part for name, value in self.settings().items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_owner(),
            )
        return self.process

    def _turn_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))

    def wait_ready(self, patience_s: float = START_S, stopped: Callable[[], bool] = lambda: False) -> None:
        """Waits until the server is ready, starting it again while a killed predecessor's last processes end."""
        deadline = time.monotonic() + patience_s
        while not self.ready() and not stopped():
            assert self.process is not None
            if self.process.poll() is not None:
                said = self._said()
                if time.monotonic() > deadline or not any(text in said for text in PASSING):
                    self._raise_for(said)
                self.end_leftover()
                time.sleep(0.2)
                self.spawn()
            elif time.monotonic() > deadline:
                self.stop()
                raise DatabaseFailed(reason="no answer in time", log=self.log)
            time.sleep(0.01)

    def ready(self) -> bool:
        """Line 8 of postmaster.pid says so, and line 1 is our child."""
        lines = self._pid_lines()
        return bool(
            self.process
            and len(lines) >= 8
            and lines[0].strip() == str(self.process.pid)
            and lines[7].strip() == "ready"
        )

    def _pid_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []

    def end_leftover(self) -> None:
        """Ends a server that a killed supervisor left on this folder, and clears a pid file that names a stranger."""
        lines = self._pid_lines()
        if not lines or not lines[0].strip().isdigit():
            return
        pid = int(lines[0])
        if self.process is not None and pid == self.process.pid and self.process.poll() is None:
            return
        if processes.alive(pid) and processes.works_in(pid, self.data):
            processes.end(pid, (signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
        elif processes.alive(pid):
            (self.data / "postmaster.pid").unlink(missing_ok=True)  # its number went to another program

    def furnish(self) -> None:
        """Our role, which is no superuser, and its database; nothing when they are there."""
        password = self.home.keys()["database_password"]
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [NAME]).fetchone():
                role = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}")
                connection.execute(role.format(sql.Identifier(NAME), sql.Literal(password)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(NAME)))

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, nothing committed is lost."""
        process, self.process = self.process, None
        if process is None:
            return
        for number, patience_s in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if process.poll() is not None:
                return
            process.send_signal(number)
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue
            return

    def _said(self) -> str:
        with self.log.open("rb") as log:
            log.seek(max(self._log_start, log.seek(0, os.SEEK_END) - 20_000))
            return log.read().decode(errors="replace")

    def _raise_for(self, said: str) -> None:
        if "No space left" in said or "Disk quota exceeded" in said:
            raise DiskFull(folder=self.data, need_mib=NEED_MIB)
        if "Address already in use" in said:
            raise PortTaken(port=self._port, host="127.0.0.1", setting="CARELINE_POSTGRES_PORT")
        if "Read-only file system" in said:
            raise FolderReadOnly(folder=self.data)
        if "incompatible with server" in said:
            raise WrongVersion(folder=self.data, data=self.major, programs=self.programs().major)
        lines = [line for line in said.splitlines() if "FATAL" in line or "error" in line.lower()]
        raise DatabaseFailed(reason=(lines or ["unknown"])[-1].strip(), log=self.log)
