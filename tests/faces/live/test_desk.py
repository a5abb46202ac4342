"""The desk: who may open it, what its buttons do, what happens when its browser goes."""

from __future__ import annotations

import itertools
import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.utils import timezone

from careline.base.accounts.models import Role, WorkSession
from careline.base.audit.models import AuditRow
from careline.core.acd.model import AgentPaused, AgentSignedIn, AgentSignedOut, ContactReordered, TalkTransferred
from careline.faces.live.limits import Rate
from careline.faces.live.orm import Orm
from careline.switchboard.errors import Unavailable
from tests.faces.live.conftest import in_db

ACTIONS = "/live/desk/actions"


async def test_nobody_opens_a_desk_without_a_session(running):
    refused = await running.browser().http.get("/live/desk/events")
    assert (refused.status_code, refused.json()["error"]) == (401, "not_signed_in")


async def test_a_button_needs_the_csrf_token_and_our_own_origin(running, staff):
    desk = running.desk(await in_db(staff, "oksana"))
    for headers in ({"X-CSRFToken": "wrong"}, {"Origin": "https://elsewhere.example"}):
        refused = await desk.post(ACTIONS, {"action": "ready"}, **headers)
        assert (refused.status_code, refused.json()["error"]) == (403, "bad_origin")


async def test_opening_the_desk_is_not_yet_work(running, staff):
    phone = await running.desk(await in_db(staff, "oksana")).listen("/live/desk/events")
    assert (await phone.until("phone"))["presence"] == "offline"
    assert running.switchboard.events(AgentSignedIn) == []


async def test_a_pressed_button_is_work_and_a_locked_desk_begins_nothing_new(running, staff_at_work):
    desk, _phone, olena = await staff_at_work("olena")
    key = olena.cookie

    def idle_for(seconds: float) -> None:
        seen = timezone.now() - timedelta(seconds=seconds)
        WorkSession.objects.update_or_create(session_key=key, defaults={"user": olena.user, "seen_at": seen})

    def seen_ago_s() -> float:
        return (timezone.now() - WorkSession.objects.get(session_key=key).seen_at).total_seconds()

    await in_db(idle_for, 120)
    running.live._worked.clear()
    assert (await desk.post(ACTIONS, {"action": "pause", "reason": "break"})).status_code == 200
    assert await in_db(seen_ago_s) < 60

    await in_db(idle_for, settings.SESSION_IDLE_S + 60)
    running.live._worked.clear()
    assert (await desk.post(ACTIONS, {"action": "ready"})).json()["error"] == "not_signed_in"
    assert (await desk.post(ACTIONS, {"action": "pause", "reason": "lunch"})).status_code == 200
    assert await in_db(seen_ago_s) > settings.SESSION_IDLE_S


async def test_two_tabs_show_the_same_and_a_double_click_does_once(running, staff_at_work):
    desk, first, _ = await staff_at_work("oksana")
    second = await desk.listen("/live/desk/events")
    body = {"action": "pause", "reason": "lunch", "key": str(uuid.uuid4())}
    assert [(await desk.post(ACTIONS, body)).status_code for _ in range(2)] == [200, 200]
    for tab in (first, second):
        assert (await tab.until("phone", lambda p: p["reason"] == "lunch"))["presence"] == "paused"
    assert len(running.switchboard.events(AgentPaused)) == 1


async def test_of_two_tabs_the_first_to_answer_or_to_leave_counts_and_both_show_it(running, staff_at_work):
    desk, first, _ = await staff_at_work("oksana")
    second = await desk.listen("/live/desk/events")
    _, _, contact = await running.call()
    offer = (await second.until("phone", lambda p: p["work"]))["work"][0]["offer"]
    answer = {"action": "answer", "contact": contact, "offer": offer}
    assert [(await desk.post(ACTIONS, answer)).status_code for _ in range(2)] == [200, 409]
    for tab in (first, second):
        await tab.until("phone", lambda p: p["work"] and p["work"][0]["phase"] == "talking")

    assert [(await desk.post(ACTIONS, {"action": "end"})).status_code for _ in range(2)] == [200, 409]
    assert (await desk.post(ACTIONS, {"action": "wrap_up_done", "contact": contact})).status_code == 200
    assert [(await desk.post(ACTIONS, {"action": "sign_out"})).status_code for _ in range(2)] == [200, 409]
    assert (await desk.post(ACTIONS, {"action": "ready"})).status_code == 200


async def test_a_button_pressed_too_late_is_refused_in_the_persons_language(running, staff_at_work):
    desk, _, _ = await staff_at_work("oksana")
    refused = await desk.post(ACTIONS, {"action": "answer", "contact": str(uuid.uuid4()), "offer": "gone"})
    assert (refused.status_code, refused.json()["error"]) == (409, "too_late")


@pytest.mark.parametrize("body", [{"action": "fly"}, {"action": "answer"}, {"key": "not a uuid"}, {"action": 7}])
async def test_nonsense_is_a_bad_request(running, staff_at_work, body):
    desk, _, _ = await staff_at_work("oksana")
    refused = await desk.post(ACTIONS, body)
    assert (refused.status_code, refused.json()["error"]) == (400, "bad_request")


