"""Makes everything ready before web and live start: translations, migrations, static files, and a demo's samples.

A process of its own, so that the supervisor stays small and none of this is in its memory for good. Each step does
nothing when there is nothing to do.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import django
from django.core.management import call_command

from careline.app.failures import FolderReadOnly
from careline.app.translations import compile_messages

MIGRATING = 0x636172656C696E65  # "careline": two starts on one database must not migrate at once


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def translations() -> None:
    try:
        if made := compile_messages():
            say(f"compiled {len(made)} translation files")
    except PermissionError as error:
        folder = Path(str(error.filename)).parent
        say(str(FolderReadOnly(folder=folder)))  # served in English rather than not at all


def migrate() -> None:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATING])
        try:
            executor = MigrationExecutor(connection)
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
            if plan:
                say(f"bringing the database up to date ({len(plan)} steps) ...")
                call_command("migrate", verbosity=0, interactive=False)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATING])


def static_files() -> None:
    """Collects the static files under names that carry their content, when any of them changed."""
    from django.conf import settings
    from django.contrib.staticfiles.finders import get_finders

    root = Path(settings.STATIC_ROOT)
    seen = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            stat = Path(storage.path(path)).stat()
            seen.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    mark = root / ".collected"
    if mark.exists() and mark.read_text() == seen.hexdigest():
        return
    say("collecting static files ...")
    call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    mark.write_text(seen.hexdigest())


def sealing() -> None:
    """After a change of the key: what is sealed with an earlier one, while that is still known."""
    from django.conf import settings

    from careline.base.accounts.sealing import seal_anew

    if len(settings.SECRET_KEY_FALLBACKS) and (changed := seal_anew()):
        say(f"sealed the second factors of {changed} people with the new key")


def samples() -> None:
    from careline.base.organisations.models import Organisation

    if not Organisation.objects.exists():
        say("loading the sample networks ...")
        call_command("load_sample", "all", verbosity=0)


def demo_day() -> None:
    from django.utils import timezone

    from careline.care.directory.samples.load import open_for_demonstration

    open_for_demonstration(timezone.now())


def sign_ins() -> list[tuple[str, str, str, str]]:
    from careline.care.directory.samples import sign_ins as listed

    return [(each.network, each.role, each.username, each.password) for each in listed()]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="careline prepare", description="Make the database and files ready.")
    parser.add_argument("--demo", action="store_true", help="also load the sample networks into an empty database")
    parser.add_argument("--report", type=Path, help="write what the supervisor wants to know to this file")
    chosen = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "careline.app.settings")
    translations()
    django.setup()
    steps: list[Callable[[], None]] = [migrate, sealing, static_files, *([samples, demo_day] if chosen.demo else [])]
    for step in steps:
        began = time.monotonic()
        step()
        if (took_s := time.monotonic() - began) > 3:
            say(f"... {took_s:.0f} s")
    if chosen.report:
        chosen.report.write_text(json.dumps({"sign_ins": sign_ins() if chosen.demo else []}))


if __name__ == "__main__":
    main()
