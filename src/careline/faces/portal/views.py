"""The patients' pages. They hold no personal data and need no sign-in; the call itself is the live process's."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from careline.base import phones
from careline.base.organisations.models import Organisation
from careline.base.organisations.words import calling
from careline.care.directory import queries as directory
from careline.care.directory.errors import LineUnknown
from careline.care.directory.models import Notice, PhoneLine, in_language
from careline.care.directory.rules import OpenState

LANGUAGES = dict(settings.LANGUAGES)
HTML_LANG = {"zh-hans": "zh-CN"}  # what browsers and screen readers know; the rest are the same


@require_safe
def lines(request: HttpRequest) -> HttpResponse:
    """Every line that takes web calls, by network."""
    ordered = sorted(directory.web_lines(), key=lambda line: (line.organisation.path, line.name))
    names = dict(Organisation.objects.filter(parent=None).values_list("code", "name"))
    networks = [
        (names[code], list(rows)) for code, rows in groupby(ordered, key=lambda line: line.organisation.root_code)
    ]
    return render(request, "portal/lines.html", {"networks": networks, "html_lang": html_lang(get_language())})


@require_safe
@never_cache
def choose_language(request: HttpRequest, code: str) -> HttpResponse:
    line = known_line(code)
    offered = [(language, LANGUAGES[language]) for language in languages_of(line)]
    chosen = get_language()
    if chosen not in dict(offered):
        chosen = offered[0][0]
    with translation.override(chosen), calling(line.organisation.patient_word):
        return render(request, "portal/language.html", page(line, chosen) | {"offered": offered})


@require_safe
@never_cache
def call(request: HttpRequest, code: str, language: str) -> HttpResponse:
    """One page with every state of a web call; `call.js` shows the one that the live process names."""
    line = known_line(code)
    if language not in LANGUAGES:
        raise Http404
    with translation.override(language), calling(line.organisation.patient_word):
        values = page(line, language)
        values["topics"] = [node.topic for node in directory.topic_tree(line.organisation_id, for_calls=True)]
        now = timezone.now()
        values["windows"] = callback_windows(directory.is_open(line, now), now, zone(line))
        return render(request, "portal/call.html", values)


def known_line(code: str) -> PhoneLine:
    try:
        line = directory.line_by_code(code)
    except LineUnknown as refusal:
        raise Http404 from refusal
    if not line.web_calls:
        raise Http404
    return line


def languages_of(line: PhoneLine) -> list[str]:
    """The line's own languages first, then the others: whoever calls is served, if need be with an interpreter."""
    own = [language for language in line.languages if language in LANGUAGES]
    return own + [language for language in LANGUAGES if language not in own]


def page(line: PhoneLine, language: str) -> dict[str, object]:
    now = timezone.now()
    return {
        "line": line,
        "organisation": line.organisation,
        "language": language,
        "html_lang": html_lang(language),
        "number": shown_number(line.number),
        "hours": directory.is_open(line, now),
        "notices": [in_language(notice.texts, language) for notice in notices(line, now)],
        "zone": zone(line),
        "keep_min": max(1, line.queue.lost_s // 60),
        "demo": settings.DEMO,
    }


def notices(line: PhoneLine, now: datetime) -> list[Notice]:
    return directory.notices_now(line.organisation, now, site_id=line.site_id, for_callers=True)


def html_lang(language: str | None) -> str:
    return HTML_LANG.get(language or "en", language or "en")


def zone(line: PhoneLine) -> ZoneInfo:
    return ZoneInfo(line.hours.timezone if line.hours else line.organisation.timezone)


def shown_number(number: str) -> str:
    """A number as people write it, or as stored when it is none that the world knows (fictional numbers)."""
    if not number:
        return ""
    try:
        return phones.international(phones.read(number))
    except phones.NumberParseException:
        return number


def callback_windows(hours: OpenState, now: datetime, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Half hours of today, one and three hours from now, that end before the line closes (UTC in, local out)."""
    half = timedelta(minutes=30)
    windows = []
    for ahead in (timedelta(hours=1), timedelta(hours=3)):
        raw = (now + ahead).astimezone(zone)
        start = raw.replace(minute=30 * (raw.minute // 30), second=0, microsecond=0) + half
        if hours.open and (hours.closes_at is None or start + half <= hours.closes_at):
            windows.append((start, start + half))
    return windows
