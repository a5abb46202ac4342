"""`careline`: the command line. Our own commands first, Django's management commands for the rest."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "careline.app.settings")
    from django.core.management import execute_from_command_line

    if len(sys.argv) > 1:
        sys.argv[1] = sys.argv[1].replace("-", "_") if not sys.argv[1].startswith("-") else sys.argv[1]
    execute_from_command_line(sys.argv)
