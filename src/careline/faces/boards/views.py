"""The boards' addresses: the wall, the supervisor's screen, the list of contacts."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_POST, require_safe

from careline.base.accounts.models import Posting
from careline.base.accounts.rights import Reader, covered
from careline.base.audit.actions import record
from careline.base.errors import NotFound
from careline.care.contacts.models import LiveState
from careline.care.contacts.queries import contact_card, contacts_list, export_rows, history
from careline.care.directory import actions as directory
from careline.care.directory.models import Notice, PhoneLine, Queue
from careline.care.directory.queries import is_open, lines, notices_now, queues
from careline.faces.boards.figures import Board, board_of, key_of
from careline.faces.boards.forms import FiltersForm
from careline.faces.boards.listing import rows_of
from careline.faces.boards.rules import last_four, safe_cell
from careline.faces.boards.story import told
from careline.faces.boards.wallscreen import leave_with, stays, wall_reader
from careline.faces.shared import forget, page, shared, timezone_of
from careline.switchboard.queries import Waiting, agents_now, waiting_now

# What fits on 1920x1080. What is left out is counted, never silently dropped.
WALL_GROUPS = {"talk": 24, "hold": 2, "ring": 2, "wrap": 7, "ready": 3, "away": 7, "train": 2}
WALL_QUEUES, WALL_ALERTS, WALL_RECOVERY = 8, 4, 6

# --- the wall ------------------------------------------------------------------------------------------------------


@require_safe
@page("queues.view", who=wall_reader)
def wall(request: HttpRequest, reader: Reader) -> HttpResponse:
    context = _wall(board_of(reader)) | _place(reader) | {"stays": stays(request), "signed_in": _signed_in(request)}
    return render(request, "boards/wall.html", context)


@require_GET
@page("queues.view", who=wall_reader)
def wall_now(request: HttpRequest, reader: Reader) -> HttpResponse:
    return render(request, "boards/wall_now.html", _wall(board_of(reader)))


@require_POST
@page("queues.view")
def stay(request: HttpRequest, reader: Reader) -> HttpResponse:
    """Leave this screen showing the board when nobody is signed in any more."""
    record(reader, "wall.left_open", "posting", [reader.posting_id])
    response = HttpResponse(status=204, headers={"HX-Refresh": "true"})
    leave_with(response, reader)
    return response


def _wall(board: Board) -> dict[str, Any]:
    groups = [(group, group.agents[: WALL_GROUPS[group.name]], len(group.agents)) for group in board.groups]
    trouble = sorted(board.queues, key=lambda row: {"bad": 0, "warn": 1}.get(row.state, 2))[:WALL_QUEUES]
    shown = [row for row in board.queues if row in trouble]
    return {
        "board": board,
        "queues": shown,
        "queues_left": len(board.queues) - len(shown),
        "alerts": board.alerts[:WALL_ALERTS],
        "alerts_left": max(0, len(board.alerts) - WALL_ALERTS),
        "groups": [(group, agents, total - len(agents)) for group, agents, total in groups],
        "recovery": board.recovery[:WALL_RECOVERY],
        "recovery_left": max(0, board.to_recover - WALL_RECOVERY),
    }


def _place(reader: Reader) -> dict[str, Any]:
    posting = Posting.objects.select_related("organisation", "site", "user").get(pk=reader.posting_id)
    return {
        "place": str(posting.site or posting.organisation),
        "me": posting.user.get_full_name() or posting.user.get_username(),
        "may_supervise": reader.may("supervise"),
        "may_list": reader.may("contacts.view"),
        "may_see_queues": reader.may("queues.view"),
        "may_call": reader.may("calls.take"),
        "now": timezone.now(),
        "timezone": timezone_of(reader),
    }


def _signed_in(request: HttpRequest) -> bool:
    return bool(request.user.is_authenticated)


# --- the supervisor ------------------------------------------------------------------------------------------------


def _figures(reader: Reader) -> dict[str, Any]:
    return {"board": board_of(reader)}


def _waiting(reader: Reader) -> dict[str, Any]:
    rows = shared(key_of(reader, "waiting"), lambda: waiting_now(reader, 100))
    return {"waiting": [(row, _digits(row)) for row in rows], "now": timezone.now()}


def _digits(row: Waiting) -> str:
    caller = getattr(row.contact, "caller", None)
    return last_four(caller.number) if caller else ""


def _lines(reader: Reader) -> dict[str, Any]:
    now = timezone.now()
    return {
        "lines": shared(key_of(reader, "lines"), lambda: [(line, is_open(line, now)) for line in lines(reader)]),
        "notices": notices_now(reader.organisation_id, now, site_id=reader.site_id),
    }


PARTS = {
    "figures": _figures,
    "alerts": _figures,
    "queues": _figures,
    "agents": _figures,
    "recovery": _figures,
    "day": _figures,
    "waiting": _waiting,
    "lines": _lines,
}


@require_safe
@page("queues.view")
def supervise(request: HttpRequest, reader: Reader) -> HttpResponse:
    context = _place(reader) | _figures(reader) | _waiting(reader) | _lines(reader) | {"here": "supervise"}
    return render(request, "boards/supervise.html", context)


@require_GET
@page("queues.view")
def supervise_part(request: HttpRequest, reader: Reader, name: str) -> HttpResponse:
    if name not in PARTS:
        raise NotFound
    context = PARTS[name](reader) | {"may_supervise": reader.may("supervise")}
    return render(request, f"boards/parts/{name}.html", context)


# --- what a supervisor orders: the question, with its words, before the deed ------------------------------------------


@require_GET
@page("supervise")
def ask(request: HttpRequest, reader: Reader, what: str, subject: UUID | None = None) -> HttpResponse:
    """The form of one action. Those of the phone are posted to the live process, the directory's come back here."""
    if what not in ASKS:
        raise NotFound
    template, find = ASKS[what]
    context = {"what": what, "subject": subject, "named": find(reader, subject), "languages": _languages(reader)}
    return render(request, f"boards/ask/{template}.html", context)