async def test_a_browser_that_vanishes_is_paused_and_then_signed_out(running, staff_at_work):
    _, events, _ = await staff_at_work("oksana")
    await events.gone()
    assert (await running.switchboard.until(AgentPaused)).reason == "vanished"
    assert (await running.switchboard.until(AgentSignedOut)).reason == "vanished"


async def test_a_talk_outlives_the_desks_browser(running, staff_at_work):
    desk, phone, oksana = await staff_at_work("oksana")
    _, page, contact = await running.call()
    offer = (await phone.until("phone", lambda p: p["work"]))["work"][0]["offer"]
    await desk.post(ACTIONS, {"action": "answer", "contact": contact, "offer": offer})
    await page.until("state", lambda s: s["phase"] == "talking")
    await phone.gone()
    await running.switchboard.until(AgentPaused)
    assert running.switchboard.events(AgentSignedOut) == []
    again = await desk.listen("/live/desk/events")
    [work] = (await again.until("phone"))["work"]
    assert (work["contact"], work["phase"], work["talk"]) == (contact, "talking", 1)
    assert running.switchboard.router.agent(oksana.id).work == (contact,)


async def test_hold_resume_and_a_transfer_to_a_colleague(running, staff_at_work):
    desk, phone, _ = await staff_at_work("oksana")
    _, page, contact = await running.call()
    offer = (await phone.until("phone", lambda p: p["work"]))["work"][0]["offer"]
    await desk.post(ACTIONS, {"action": "answer", "contact": contact, "offer": offer})
    await desk.post(ACTIONS, {"action": "hold"})
    await page.until("state", lambda s: s["phase"] == "held")
    await desk.post(ACTIONS, {"action": "resume"})
    other, ringing, marta = await staff_at_work("marta")
    await desk.post(ACTIONS, {"action": "transfer", "contact": contact, "agent": marta.id})
    assert running.switchboard.events(TalkTransferred)[0].to_agent == marta.id
    offer = (await ringing.until("phone", lambda p: p["work"]))["work"][0]["offer"]
    await other.post(ACTIONS, {"action": "answer", "contact": contact, "offer": offer})
    second = await page.until("state", lambda s: s["talk"] == 2)
    assert (second["phase"], second["agent"]) == ("talking", "Marta")
    writing = await phone.until("phone", lambda p: [w["phase"] for w in p["work"]] == ["wrap_up"])
    assert writing["work"][0]["contact"] == contact


async def test_only_a_supervisor_of_that_place_orders_and_says_why(running, staff_at_work, staff, clinic):
    _, _, contact = await running.call()
    order = {"action": "reorder", "contact": contact, "head_start_s": 600, "reason": "came twice today"}
    operator, _, _ = await staff_at_work("oksana")
    neighbour = running.desk(await in_db(staff, "petro", Role.SUPERVISOR, clinic.other))
    head = await in_db(staff, "iryna", Role.SUPERVISOR)
    supervisor = running.desk(head)
    for browser in (operator, neighbour):
        assert (await browser.post(ACTIONS, order)).status_code == 403
    silent = await supervisor.post(ACTIONS, {**order, "reason": " "})
    assert (silent.status_code, silent.json()["error"]) == (400, "reason_missing")
    assert (await supervisor.post(ACTIONS, order)).status_code == 200
    [event] = running.switchboard.events(ContactReordered)
    assert (event.by, event.reason) == (head.id, "came twice today")
    row = await in_db(AuditRow.objects.get)
    assert (row.action, [str(i) for i in row.subject_ids]) == ("contact.reordered", [contact])


async def test_a_broadcast_is_heard_below_and_not_beside(running, staff, clinic):
    here = await running.desk(await in_db(staff, "oksana")).listen("/live/desk/events")
    beside = await running.desk(await in_db(staff, "petro", Role.OPERATOR, clinic.other)).listen("/live/desk/events")
    supervisor = running.desk(await in_db(staff, "iryna", Role.SUPERVISOR))
    assert (await supervisor.post(ACTIONS, {"action": "broadcast", "text": "Tea is ready"})).status_code == 200
    assert (await here.until("notice"))["text"] == "Tea is ready"
    assert beside.all("notice") == []


async def test_a_session_that_ends_ends_the_stream_and_no_talk(running, staff_at_work):
    _, phone, oksana = await staff_at_work("oksana")
    await phone.until("phone")
    await running.live.desks.check_sessions()
    assert not phone.over
    await in_db(Session.objects.filter(session_key=oksana.cookie).delete)
    await running.live.desks.check_sessions()
    await phone.until("signed_out")
    await phone.end()


