"""House-keeping of the outbox, once an hour."""

from __future__ import annotations

from procrastinate.contrib.django import app

from careline.base.outbox.actions import clear_done


@app.periodic(cron="23 * * * *")
@app.task(queueing_lock="outbox.clear")
def clear_taken_facts(timestamp: int) -> None:
    clear_done()