def _languages(reader: Reader) -> list[tuple[str, str]]:
    """The organisation's languages, the reader's own first."""
    spoken = Posting.objects.values_list("organisation__languages", flat=True).get(pk=reader.posting_id)
    names, own = dict(settings.LANGUAGES), str(get_language())
    wanted = [own, *(code for code in spoken or names if code != own)]
    return [(code, names[code]) for code in wanted if code in names]


def _queue_named(reader: Reader, subject: Any) -> Any:
    return _found(covered(reader, Queue.objects.all(), shared=True).filter(pk=subject).first())


def _line_named(reader: Reader, subject: Any) -> Any:
    return _found(covered(reader, PhoneLine.objects.all(), shared=True).filter(pk=subject).first())


def _agent_named(reader: Reader, subject: Any) -> Any:
    return _found(next((agent for agent in agents_now(reader) if agent.user.pk == subject), None))


def _contact_named(reader: Reader, subject: Any) -> Any:
    mine = [str(queue.pk) for queue in queues(reader)]
    state = LiveState.objects.filter(subject=subject, kind="contact", state__queue__in=mine).first()
    return _found(state)


def _notice_named(reader: Reader, subject: Any) -> Any:
    return _found(covered(reader, Notice.objects.all(), shared=True).filter(pk=subject).first())


def _none_named(reader: Reader, subject: Any) -> Any:
    return None


def _found(row: Any) -> Any:
    if row is None:
        raise NotFound
    return row


ASKS = {
    "close_queue": ("queue", _queue_named),
    "open_queue": ("queue", _queue_named),
    "close-line": ("line", _line_named),
    "open-line": ("line", _line_named),
    "force": ("force", _agent_named),
    "reorder": ("reorder", _contact_named),
    "cancel": ("cancel", _contact_named),
    "broadcast": ("broadcast", _none_named),
    "announce": ("announce", _none_named),
    "withdraw": ("withdraw", _notice_named),
}


