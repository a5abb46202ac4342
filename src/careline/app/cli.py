"""`careline`: the command line. Our own commands first, Django's management commands for the rest."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable

# name -> (where its main is, what it does). Each main takes the name and the arguments and gives the exit code.
OWN = {
    "demo": ("careline.app.serve", "everything on one address, with sample networks"),
    "serve": ("careline.app.serve", "everything on one address"),
    "live": ("careline.app.live", "the switchboard and what browsers hear of it"),
    "demo-traffic": ("careline.app.traffic.process", "the simulated people of the demo"),
    "backup": ("careline.app.backup", "write the database and the files into one file"),
    "restore": ("careline.app.backup", "read such a file back"),
    "rotate-key": ("careline.app.keys", "a new secret key; nobody is signed out"),
    "upgrade-database": ("careline.app.backup", "move our own database to a newer PostgreSQL"),
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "careline.app.settings")
    name, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("help", [])
    if name in OWN:
        sys.exit(speaking(lambda: importlib.import_module(OWN[name][0]).main(name, arguments)))
    if name in {"help", "--help"} and not arguments:
        list_own()
    at_home()
    from django.core.management import execute_from_command_line

    command = name if name.startswith("-") else name.replace("-", "_")
    execute_from_command_line([sys.argv[0], command, *arguments])


def list_own() -> None:
    print("Careline's own commands:\n")
    for name, (_, does) in OWN.items():
        print(f"    {name:<18} {does}")
    print("\nand those of Django:\n")


def at_home() -> None:
    """Lets a management command reach the installation's own database and keys, unless it was told of others."""
    from careline.app import keys
    from careline.app.places import Home, default_home
    from careline.app.postgres import Cluster

    home = Home(default_home())
    if not os.access(home.keys_file, os.R_OK):
        return
    if not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = Cluster(home).url()
    os.environ.update(keys.environment(home))
    os.environ.setdefault("CARELINE_FILES", str(home.files))


def speaking(command: Callable[[], int]) -> int:
    """Runs a command; an expected refusal is one sentence and exit code 1, not a traceback."""
    from careline.base.errors import CareError

    try:
        return command()
    except CareError as error:
        speak()
        print(f"careline: {error}", file=sys.stderr)
        return 1


def speak() -> None:
    """Makes messages readable: in the language of the terminal where it is one of ours, else as they are written."""
    from django.conf import settings

    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or "en"
    ours = {code[:2]: code for code, _ in settings.LANGUAGES if code != "en"}
    if spoken[:2] not in ours:
        settings.USE_I18N = False  # spares the whole of Django, which translations need
        return
    import django
    from django.utils import translation

    django.setup()
    translation.activate(ours[spoken[:2]])


if __name__ == "__main__":
    main()
