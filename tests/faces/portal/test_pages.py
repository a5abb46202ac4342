"""The patients' pages without a call: what stands on them, in which language, at which hour."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.template import Context, Template
from django.utils import translation

from careline.base.organisations.models import Organisation
from careline.care.directory.models import PhoneLine
from careline.care.directory.rules import OpenState
from careline.faces.portal.views import callback_windows

KYIV = ZoneInfo("Europe/Kyiv")


@pytest.mark.django_db
def test_lines_of_every_network_are_listed(client, line):
    page = client.get("/call/").content.decode()
    assert f'href="/call/{line.code}/"' in page


@pytest.mark.django_db
def test_language_page_offers_the_lines_own_languages_first(client, line):
    page = client.get(f"/call/{line.code}/").content.decode()
    offered = sorted(dict(settings.LANGUAGES), key=lambda c: page.index(f'hreflang="{c}"'))
    assert offered[: len(line.languages)] == line.languages


@pytest.mark.django_db
@pytest.mark.parametrize("language", [code for code, _ in settings.LANGUAGES])
def test_call_page_speaks_the_chosen_language(client, line, language):
    page = client.get(f"/call/{line.code}/{language}/").content.decode()
    assert f'lang="{"zh-CN" if language == "zh-hans" else language}"' in page
    assert f'href="tel:{line.emergency_number}"' in page


@pytest.mark.django_db
@pytest.mark.parametrize("word", ["patient", "client"])
def test_call_page_calls_people_as_the_site_does(client, line, word):
    Organisation.objects.filter(pk=line.organisation_id).update(patient_word=word)
    assert f"date of birth of the {word}" in client.get(f"/call/{line.code}/en/").content.decode()


@pytest.mark.django_db
def test_call_page_asks_few_queries(client, line, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        client.get(f"/call/{line.code}/uk/")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/call/no-such-line/", "/call/no-such-line/uk/"])
def test_unknown_line_is_not_found(client, line, address):
    assert client.get(address).status_code == 404


@pytest.mark.django_db
def test_unknown_language_is_not_found(client, line):
    assert client.get(f"/call/{line.code}/xx/").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("uk", "Такої сторінки немає"),
        ("ru", "Такой страницы нет"),
        ("pl", "Nie ma takiej strony"),
        ("zh-hans", "页面"),
        ("en", "There is no such page"),
    ],
)
def test_what_is_not_there_is_said_in_the_language_of_the_address(client, line, language, told):
    answer = client.get(f"/call/nowhere/{language}/", headers={"Accept-Language": "en"})
    assert answer.status_code == 404
    assert told in answer.content.decode()
    assert 'href="/call/"' in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_wrong_method_is_said_in_words(client, line, method):
    answer = getattr(client, method)(f"/call/{line.code}/en/")
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD"
    assert "This address does not take such a request." in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "end", ["%ff/", "%00/", "%F0%9F%98%80/", "a" * 4000 + "/", "en/?a=1&a=2&%ff=%ff", "..%2f..%2fetc/"]
)
def test_odd_addresses_are_answered(client, line, end):
    assert client.get(f"/call/{line.code}/{end}").status_code in (200, 404)


@pytest.mark.django_db
def test_closed_line_says_when_it_answers_again(client, line):
    PhoneLine.objects.filter(id=line.id).update(closed=True)
    page = client.get(f"/call/{line.code}/en/").content.decode()
    assert 'data-state="closed"' in page
    assert 'data-state="topic"' not in page


def test_callback_windows_lie_ahead_and_end_before_closing():
    now = datetime(2026, 3, 2, 8, 40, tzinfo=UTC)  # 10:40 in Kyiv
    closes = datetime(2026, 3, 2, 16, 0, tzinfo=KYIV)
    windows = callback_windows(OpenState(True, None, closes, "open"), now, KYIV)
    assert [(a.strftime("%H:%M"), b.strftime("%H:%M")) for a, b in windows] == [("12:00", "12:30"), ("14:00", "14:30")]


def test_no_callback_window_reaches_past_closing():
    now = datetime(2026, 3, 2, 13, 10, tzinfo=UTC)  # 15:10 in Kyiv
    closes = datetime(2026, 3, 2, 16, 0, tzinfo=KYIV)
    assert callback_windows(OpenState(True, None, closes, "open"), now, KYIV) == []


@pytest.mark.parametrize(
    ("language", "day"),
    [
        ("uk", "субота, 7 листопада"),
        ("ru", "суббота, 7 ноября"),
        ("pl", "sobota, 7 listopada"),
        ("zh-hans", "星期六, 11月7日"),
        ("en", "Saturday, November 7"),
    ],
)
def test_the_day_of_reopening_is_written_as_in_a_sentence(language, day):
    template = Template('{% load portal %}{{ at|weekday }}, {{ at|date:"MONTH_DAY_FORMAT" }}')
    with translation.override(language):
        assert template.render(Context({"at": datetime(2026, 11, 7, 8, 0, tzinfo=UTC)})) == day
