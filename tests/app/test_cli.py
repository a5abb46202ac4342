"""The command line finds every command under the name the documentation gives it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.core.management import get_commands

OURS = sorted(name for name, app in get_commands().items() if str(app).startswith("careline."))


def test_every_command_can_be_reached_with_a_hyphen():
    assert {"create_administrator", "rebuild_projections", "import_patients", "load_sample", "report"} <= set(OURS)
    assert [name for name in OURS if "-" in name] == []


@pytest.mark.parametrize("words", [("rebuild-projections", "--help"), ("create-administrator", "--help")])
def test_a_command_is_called_as_it_is_written(words):
    done = subprocess.run(
        [sys.executable, "-m", "careline.app.cli", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"careline {words[0].replace('-', '_')}" in done.stdout.replace("cli.py", "careline")
