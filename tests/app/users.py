"""Runs a scenario as an ordinary user, whoever runs the tests."""

from __future__ import annotations

import os
import pickle
import pwd
import sys
import traceback
from collections.abc import Callable
from typing import Any

ORDINARY = "nobody"


def as_ordinary_user(scenario: Callable[[], Any]) -> Any:
    """What `scenario` gives when an ordinary user runs it: in a fork of this process when the tests run as root."""
    if os.geteuid() != 0:
        return scenario()
    user = pwd.getpwnam(ORDINARY)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_run(scenario, user, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    good, value = pickle.loads(said) if said else (False, f"ended with status {status}")
    assert good, value
    return value


def _run(scenario: Callable[[], Any], user: pwd.struct_passwd, writing: int) -> int:
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    try:
        answer = (True, scenario())
    except BaseException:
        answer = (False, traceback.format_exc())
    with os.fdopen(writing, "wb") as pipe:
        pickle.dump(answer, pipe)
    sys.stdout.flush()
    return 0
