"""The desk's addresses. Each checks who asks, asks one room below, and renders one part of the screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_POST, require_safe

from careline.base.accounts.models import Posting, User
from careline.base.accounts.rights import Reader, postings_now, reader_of
from careline.base.errors import CareError, NotFound
from careline.base.ids import uuid7
from careline.base.limits import limit
from careline.care.contacts import actions as contacts
from careline.care.contacts.drafts import draft_of, keep_draft, save_draft
from careline.care.contacts.erasing import erase_patient, what_goes
from careline.care.contacts.errors import OutcomeUnknown
from careline.care.contacts.models import CallerDetails, Contact, ContactDraft
from careline.care.contacts.queries import Card, asked_topic, attempts_noted, contact_card, history, today
from careline.care.directory.queries import notices_now
from careline.care.patients.actions import create_patient
from careline.care.patients.queries import candidates_for_number, open_patient, search_patients
from careline.faces import noting
from careline.faces.desk import cards
from careline.faces.desk.forms import EraseForm, NewPatientForm, RecordForm
from careline.faces.desk.rules import DENSITIES, THEMES, home_of, outcomes_for
from careline.faces.desk.screens import screens_for
from careline.faces.desk.texts import PAUSES, density_names, island_texts, theme_names
from careline.faces.shared import page, same_for, shared, timezone_of
from careline.switchboard.queries import queue_now, waiting_now

SEARCHES_PER_MINUTE = 120  # a person types, a thief asks without end
NO_CONTACT = UUID(int=0)
A_YEAR_S = 365 * 24 * 3600


def signed_in_user(request: HttpRequest) -> User:
    """Who asks; `part` has made sure that it is somebody."""
    return cast(User, request.user)


# --- the shell ---------------------------------------------------------------------------------------------


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """ "/": to the page of one's role; a stranger to the door."""
    if not request.user.is_authenticated:
        return HttpResponseRedirect(resolve_url(settings.LOGIN_URL))
    return HttpResponseRedirect(reverse(home_of(reader_of(request).role)))


@require_safe
@page()
def shell(request: HttpRequest, reader: Reader) -> HttpResponse:
    posting = Posting.objects.select_related("organisation", "site").get(pk=reader.posting_id)
    me = signed_in_user(request)
    context = {
        "takes_calls": reader.may("calls.take"),
        "may_search": reader.may("patients.search"),
        "in_hall": reader.may("walk_in.log"),
        "may_answer_unwell": reader.may("unwell.answer"),
        "screens": screens_for(reader),
        "pauses": PAUSES,
        "me": _short_name(me),
        "me_full": me.get_full_name() or me.get_username(),
        "posting": f"{posting.get_role_display()}, {posting.site or posting.organisation}",
        "may_switch": len(postings_now(me)) > 1,
        "timezone": timezone_of(reader),
        "themes": theme_names(),
        "theme": request.COOKIES.get("careline_theme", "auto"),
        "densities": density_names(),
        "density": request.COOKIES.get("careline_density", "regular"),
        "languages": settings.LANGUAGES,
        "language": get_language(),
        "texts": island_texts(),
        "no_contact": NO_CONTACT,
        "today": today(reader),
        "queue": _queue_now(reader),
    }
    return render(request, "desk/shell.html", context)


def _short_name(user: Any) -> str:
    if user.last_name and user.first_name and get_language() != "zh-hans":
        return f"{user.last_name} {user.first_name[0]}."
    return user.get_full_name() or user.get_username()


@require_safe
@page()
def signed_in(request: HttpRequest, reader: Reader) -> HttpResponse:
    """Where one signs in again beside a running talk: says so to the desk's own tab."""
    return render(request, "desk/signed_in.html")


@require_POST
@page()
def preferences(request: HttpRequest, reader: Reader) -> HttpResponse:
    """Theme and density belong to the screen one sits at, the language to the person."""
    response = HttpResponse(status=204)
    for name, allowed in (("theme", THEMES), ("density", DENSITIES)):
        if (value := request.POST.get(name)) in allowed:
            response.set_cookie(
                f"careline_{name}", value, max_age=A_YEAR_S, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
            )
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        me = signed_in_user(request)
        me.language = language
        me.save(update_fields=["language"])
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=A_YEAR_S,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
    return response


