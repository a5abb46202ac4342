"""The wall, the shift and the list, as a browser gets them."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from careline.base.accounts.models import Role
from careline.base.audit.models import AuditRow
from careline.care.directory.models import Notice
from careline.faces import shared
from careline.faces.boards.figures import HEADLINES, board_of, place_of, rules_for, today_of
from careline.oversight.insight.figures import figures, grouped


def text(response) -> str:
    return b"".join(response).decode() if response.streaming else response.content.decode()


def queries(go) -> int:
    shared.forget()
    with CaptureQueriesContext(
        connection,
    ) as taken:
        assert go().status_code == 200
    return len(taken)


def test_board_shows_the_figures_of_the_report(clinic, now):
    clinic.answered(now, wait_s=8)
    clinic.answered(now, wait_s=45)
    clinic.abandoned(now, wait_s=40, number="+380005550177")
    clinic.waiting(now - timedelta(seconds=90))
    reader = clinic.reader()
    counted = figures(place_of(reader), today_of(reader), HEADLINES)
    [level] = grouped(place_of(reader), today_of(reader), ["service_level"], "queue_id", rules_for(20))
    board = board_of(reader)
    assert (board.headlines.offered, board.headlines.answered, board.headlines.abandoned) == (
        counted["volume_offered"], counted["volume_answered"], counted["volume_abandoned"],
    ) == (3, 2, 1)  # fmt: skip
    assert board.headlines.level == board.queues[0].level == int(100 * level["service_level"]) == 33
    assert (board.headlines.waiting, board.queues[0].now.waiting) == (1, 1)
    assert board.queues[0].state == "bad"


def test_wall_names_no_patient_and_shows_four_digits(signed_in, clinic, now):
    clinic.abandoned(now - timedelta(minutes=5), name="Oksana Honcharenko", number="+380005550177")
    clinic.waiting(now, number="+380005550145")
    shown = text(signed_in().get("/board/"))
    assert "··· 01-77" in shown
    assert "Honcharenko" not in shown
    assert "0005550177" not in shown
    assert "ledger to" in shown


def test_wall_costs_the_same_at_one_and_at_three(signed_in, clinic, now):
    client = signed_in()

    def add():
        clinic.abandoned(now - timedelta(minutes=5), number=f"+38000555{clinic.queue.lines.count()}{now.microsecond}")
        clinic.waiting(now)
        clinic.at_work(f"Orlova{AuditRow.objects.count()}{now.microsecond}", "talking", now)

    add()
    client.get("/board/now/")
    one = queries(lambda: client.get("/board/now/"))
    for n in range(2):
        clinic.abandoned(now, number=f"+38000555017{n}")
        clinic.waiting(now)
        clinic.at_work(f"Belova{n}", "talking", now)
    three = queries(lambda: client.get("/board/now/"))
    assert three == one
    again = CaptureQueriesContext(connection)
    with again:
        client.get("/board/now/")
    assert len(again) <= 8  # the session and the person: the board itself is a second old at most


@pytest.mark.parametrize("path", ["/supervise/", "/contacts/"])
def test_lists_cost_the_same_at_one_and_at_three(signed_in, clinic, now, path):
    client = signed_in()
    agent = clinic.at_work("Orlova", "talking", now)
    clinic.answered(now, agent=agent)
    clinic.waiting(now)
    client.get(path)
    one = queries(lambda: client.get(path))
    for _ in range(2):
        clinic.answered(now, agent=agent)
        clinic.waiting(now)
    assert queries(lambda: client.get(path)) == one


@pytest.mark.parametrize("name", ["figures", "alerts", "queues", "agents", "recovery", "day", "waiting", "lines"])
def test_a_tick_fetches_the_part_the_page_was_made_of(signed_in, clinic, now, name):
    clinic.waiting(now)
    client = signed_in()
    part = text(client.get(f"/supervise/parts/{name}/"))
    assert f'id="p-{name}"' in part
    assert f'hx-get="/supervise/parts/{name}/"' in text(client.get("/supervise/"))


def test_whoever_may_not_supervise_sees_no_button(signed_in, clinic, now):
    clinic.waiting(now)
    client = signed_in(Role.UNIT_HEAD)
    shown = text(client.get("/supervise/"))
    assert "··· 01-77" in shown
    assert "/supervise/ask/" not in shown
    assert client.get(f"/supervise/ask/close_queue/{clinic.queue.pk}/").status_code == 403


def test_a_patient_administrator_sees_no_queue(signed_in):
    client = signed_in(Role.PATIENT_ADMINISTRATOR)
    assert client.get("/supervise/").status_code == 403
    assert client.get("/board/").status_code == 403
    assert client.get("/contacts/").status_code == 200
    assert client.post("/contacts/export/").status_code == 403


def test_a_screen_left_open_shows_the_board_and_nothing_else(signed_in, client, clinic):
    signed_in()
    assert client.get("/board/").status_code == 200
    assert client.post("/board/stay/").status_code == 204
    client.cookies.pop("sessionid")
    assert client.get("/board/now/").status_code == 200
    assert client.get("/supervise/").status_code == 302
    clinic.organisation.postings.all().delete()
    assert client.get("/board/now/", headers={"HX-Request": "true"}).status_code == 401


def test_line_is_closed_with_a_reason(signed_in, clinic):
    client = signed_in()
    assert client.post(f"/supervise/lines/{clinic.line.pk}/close/", {"reason": " "}).status_code == 400
    done = client.post(f"/supervise/lines/{clinic.line.pk}/close/", {"reason": "Burst pipe"})
    assert (done.status_code, done["HX-Trigger"]) == (204, "careline:done")
    assert "Line closed: Town line" in text(client.get("/supervise/"))
    client.post(f"/supervise/lines/{clinic.line.pk}/open/", {"reason": "Mended"})
    clinic.line.refresh_from_db()
    assert not clinic.line.closed


def test_emergency_announcement_stands_until_withdrawn(signed_in, clinic):
    client = signed_in()
    assert client.post("/supervise/announce/", {"text_uk": " "}).status_code == 400
    client.post("/supervise/announce/", {"text_en": "The clinic is being evacuated", "for_callers": "1"})
    notice = Notice.objects.get()
    assert (notice.kind, notice.for_callers) == ("emergency", True)
    assert "evacuated" in text(client.get("/board/"))
    client.post(f"/supervise/notices/{notice.pk}/withdraw/")
    shared.forget()
    assert "evacuated" not in text(client.get("/supervise/"))


@pytest.mark.parametrize("what", ["broadcast", "announce"])
def test_questions_of_the_place(signed_in, what):
    assert "<form" in text(signed_in().get(f"/supervise/ask/{what}/"))


def test_questions_name_what_they_change(signed_in, clinic, now):
    client, agent, contact = signed_in(), clinic.at_work("Orlova", "paused", now, "break"), clinic.waiting(now)
    for what, subject in (
        ("close_queue", clinic.queue.pk), ("close-line", clinic.line.pk), ("force", agent.pk),
        ("reorder", contact.pk), ("cancel", contact.pk),
    ):  # fmt: skip
        asked = client.get(f"/supervise/ask/{what}/{subject}/")
        assert asked.status_code == 200
        assert str(subject) in text(asked)
    assert client.get(f"/supervise/ask/force/{contact.pk}/").status_code == 404


def test_list_pages_by_key_and_is_audited(signed_in, clinic, now):
    made = [clinic.answered(now - timedelta(minutes=n)) for n in range(55)]
    client = signed_in()
    first = text(client.post("/contacts/rows/", {}))
    assert first.count("data-opens") == 50
    after = first.split('name="after" value="')[1].split('"')[0]
    rest = text(client.post("/contacts/rows/", {"after": after}))
    assert rest.count("data-opens") == 5
    assert str(made[-1].pk) in rest
    assert AuditRow.objects.filter(action="contact.listed").count() == 2


def test_list_is_narrowed(signed_in, clinic, now):
    clinic.answered(now, name="Petro Halych", number="+380005550101")
    clinic.abandoned(now, name="Iryna Vovk")
    client = signed_in()
    assert "Vovk" not in text(client.post("/contacts/rows/", {"outcome": "answered"}))
    found = text(client.post("/contacts/rows/", {"text": "Vovk"}))
    assert "Vovk" in found
    assert "Halych" not in found
    assert client.post("/contacts/rows/", {"since": "yesterday"}).status_code == 422
    assert client.post("/contacts/rows/", {"queue": "not-one"}).status_code == 422


def test_export_is_the_list_audited_and_safe_for_spreadsheets(signed_in, clinic, now):
    agent = clinic.staff("=cmd")
    clinic.answered(now, agent=agent, name="Petro Halych", number="+380005550101")
    clinic.queue.code = "-town"
    clinic.queue.save()
    answer = signed_in().post("/contacts/export/", {"outcome": "answered"})
    raw = text(answer)
    header, row = csv.reader(io.StringIO(raw.lstrip("\ufeff")))
    said = dict(zip(header, row, strict=True))
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    assert said["agent"] == "'=cmd"
    assert said["queue"] == "'-town"
    assert "Halych" not in raw
    assert AuditRow.objects.get(action="contact.exported").detail["outcome"] == "answered"


def test_card_is_audited(signed_in, clinic, now):
    contact = clinic.answered(now, name="Petro Halych", number="+380005550101")
    shown = text(signed_in().get(f"/contacts/{contact.pk}/"))
    assert "Petro Halych" in shown
    assert AuditRow.objects.filter(action="contact.opened", subject_ids__contains=[contact.pk]).count() == 1
