"""The list of contacts as its page shows it: every cell a finished text, since a page has four hundred of them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from careline.care.contacts.models import ContactSummary
from careline.care.contacts.queries import Listed, Page
from careline.faces.boards.templatetags.boards import channel_icon, patient_name
from careline.faces.wording import moment, phone, span

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """`tone` is how the outcome is shown: "" said, "info" still going on, "warn" missing, "soft" there was none."""

    id: UUID
    icon: str
    at: str
    patients: str
    caller: str
    number: str
    line: str
    topic: str
    outcome: str
    tone: str
    waited: str
    talked: str
    agent: str
    simulated: bool


def rows_of(page: Page) -> list[Row]:
    return [_row(each) for each in page.rows]


def _row(listed: Listed) -> Row:
    summary, caller = listed.summary, listed.caller
    outcome, tone = _outcome(listed, summary)
    return Row(
        id=listed.id,
        icon=channel_icon(summary.channel),
        at=moment(summary.started_at),
        patients=", ".join(patient_name(patient) for patient in listed.patients),
        caller=caller.name if caller else "",
        number=phone(caller.number) if caller and caller.number else "",
        line=listed.line.name if listed.line else NOTHING,
        topic=str(summary.topic or summary.asked_topic or NOTHING),
        outcome=outcome,
        tone=tone,
        waited=span(summary.wait_s),
        talked=span(summary.talk_s) if summary.answered_at else NOTHING,
        agent=summary.agent.get_full_name() if summary.agent else "",
        simulated=summary.simulated,
    )


def _outcome(listed: Listed, summary: ContactSummary) -> tuple[str, str]:
    if summary.outcome:
        return listed.outcome, ""
    if summary.phase != "ended":
        return listed.phase, "info"
    return (_("no outcome"), "warn") if summary.answered_at else (listed.cause, "soft")