@require_POST
@page("supervise")
def announce(request: HttpRequest, reader: Reader) -> HttpResponse:
    """An emergency announcement: said to callers, shown on every desk, until it is withdrawn."""
    texts = {code: request.POST.get(f"text_{code}", "") for code, _name in settings.LANGUAGES}
    directory.announce(reader, texts, Notice.Kind.EMERGENCY, for_callers=bool(request.POST.get("for_callers")))
    return _done()


@require_POST
@page("supervise")
def withdraw(request: HttpRequest, reader: Reader, notice_id: UUID) -> HttpResponse:
    directory.withdraw_notice(reader, notice_id)
    return _done()


@require_POST
@page("supervise")
def close_line(request: HttpRequest, reader: Reader, line_id: UUID) -> HttpResponse:
    directory.close_line(reader, line_id, request.POST.get("reason", ""))
    return _done()


@require_POST
@page("supervise")
def open_line(request: HttpRequest, reader: Reader, line_id: UUID) -> HttpResponse:
    directory.open_line(reader, line_id, request.POST.get("reason", ""))
    return _done()


def _done() -> HttpResponse:
    """Nothing to show: the page closes the question and fetches its parts again."""
    forget()
    return HttpResponse(status=204, headers={"HX-Trigger": "careline:done"})


# --- the list of contacts ---------------------------------------------------------------------------------------


@require_safe
@page("contacts.view")
def contacts(request: HttpRequest, reader: Reader) -> HttpResponse:
    form = FiltersForm(reader)
    found = contacts_list(reader, form.filters())
    context = _place(reader) | {
        "here": "contacts",
        "form": form,
        "page": found,
        "rows": rows_of(found),
        "may_export": reader.may("contacts.export"),
    }
    return render(request, "boards/contacts.html", context)


@require_POST
@page("contacts.view")
def contact_rows(request: HttpRequest, reader: Reader) -> HttpResponse:
    """By POST: what is looked for is personal, and an address is written into logs."""
    form = FiltersForm(reader, request.POST)
    if not form.is_valid():
        return render(request, "boards/contact_errors.html", {"form": form}, status=422)
    after = request.POST.get("after", "")
    found = contacts_list(reader, form.filters(), after=after, look=not request.POST.get("again"))
    template = "boards/contact_more.html" if after else "boards/contact_rows.html"
    return render(request, template, {"page": found, "rows": rows_of(found)})


@require_POST
@page("contacts.export")
def export(request: HttpRequest, reader: Reader) -> Any:
    """The list as a file, written while it is read: a year of contacts fits into no memory."""
    form = FiltersForm(reader, request.POST)
    if not form.is_valid():
        return render(request, "boards/contact_errors.html", {"form": form}, status=422)
    rows = export_rows(reader, form.filters())
    response = StreamingHttpResponse(_csv(rows), content_type="text/csv; charset=utf-8")
    name = f"contacts-{timezone.localdate():%Y-%m-%d}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


class _Echo:
    """What csv writes, handed straight on."""

    def write(self, text: str) -> str:
        return text


def _csv(rows: Iterator[list[str]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff"  # spreadsheets take a file without the mark for Latin letters
    for row in rows:
        yield writer.writerow([safe_cell(cell) for cell in row])


@require_GET
@page("contacts.view")
def contact(request: HttpRequest, reader: Reader, contact_id: UUID) -> HttpResponse:
    """One contact beside the list: who, what for, what came of it, and how it went, step by step."""
    card = contact_card(reader, contact_id)
    context = {"card": card, "steps": told(card.story), "earlier": history(reader, card, limit=5)}
    return render(request, "boards/contact_card.html", context)