# --- idle, and the parts a tick fetches again ----------------------------------------------------------------


@require_GET
@page()
def idle(request: HttpRequest, reader: Reader) -> HttpResponse:
    context = _waiting(reader) | _lines(reader) | _tasks(reader) | _notices(reader)
    context |= {
        "takes_calls": reader.may("calls.take"),
        "today": today(reader),
        "colleagues": shared(same_for(reader, "colleagues"), lambda: cards.colleagues(reader)),
        "asks": shared(same_for(reader, "asks"), lambda: cards.asks_today(reader), for_s=15.0),
    }
    return render(request, "desk/idle.html", context)


@require_GET
@page()
def today_part(request: HttpRequest, reader: Reader) -> HttpResponse:
    return render(request, "desk/today.html", {"today": today(reader)})


@require_GET
@page()
def mine_part(request: HttpRequest, reader: Reader) -> HttpResponse:
    return render(request, "desk/mine.html", {"today": today(reader)})


@require_GET
@page("contacts.view")
def queue_now_part(request: HttpRequest, reader: Reader) -> HttpResponse:
    return render(request, "desk/queue_now.html", {"queue": _queue_now(reader)})


@require_GET
@page("contacts.view")
def queue_part(request: HttpRequest, reader: Reader) -> HttpResponse:
    return render(request, "desk/queue.html", _waiting(reader) | {"oob": True})


@require_GET
@page("contacts.view")
def lines_part(request: HttpRequest, reader: Reader) -> HttpResponse:
    return render(request, "desk/lines.html", _lines(reader))


@require_GET
@page("contacts.view")
def tasks_part(request: HttpRequest, reader: Reader) -> HttpResponse:
    return render(request, "desk/tasks.html", _tasks(reader) | {"oob": True})


@require_GET
@page()
def notices_part(request: HttpRequest, reader: Reader) -> HttpResponse:
    return render(request, "desk/notices.html", _notices(reader))


@require_GET
@page("contacts.view")
def colleagues_part(request: HttpRequest, reader: Reader) -> HttpResponse:
    colleagues = shared(same_for(reader, "colleagues"), lambda: cards.colleagues(reader))
    return render(request, "desk/colleagues.html", {"colleagues": colleagues})


def _queue_now(reader: Reader) -> Any:
    if not reader.may("contacts.view"):
        return None
    return shared(same_for(reader, "queue_now"), lambda: queue_now(reader))


def _waiting(reader: Reader) -> dict[str, Any]:
    if not reader.may("contacts.view"):
        return {"waiting": [], "queue": None}
    rows = shared(same_for(reader, "waiting"), lambda: cards.next_up(waiting_now(reader)))
    return {"waiting": rows, "queue": _queue_now(reader)}


def _lines(reader: Reader) -> dict[str, Any]:
    return {"lines": shared(same_for(reader, "lines"), lambda: cards.line_rows(reader))}


def _tasks(reader: Reader) -> dict[str, Any]:
    tasks = cards.tasks_of(reader) if reader.may("contacts.view") else []
    may_record = reader.may("contacts.view") and reader.may("contacts.record")
    return {
        "tasks": tasks,
        "tasks_late": sum(task.late for task in tasks),
        "may_record": may_record,
        "noted": attempts_noted(reader) if may_record else [],
    }


def _notices(reader: Reader) -> dict[str, Any]:
    return {
        "notices": shared(
            same_for(reader, "notices"),
            lambda: notices_now(reader.organisation_id, timezone.now(), site_id=reader.site_id),
        )
    }


@require_POST
@page("contacts.view", "contacts.record")
def note_attempt(request: HttpRequest, reader: Reader, contact_id: UUID) -> HttpResponse:
    """Somebody who gave up was called back. Answers with the tasks as they are now; a refusal stands among them."""
    return _attempts(request, reader, lambda: noting.note(reader, contact_id, request.POST))


@require_POST
@page("contacts.view", "contacts.record")
def undo_attempt(request: HttpRequest, reader: Reader, contact_id: UUID, attempt: UUID) -> HttpResponse:
    return _attempts(request, reader, lambda: noting.undo(reader, contact_id, attempt))


