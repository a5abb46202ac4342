"""Where one installation keeps what it owns: data, keys, sockets, logs. Nothing of it lies in the clone."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from careline.app import processes
from careline.app.failures import (
    AlreadyRunning,
    DiskFull,
    FolderNotOurs,
    FolderReadOnly,
    FolderUnreachable,
    NoUser,
)

PACKAGE = Path(__file__).resolve().parent.parent
USER = "careline"  # PostgreSQL refuses to run as root, so root lends it this user
NEED_MIB = 256  # a new cluster takes 40 MiB; the rest is room to start, migrate and shut down cleanly
SOCKET_LIMIT = 100  # sun_path holds 108 bytes on Linux and 104 elsewhere


def default_home() -> Path:
    """`CARELINE_HOME`, else a folder of this clone: under /var/lib for root, else in the user's data folder."""
    if chosen := os.environ.get("CARELINE_HOME"):
        return Path(chosen).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/careline") / clone_hash()
    share = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(share) / "careline" / clone_hash()


def clone_hash() -> str:
    """Names the clone (or the environment it is installed in), so that two of them never share data."""
    clone = PACKAGE.parent.parent
    root = clone if (clone / "pyproject.toml").exists() else Path(sys.prefix)
    return hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]


def unprivileged() -> pwd.struct_passwd | None:
    """The user that PostgreSQL runs as when root starts it, made on first need; None for an ordinary user."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        _make_user()
        return pwd.getpwnam(USER)


def _make_user() -> None:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", USER]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NoUser(user=USER, reason="useradd is missing") from None
    if done.returncode not in (0, 9):  # 9: another start made it just now
        raise NoUser(user=USER, reason=done.stderr.strip())


@dataclass(frozen=True)
class Home:
    """The folders of one installation.

    `root` belongs to whoever starts Careline, `database` and `sockets` to the user PostgreSQL runs as.
    """

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "postgres"

    @property
    def programs(self) -> Path:
        return self.root / "programs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def static(self) -> Path:
        return self.root / "static"

    @property
    def keys_file(self) -> Path:
        return self.root / "keys.json"

    @cached_property
    def sockets(self) -> Path:
        """Where PostgreSQL's socket lies; in the temporary folder when the path would be too long for a socket."""
        near = self.root / "sockets"
        if len(os.fsencode(near / ".s.PGSQL.5432")) <= SOCKET_LIMIT:
            return near
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"careline-{os.geteuid()}-{name}"

    def prepare(self) -> None:
        """Makes the folders, and says clearly why it cannot.

        Raises FolderNotOurs, FolderReadOnly, FolderUnreachable, DiskFull.
        """
        with speaking_of(self.root):
            owner = unprivileged()
            self.root.mkdir(mode=0o711 if owner else 0o700, parents=True, exist_ok=True)
            self._refuse_strangers(self.root, os.geteuid())
            self._refuse_full_disk()
            for folder in (self.run, self.logs, self.files):
                folder.mkdir(mode=0o700, exist_ok=True)
            (self.root / ".probe").write_text("")
            (self.root / ".probe").unlink()
            self.programs.mkdir(mode=0o755, exist_ok=True)
            self.sockets.mkdir(mode=0o700, exist_ok=True)
            if owner:
                self._refuse_closed_way(owner)
                os.chown(self.sockets, owner.pw_uid, owner.pw_gid)
            self._refuse_strangers(self.sockets, owner.pw_uid if owner else os.geteuid())

    def _refuse_strangers(self, folder: Path, uid: int) -> None:
        found = folder.stat().st_uid
        if found != uid:
            raise FolderNotOurs(folder=folder, owner=name_of(found))

    def _refuse_full_disk(self) -> None:
        if shutil.disk_usage(self.root).free < NEED_MIB * 2**20:
            raise DiskFull(folder=self.root, need_mib=NEED_MIB)

    def _refuse_closed_way(self, owner: pwd.struct_passwd) -> None:
        for folder in (self.root, *self.root.parents):
            seen = folder.stat()
            entered = seen.st_mode & (0o100 if seen.st_uid == owner.pw_uid else 0o001)
            if not entered:
                raise FolderUnreachable(folder=folder, user=owner.pw_name)

    def keys(self) -> dict[str, Any]:
        """The secrets of this installation, made once and readable to their owner only."""
        if self.keys_file.exists():
            return dict(json.loads(self.keys_file.read_text()))
        made = {name: secrets.token_urlsafe(48) for name in ("secret_key", "database_password", "superuser_password")}
        self.write_keys(made)
        return made

    def write_keys(self, keys: dict[str, Any]) -> None:
        with speaking_of(self.root):
            private_write(self.keys_file, json.dumps(keys, indent=1))

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Holds the folder for this process. The system lets go of it when the process dies, however it dies.

        Raises AlreadyRunning, with the process that holds it.
        """
        path = self.run / "holder.json"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunning(folder=self.root, pid=_holder(path)) from None
            os.truncate(descriptor, 0)
            holder = {"pid": os.getpid(), "started": processes.identity(os.getpid())}
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
            yield
        finally:
            os.close(descriptor)


def _holder(path: Path) -> object:
    try:
        return json.loads(path.read_text())["pid"]
    except (OSError, ValueError, KeyError):
        return "?"


def name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def private_write(path: Path, text: str) -> None:
    """Writes a file that only its owner reads, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


@contextlib.contextmanager
def speaking_of(folder: Path) -> Iterator[None]:
    """Turns what the system says of a folder into what its owner can do about it."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(folder=folder, need_mib=NEED_MIB) from error
        if error.errno == errno.EROFS:
            raise FolderReadOnly(folder=folder) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise _closed(folder) from error
        if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.ENOENT):  # a file where a folder should be, or /proc
            raise FolderReadOnly(folder=folder) from error
        raise


def _closed(folder: Path) -> FolderNotOurs | FolderReadOnly:
    nearest = next((place for place in (folder, *folder.parents) if _seen(place)), Path("/"))
    owner = nearest.stat().st_uid
    if owner == os.geteuid():
        return FolderReadOnly(folder=nearest)
    return FolderNotOurs(folder=nearest, owner=name_of(owner))


def _seen(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:
        return False
