"""Help given in the hall, from a phone: two taps log it, a third calls a doctor. Pages open offline; posts are kept."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from careline.base.accounts.rights import Reader, covered, reader_of
from careline.base.errors import NotFound
from careline.base.organisations.models import Organisation, Site
from careline.care.contacts import actions
from careline.care.contacts.models import UnwellAlert
from careline.care.contacts.projections import show_now
from careline.care.contacts.queries import alerts_open, outcome_label, walk_ins_today
from careline.care.contacts.rules import HALL_OUTCOMES, Outcome
from careline.care.directory.queries import topic_tree
from careline.faces.hall.errors import NotUnderstood
from careline.faces.hall.forms import LogForm, UndoForm, WhereForm

ICONS = {
    Outcome.HELPED: "check",
    Outcome.SHOWN: "ticket",
    Outcome.WALKED: "walk",
    Outcome.PASSED_ON: "transfer",
    Outcome.NOT_SOLVED: "x",
}


@require_safe
@never_cache
def hall(request: HttpRequest) -> HttpResponse:
    """The one page of the hall's phone: what about, how it ended, unwell, my day."""
    reader = reader_of(request)
    reader.require("walk_in.log")
    organisation = Organisation.objects.get(pk=reader.organisation_id)
    sites = list(covered(reader, Site.objects.filter(active=True), site="pk").order_by("name"))
    context = {
        "organisation": organisation,
        "topics": [node.topic for node in topic_tree(reader.organisation_id, for_walk_ins=True)],
        "outcomes": [(each.value, each.label, ICONS[each]) for each in HALL_OUTCOMES],
        "sites": sites,
        "site_id": reader.site_id or (sites[0].pk if sites else None),
        "ambulance": ambulance_of(organisation),
        "answers": reader.may("unwell.answer"),
    }
    return render(request, "hall/hall.html", context)


def ambulance_of(organisation: Organisation) -> str:
    return {"UA": "103", "RU": "103", "CN": "120"}.get(organisation.policy, "112")


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker that lets the page open without a network; its scope is /hall/."""
    names = ["tokens.css", "icons.css", "base.css", "phone.css", "hall.css", "js/hall.js"]
    files = [static(f"careline/{name}") for name in names]
    context = {"page": reverse("hall:hall"), "files": files}
    return render(request, "hall/worker.js", context, content_type="text/javascript")


@require_safe
@never_cache
def day(request: HttpRequest) -> HttpResponse:
    """My day: the last entries and what came of all of them."""
    reader = reader_of(request)
    reader.require("walk_in.log")
    rows = walk_ins_today(reader)
    ended = Counter(row.summary.outcome for row in rows)
    zone = Organisation.objects.values_list("timezone", flat=True).get(pk=reader.organisation_id)
    with timezone.override(ZoneInfo(zone)):
        entries = [(row.summary, outcome_label(row.summary.outcome)) for row in rows[:20]]
        context = {
            "entries": entries,
            "number": len(rows),
            "helped": share(ended[Outcome.HELPED] + ended[Outcome.SHOWN] + ended[Outcome.WALKED], len(rows)),
            "themselves": share(ended[Outcome.SHOWN], len(rows)),
            "not_solved": ended[Outcome.NOT_SOLVED],
        }
        return render(request, "hall/day.html", context)


def share(part: int, whole: int) -> int | None:
    """Per cent, whole; None where there is nothing to have a share of."""
    return round(100 * part / whole) if whole else None


# --- what the phone sends -------------------------------------------------------------------------------------


@require_POST
def log(request: HttpRequest) -> JsonResponse:
    reader = reader_of(request)
    said = checked(LogForm(request.POST))
    contact = actions.log_walk_in(
        reader,
        key=str(said["key"]),
        topic_id=said["topic"],
        outcome=said["outcome"],
        site_id=said["site"],
        place=said["place"],
        at=said["at"],
    )
    show_now([contact.pk])  # "my day" shows it at once; the projector will find the same
    return JsonResponse({"contact": str(contact.pk)}, status=201)


@require_POST
def undo(request: HttpRequest) -> JsonResponse:
    reader = reader_of(request)
    contact = actions.undo_walk_in(reader, checked(UndoForm(request.POST))["contact"])
    show_now([contact.pk])
    return JsonResponse({"contact": str(contact.pk)})


@require_POST
def unwell(request: HttpRequest) -> JsonResponse:
    reader = reader_of(request)
    said = checked(WhereForm(request.POST))
    alert = actions.raise_unwell(reader, key=str(said["key"]), site_id=said["site"], place=said["place"], at=said["at"])
    return JsonResponse(state_of(alert), status=201)


def checked(form: forms.Form) -> dict[str, Any]:
    if not form.is_valid():
        raise NotUnderstood
    return form.cleaned_data


# --- someone is unwell ----------------------------------------------------------------------------------------


@require_safe
@never_cache
def alerts(request: HttpRequest) -> HttpResponse:
    """The doctor's page: who needs me, where, since when."""
    reader = reader_of(request)
    reader.require("unwell.answer")
    return render(request, "hall/alerts.html", listed(reader))


@require_safe
@never_cache
def alerts_list(request: HttpRequest) -> HttpResponse:
    reader = reader_of(request)
    reader.require("unwell.answer")
    return render(request, "hall/alerts_list.html", listed(reader))


def listed(reader: Reader) -> dict[str, object]:
    return {"alerts": alerts_open(reader), "now": timezone.now()}


@require_safe
@never_cache
def alert(request: HttpRequest, alert_id: UUID) -> JsonResponse:
    """How one alert stands, for the phone that raised it."""
    reader = reader_of(request)
    rows = covered(reader, UnwellAlert.objects.select_related("seen_by", "come_by"), shared=True)
    found = rows.filter(pk=alert_id).first()
    if found is None or not (reader.may("walk_in.log") or reader.may("unwell.answer")):
        raise NotFound
    return JsonResponse(state_of(found))


@require_POST
def answer(request: HttpRequest, alert_id: UUID, step: str) -> HttpResponse:
    reader = reader_of(request)
    if step not in {"seen", "come"}:
        raise Http404
    act = actions.see_unwell if step == "seen" else actions.come_unwell
    found = act(reader, alert_id)
    if request.headers.get("HX-Request"):
        return render(request, "hall/alerts_list.html", listed(reader))
    return JsonResponse(state_of(found))


def state_of(alert: UnwellAlert) -> dict[str, object]:
    by = alert.come_by or alert.seen_by
    return {
        "alert": str(alert.pk),
        "raised_at": alert.raised_at.timestamp(),
        "seen_at": alert.seen_at and alert.seen_at.timestamp(),
        "come_at": alert.come_at and alert.come_at.timestamp(),
        "by": by.get_full_name() if by else "",
        "server_now": timezone.now().timestamp(),
    }