def _attempts(request: HttpRequest, reader: Reader, do: Callable[[], None]) -> HttpResponse:
    context: dict[str, Any] = {"oob": True, "just": True}
    status = 200
    try:
        do()
    except CareError as refusal:
        context |= {"refusal": {"code": refusal.code, "message": str(refusal)}}
        status = refusal.status
    response = render(request, "desk/tasks.html", _tasks(reader) | context, status=status)
    response["HX-Trigger-After-Swap"] = "careline:noted"
    return response


# --- a contact: offered, in talk, written up -----------------------------------------------------------------


@require_GET
@page("calls.take")
def offer(request: HttpRequest, reader: Reader, contact_id: UUID) -> HttpResponse:
    """What one sees before the answer: for which line, who it may be, why, and what to say first."""
    card = contact_card(reader, contact_id)
    context = _seen(request, reader, card)
    template = "desk/offer_strip.html" if request.GET.get("strip") else "desk/offer.html"
    return render(request, template, context)


@require_GET
@page("contacts.record")
def contact(request: HttpRequest, reader: Reader, contact_id: UUID) -> HttpResponse:
    """The screen of one contact, from the first word to the saved outcome."""
    with transaction.atomic():  # two rows of the audit, one commit
        return _contact(request, reader, contact_id)


def _contact(request: HttpRequest, reader: Reader, contact_id: UUID) -> HttpResponse:
    card = contact_card(reader, contact_id)
    draft = draft_of(card.contact)
    context = _dock(card.contact, draft) | _seen(request, reader, card, draft)
    context |= {
        "choosing": True,
        "may_create": reader.may("patients.change"),
        "texts_said": cards.said(card.texts),
        "targets": cards.targets(reader),
        "relations": CallerDetails.Relation.choices,
        "usual_s": shared(("usual", reader.user_id), lambda: today(reader).handle_s, for_s=60.0),
    }
    return render(request, "desk/contact.html", context)


@require_GET
@page("contacts.record")
def before(request: HttpRequest, reader: Reader, contact_id: UUID) -> HttpResponse:
    card = contact_card(reader, contact_id, look=False)
    return render(request, "desk/before.html", _seen(request, reader, card, look=False))


@require_GET
@page("contacts.record")
def facts(request: HttpRequest, reader: Reader, contact_id: UUID) -> HttpResponse:
    card = contact_card(reader, contact_id, look=False)
    return render(request, "desk/facts.html", _seen(request, reader, card, look=False))


@require_GET
@page("calls.take")
def targets(request: HttpRequest, reader: Reader, contact_id: UUID) -> HttpResponse:
    return render(request, "desk/targets.html", {"targets": cards.targets(reader)})


@require_POST
@page("contacts.record")
def emergency(request: HttpRequest, reader: Reader, contact_id: UUID) -> HttpResponse:
    """F9: danger to life. The event `EmergencyFlagged` on the contact's record; the supervisor's screen ticks."""
    contacts.flag_emergency(reader, contact_id, key=_key(request), on=bool(request.POST.get("on")))
    card = contact_card(reader, contact_id, look=False)
    response = render(request, "desk/red_flag.html", _seen(request, reader, card, look=False))
    response["HX-Trigger"] = "careline:contact"
    return response


@require_POST
@page("contacts.record")
def draft(request: HttpRequest, reader: Reader, contact_id: UUID) -> HttpResponse:
    saved = save_draft(reader, contact_id, _typed(request))
    return render(request, "desk/drafted.html", {"drafted_at": saved.changed_at})


@require_POST
@page("contacts.record")
def record(request: HttpRequest, reader: Reader, contact_id: UUID) -> HttpResponse:
    """Topic, outcome, caller, patients and note, once for each key; in wrap-up the next contact may come."""
    form = RecordForm(request.POST)
    try:
        if not form.is_valid() or not form.cleaned_data["outcome"]:
            raise OutcomeUnknown
        with transaction.atomic():
            contact = _recorded(reader, contact_id, form.cleaned_data)
            draft = keep_draft(reader, contact, _typed(request))
    except CareError as refusal:
        draft = save_draft(reader, contact_id, _typed(request))
        context = _dock(draft.contact, draft) | {"refusal": {"code": refusal.code, "message": str(refusal)}}
        return render(request, "desk/dock.html", context, status=refusal.status)
    context = _dock(contact, draft) | {"saved": True, "saved_at": timezone.now()}
    response = render(request, "desk/dock.html", context)
    response["HX-Trigger"] = json.dumps({"careline:recorded": {"contact": str(contact_id)}})
    return response