async def test_while_the_database_is_away_the_same_request_may_be_sent_again(running, staff_at_work):
    desk, phone, _ = await staff_at_work("oksana")
    body = {"action": "pause", "reason": "lunch", "key": str(uuid.uuid4())}
    running.switchboard.failure = Unavailable()
    away = await desk.post(ACTIONS, body)
    assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
    running.switchboard.failure = None
    assert (await desk.post(ACTIONS, body)).status_code == 200
    await phone.until("phone", lambda p: p["presence"] == "paused")


async def test_every_page_is_told_while_nothing_is_saved_and_nobody_is_shown_more_than_that(running, staff_at_work):
    desk, phone, _ = await staff_at_work("oksana")
    patient, page, _ = await running.call()
    running.switchboard.unanswered_s = 5.0
    for stream in (phone, page):
        await stream.until("saving", lambda said: said["waits"])
    for browser, address in ((desk, "/live/desk/events"), (patient, "/live/call/events")):
        refused = await browser.http.get(address)
        assert (refused.status_code, refused.json()["error"]) == (503, "database_away")
    assert (await desk.http.get("/live/healthz")).status_code == 503
    running.switchboard.unanswered_s = 0.0
    for stream in (phone, page):
        await stream.until("saving", lambda said: not said["waits"])


async def test_a_database_that_breaks_under_a_request_is_an_outage_and_no_bug(running, staff_at_work, monkeypatch):
    desk, _, _ = await staff_at_work("oksana")

    async def away(*_):
        raise OperationalError("gone")

    monkeypatch.setattr(Orm, "__call__", away)
    refused = await desk.post(ACTIONS, {"action": "broadcast", "text": "x"})
    running.live._worked.clear()
    pressed = await desk.post(ACTIONS, {"action": "ready"})
    assert refused.status_code == 403
    assert (pressed.status_code, pressed.json()["error"], pressed.headers["Retry-After"]) == (503, "database_away", "1")


ODD = [[], {}, [1], 7, 1.5, True, False, "", "x" * 300, "\x00", 10**30, -1, "😀", "%s %(a)s {0}", None]


async def test_no_odd_value_in_any_action_is_more_than_refused(running, staff_at_work):
    """Each field of each action, at a desk whose phone rings and at the page that waits for it."""
    desk, phone, _ = await staff_at_work("oksana", Role.SUPERVISOR)
    patient, _, contact = await running.call()
    fields = {
        "contact": contact, "offer": "x", "reason": "x", "queue": contact, "agent": contact, "data": {}, "talk": 1,
        "text": "x", "presence": "ready", "head_start_s": 1, "emergency": True, "not_before": 1, "rating": 1,
    }  # fmt: skip
    at_desk = ["answer", "decline", "hold", "resume", "end", "wrap_up_done", "transfer", "signal", "text"]
    at_desk += ["force", "reorder"]
    at_page = ["callback_answer", "callback_decline", "signal", "rate"]
    running.live.desks._actions._rate = Rate(burst=10_000, per_minute=10_000)
    told = set()
    for browser, address, actions in ((desk, ACTIONS, at_desk), (patient, "/live/call/actions", at_page)):
        for action, (field, odd) in itertools.product(actions, itertools.product(fields, ODD[::4])):
            told.add((await browser.post(address, {**fields, "action": action, field: odd})).status_code)
    assert told <= {200, 400, 403, 409, 413, 429}
    await phone.until("phone")


@pytest.mark.parametrize(
    "content",
    [
        b"[]", b"null", b"7", b'"x"', b"{", b'{"key": NaN}', b'{"key": 1e400}', b'{"key": "\\ud800"}', b'{"key": "\xff"}',
        b'{"key": ' + b"9" * 4000 + b"}", b"[" * 30_000, b'{"a":' * 10_000,
    ],
)  # fmt: skip
async def test_what_is_no_object_is_a_bad_request(running, staff_at_work, content):
    desk, _, _ = await staff_at_work("oksana")
    token = "t" * 32
    desk.http.cookies.set(settings.CSRF_COOKIE_NAME, token)
    headers = {"Origin": running.base, "X-CSRFToken": token}
    refused = await desk.http.post(ACTIONS, content=content, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/live/call", 405, "wrong_method"), ("POST", "/live/desk/events", 405, "wrong_method"),
     ("GET", "/live/nothing", 404, "not_found")],
)  # fmt: skip
async def test_an_address_that_is_none_is_refused_in_the_readers_language(running, method, path, status, code):
    refused = await running.browser().http.request(method, path, headers={"Accept-Language": "en"})
    assert (refused.status_code, refused.json()["error"]) == (status, code)
    assert refused.json()["message"]


async def test_ticks_name_what_changed_for_those_whose_posting_covers_it(running, staff, clinic):
    here = await running.desk(await in_db(staff, "oksana")).listen("/live/desk/events")
    beside = await running.desk(await in_db(staff, "petro", Role.OPERATOR, clinic.other)).listen("/live/desk/events")
    _, _, contact = await running.call()
    await here.until("tick", lambda t: "queues" in t["what"])
    tick = await here.until("tick", lambda t: f"contact:{contact}" in t["what"])
    assert {"contacts", "wallboard"} <= set(tick["what"])
    assert beside.all("tick") == []
