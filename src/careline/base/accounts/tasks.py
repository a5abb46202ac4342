"""House-keeping of sign-in, once an hour."""

from __future__ import annotations

from django.core.management import call_command
from procrastinate.contrib.django import app

from careline.base.accounts.sessions import clear_ended_sessions
from careline.base.limits import clear_limits


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="accounts.clear")
def clear_what_has_ended(timestamp: int) -> None:
    call_command("clearsessions")
    clear_ended_sessions()
    clear_limits()