def _recorded(reader: Reader, contact_id: UUID, said: dict[str, Any]) -> Contact:
    return contacts.record_outcome(
        reader,
        contact_id,
        key=str(said["key"]),
        topic_id=said["topic"],
        outcome=said["outcome"],
        patient_ids=None,  # they were linked when they were found
        caller={"name": said["caller_name"], "relation": said["relation"]},
        note=said["note"],
        next=said["next"],
    )


def _typed(request: HttpRequest) -> dict[str, str]:
    fields = {name: request.POST.get(name, "") for name in ("caller_name", "relation", "note")}
    chosen = {name: request.POST.get(name) or request.POST.get(f"{name}_more", "") for name in ("topic", "outcome")}
    return fields | chosen


def _seen(
    request: HttpRequest, reader: Reader, card: Card, draft: ContactDraft | None = None, *, look: bool = True
) -> dict[str, Any]:
    """What every part about a contact shows: the card, its earlier contacts, its opened patients."""
    past = history(reader, card)
    caller = _caller_so_far(card, draft or draft_of(card.contact))
    may_search = reader.may("patients.search")
    candidates = (
        candidates_for_number(reader, caller.number)
        if look and caller.number and may_search and not card.patients
        else []
    )
    people = (
        [open_patient(reader, patient.pk, reason="contact") for patient in card.patients] if look and may_search else []
    )
    return {
        "card": cards.call_card(card, past, candidates, caller, signed_in_user(request).first_name),
        "history": [cards.past_of(row) for row in past],
        "patients": [cards.person(reader, each) for each in people],
        "flag_key": uuid7(),
        "may_unflag": True,
    }


def _caller_so_far(card: Card, draft: ContactDraft) -> CallerDetails:
    """The caller as known, with what the draft says of them. Never saved."""
    known = card.caller or CallerDetails(contact=card.contact)
    return CallerDetails(contact=card.contact, number=known.number, name=draft.caller_name, relation=draft.relation)


def _dock(contact: Contact, draft: ContactDraft) -> dict[str, Any]:
    asked, summary = asked_topic(contact), getattr(contact, "summary", None)
    proposed = str(asked.pk) if asked else ""
    recorded = summary.recorded_at if summary else None
    if not draft.topic and summary and summary.topic_id:
        draft.topic = str(summary.topic_id)
    if not draft.outcome and summary:
        draft.outcome = summary.outcome
    first, others = outcomes_for(contact.channel)
    chips, more = cards.topics_of(contact.organisation_id, [draft.topic, proposed])
    return {
        "card": contact,
        "draft": draft,
        "drafted_at": draft.changed_at,
        "saved": recorded is not None,
        "saved_at": recorded,
        "key": uuid7(),
        "proposed": proposed,
        "topics_first": chips,
        "topics_more": cards.options_of(more),
        "outcomes_first": first,
        "outcomes_more": others,
    }


def _key(request: HttpRequest) -> str:
    try:
        return str(UUID(request.POST.get("key", "")))
    except ValueError as error:
        raise NotFound from error


# --- patients of a contact -----------------------------------------------------------------------------------


@require_POST
@page("patients.search")
def search(request: HttpRequest, reader: Reader, contact_id: UUID) -> HttpResponse:
    """By POST: what is looked for is personal, and an address is written into logs."""
    limit(f"patient-search:{reader.user_id}", SEARCHES_PER_MINUTE)
    text = request.POST.get("text", "").strip()
    hits = [cards.found(hit) for hit in search_patients(reader, text, limit=12)] if text else []
    context = {"text": text, "hits": hits, "card": {"id": contact_id}, "may_create": reader.may("patients.change")}
    return render(request, "desk/hits.html", context)


