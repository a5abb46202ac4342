"""Run a benchmark on a router compiled with mypyc, from the same files.

    python -m benchmarks.compiled twin --quick

The compiled copy lies in a temporary folder named after the sources' hash and is used again while they stay the same.
It needs a C compiler and Python's headers; nothing in Careline depends on it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = (
    "model",
    "state",
    "estimate",
    "machine",
    "centre",
    "places",
    "duty",
    "steps",
    "matching",
    "hearing",
    "views",
    "router",
    "twin",
)


def compiled_home() -> Path | None:
    """A folder for PYTHONPATH that holds the compiled `careline` and the benchmarks; None when it cannot be built."""
    source = ROOT / "src" / "careline"
    files = [*sorted((source / "core" / "acd").glob("*.py")), *sorted((ROOT / "benchmarks").glob("*.py"))]
    mark = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    home = Path(tempfile.gettempdir()) / f"careline-compiled-{mark}"
    if (home / "ready").exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    for package in ("", "core"):
        (home / "careline" / package).mkdir(parents=True, exist_ok=True)
        shutil.copy(source / package / "__init__.py", home / "careline" / package)
    shutil.copytree(source / "core" / "acd", home / "careline" / "core" / "acd")
    shutil.copytree(ROOT / "benchmarks", home / "benchmarks")
    (home / "mypy.ini").write_text("[mypy]\nignore_missing_imports = true\n")
    paths = [f"careline/core/acd/{module}.py" for module in MODULES]
    built = subprocess.run(
        [sys.executable, "-m", "mypyc", *paths],
        cwd=home,
        env={**os.environ, "MYPYPATH": str(home), "MYPYC_OPT_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        print(built.stdout[-2000:], built.stderr[-2000:], file=sys.stderr)
        return None
    (home / "ready").touch()
    return home


def run(home: Path, benchmark: str, *arguments: str) -> str:
    """The printed output of a benchmark on the compiled router."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{benchmark}", *arguments],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    found = compiled_home()
    if found is None:
        sys.exit("the router could not be compiled")
    print(run(found, sys.argv[1], *sys.argv[2:]), end="")
