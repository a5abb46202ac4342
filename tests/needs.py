"""What the tests need of the system. Run it to see what is missing; as root with --install it is installed by apt.

Standard library only, so that any python3 runs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CHROMIUM = ("chromium", "google-chrome", "google-chrome-stable")
PLAYWRIGHT = ".venv/bin/playwright"


def chromium() -> str | None:
    """The browser of the journeys: the system's, else Playwright's (Ubuntu packages Chromium only as a snap)."""
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    fetched = sorted(str(path) for path in cache.glob("chromium-*/chrome-linux*/chrome"))
    return next((path for name in CHROMIUM if (path := shutil.which(name))), next(reversed(fetched), None))


def glyphs(language: str) -> Callable[[], bool]:
    def there() -> bool:
        if not shutil.which("fc-list"):
            return False
        return bool(subprocess.run(["fc-list", f":lang={language}"], capture_output=True, check=False).stdout.strip())

    return there


def postgres_15() -> Path | None:
    """The programs of a PostgreSQL 15 of the system, the oldest that Careline supports."""
    folders = (Path("/usr/lib/postgresql/15/bin"), Path("/usr/pgsql-15/bin"))
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@dataclass(frozen=True)
class Need:
    """One package of Debian or Ubuntu, what it is for, and how to see that it is there."""

    package: str
    why: str
    present: Callable[[], object]
    only_where_packaged: bool = False  # a system that does not package it does without


NEEDS = (
    Need("chromium", "the journeys run in a real browser", chromium),
    Need("fontconfig", "fonts are looked up by it", lambda: shutil.which("fc-list")),
    Need("fonts-noto-core", "screenshots show Cyrillic", glyphs("uk")),
    Need("fonts-noto-cjk", "screenshots show Chinese", glyphs("zh-cn")),
    Need("gettext", "translations are checked", lambda: shutil.which("msgfmt")),
    Need("espeak-ng", "simulated callers speak", lambda: shutil.which("espeak-ng")),
    Need("postgresql-15", "the database tests run against PostgreSQL 15 too", postgres_15, only_where_packaged=True),
)


def missing() -> list[Need]:
    """What the tests cannot do without and is not there."""
    return [need for need in NEEDS if not need.only_where_packaged and not need.present()]


def complaint(needs: Sequence[Need]) -> str:
    lines = [f"  {need.package}: {need.why}" for need in needs]
    names = " ".join(need.package for need in needs)
    return "\n".join(["The tests need what this system lacks:", *lines, f"Install it: apt-get install {names}"])


def _apt(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "-q", "-y", *arguments], check=True, stdin=subprocess.DEVNULL, env=environment)


def _packaged(package: str) -> bool:
    said = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False).stdout
    return "Candidate:" in said and "Candidate: (none)" not in said


def install() -> None:
    """Installs what is missing, by apt; asks the servers for their lists only then."""
    wanted = [need for need in NEEDS if not need.present()]
    if not wanted or not shutil.which("apt-get"):
        return
    print("Installing what tests need:", " ".join(need.package for need in wanted), flush=True)
    _apt("update")
    packages = [need.package for need in wanted if _packaged(need.package)]
    if packages:
        _apt("install", "--no-install-recommends", *packages)
    if not chromium():
        subprocess.run([PLAYWRIGHT, "install", "--with-deps", "chromium"], check=True, stdin=subprocess.DEVNULL)


def main() -> int:
    if "--postgres-15" in sys.argv:
        print(postgres_15() or "")
        return 0
    if "--install" in sys.argv and os.geteuid() == 0:
        install()
    if lacking := missing():
        print(complaint(lacking), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