@require_POST
@page("contacts.record", "patients.search")
def choose(request: HttpRequest, reader: Reader, contact_id: UUID, patient_id: UUID) -> HttpResponse:
    return _chosen(request, reader, contact_id, add=patient_id)


@require_POST
@page("contacts.record", "patients.search")
def unchoose(request: HttpRequest, reader: Reader, contact_id: UUID, patient_id: UUID) -> HttpResponse:
    return _chosen(request, reader, contact_id, remove=patient_id)


@page("contacts.record", "patients.search", "patients.change")
def new_patient(request: HttpRequest, reader: Reader, contact_id: UUID) -> HttpResponse:
    """A record made while the caller waits: the names, the birth date, the number they call from."""
    card = contact_card(reader, contact_id, look=False)
    if request.method != "POST":
        form = NewPatientForm(initial={"phone": card.caller.number if card.caller else ""})
        return render(request, "desk/new_patient.html", {"form": form, "card": card.contact})
    form = NewPatientForm(request.POST)
    if form.is_valid():
        fields = dict(form.cleaned_data)
        phone = fields.pop("phone")
        try:
            made = create_patient(
                reader, phones=[phone] if phone else [], organisation=None, language=card.contact.language, **fields
            )
        except CareError as refusal:
            form.add_error(None, str(refusal))
        else:
            response = _chosen(request, reader, contact_id, add=made.pk)
            response["HX-Retarget"], response["HX-Reswap"] = "#who", "outerHTML"
            return response
    return render(request, "desk/new_patient.html", {"form": form, "card": card.contact}, status=422)


def _chosen(
    request: HttpRequest, reader: Reader, contact_id: UUID, *, add: UUID | None = None, remove: UUID | None = None
) -> HttpResponse:
    card = contact_card(reader, contact_id, look=False)
    wanted = [patient.pk for patient in card.patients if patient.pk != remove]
    contacts.link_patients(reader, contact_id, [*wanted, add] if add else wanted)
    card = contact_card(reader, contact_id, look=False)
    response = render(request, "desk/who.html", _seen(request, reader, card) | {"choosing": True, "named": True})
    response["HX-Trigger-After-Swap"] = "careline:patients"
    return response


# --- looking somebody up without a contact ---------------------------------------------------------------------


@require_POST
@page("patients.search")
def lookup(request: HttpRequest, reader: Reader) -> HttpResponse:
    limit(f"patient-search:{reader.user_id}", SEARCHES_PER_MINUTE)
    text = request.POST.get("text", "").strip()
    hits = [cards.found(hit) for hit in search_patients(reader, text)] if text else []
    return render(request, "desk/hits.html", {"text": text, "hits": hits})


@require_POST
@page("patients.search")
def open_record(request: HttpRequest, reader: Reader, patient_id: UUID) -> HttpResponse:
    patient = open_patient(reader, patient_id, reason="looked up")
    context = {
        "patient": cards.person(reader, patient),
        "patients": [patient],
        "may_erase": reader.may("patients.erase"),
    }
    return render(request, "desk/patient.html", context)


@require_POST
@page("patients.search", "patients.erase")
def erase(request: HttpRequest, reader: Reader, patient_id: UUID) -> HttpResponse:
    """First how far it reaches; then, with a reason and a tick, it is done. It cannot be undone."""
    if "reason" not in request.POST:
        return _erasing(request, reader, patient_id, EraseForm())
    form = EraseForm(request.POST)
    if form.is_valid():
        try:
            done = erase_patient(reader, patient_id, form.cleaned_data["reason"])
        except NotFound:
            raise
        except CareError as refusal:
            form.add_error("reason", str(refusal))
        else:
            return render(request, "desk/erased.html", {"done": done})
    return _erasing(request, reader, patient_id, form, status=422)


def _erasing(
    request: HttpRequest, reader: Reader, patient_id: UUID, form: EraseForm, status: int = 200
) -> HttpResponse:
    patient = open_patient(reader, patient_id, reason="erasing")
    context = {"patient": cards.person(reader, patient), "form": form, "reach": what_goes(reader, patient_id)}
    return render(request, "desk/erase.html", context, status=status)
