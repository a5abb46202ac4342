"""Compiles the translations (.po) into what Django reads (.mo), in Python, so that no gettext needs installing."""

from __future__ import annotations

from pathlib import Path

import polib

PACKAGE = Path(__file__).resolve().parent.parent


def compile_messages(folder: Path = PACKAGE) -> list[Path]:
    """Compiles every .po that is newer than its .mo; the files made."""
    stale = [po for po in sorted(folder.rglob("locale/*/LC_MESSAGES/*.po")) if _stale(po)]
    for po in stale:
        fresh = po.with_suffix(".mo.new")
        polib.pofile(str(po)).save_as_mofile(str(fresh))
        fresh.replace(po.with_suffix(".mo"))  # whole at once: a process may be reading the old one
    return [po.with_suffix(".mo") for po in stale]


def _stale(po: Path) -> bool:
    mo = po.with_suffix(".mo")
    return not mo.exists() or mo.stat().st_mtime < po.stat().st_mtime
