"""A patient's page from its first request to the rating, against the real router."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

from careline.core.acd.model import CallerBack, CallerLost, ContactQueued, Need, PatientUnreached, QueueSet
from tests.faces.live.conftest import in_db, start


async def test_a_patient_calls_an_operator_answers_and_both_speak_until_the_end(running, staff_at_work):
    desk, phone, _ = await staff_at_work("oksana")
    patient, page, contact = await running.call(topic="booking")
    ringing = await phone.until("phone", lambda p: any(w["phase"] == "offered" for w in p["work"]))
    offer = ringing["work"][0]
    assert offer["contact"] == contact
    assert offer["until"] > ringing["server_now"]

    await desk.post("/live/desk/actions", {"action": "answer", "contact": contact, "offer": offer["offer"]})
    talking = await page.until("state", lambda s: s["phase"] == "talking")
    assert (talking["agent"], talking["talk"]) == ("Oksana", 1)

    hello = {"kind": "hello", "session": "s1"}
    await desk.post("/live/desk/actions", {"action": "signal", "contact": contact, "talk": 1, "data": hello})
    assert await page.until("signal") == {"talk": 1, "data": hello}
    answer = {"kind": "offer", "session": "s1", "sdp": "v=0"}
    await patient.post("/live/call/actions", {"action": "signal", "data": answer})
    assert await phone.until("signal") == {"contact": contact, "talk": 1, "data": answer}

    await desk.post("/live/desk/actions", {"action": "end", "contact": contact})
    over = await page.until("state", lambda s: s["phase"] == "ended")
    assert over["cause"] == "completed"
    assert (await patient.post("/live/call/actions", {"action": "rate", "rating": 5})).status_code == 200


async def test_the_contact_asks_for_its_language_and_an_urgent_topic_goes_first(running):
    await running.call(topic="unwell", language="en")
    [queued] = running.switchboard.events(ContactQueued)
    assert queued.emergency
    assert queued.needs == (Need("lang:en"),)


async def test_the_same_request_twice_is_one_call_with_one_cookie(running):
    body = {"key": str(uuid.uuid4()), "line": "river-1", "language": "uk", "channel": "voice"}
    first = await running.browser().post("/live/call", body)
    again = await running.browser().post("/live/call", body)  # the first answer was lost on its way
    assert first.json() == again.json()
    assert first.cookies["careline_call"] == again.cookies["careline_call"]
    assert len(running.switchboard.events(ContactQueued)) == 1


async def test_the_same_request_after_the_key_was_changed_is_still_the_same_call(running, settings):
    body = {"key": str(uuid.uuid4()), "line": "river-1", "language": "uk", "channel": "voice"}
    first = await running.browser().post("/live/call", body)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the-new-key-of-the-house"

    again = await running.browser().post("/live/call", body)

    assert first.json() == again.json()
    assert first.cookies["careline_call"] == again.cookies["careline_call"]


async def test_a_browser_that_calls_again_keeps_its_place(running):
    patient, _, contact = await running.call()
    again = await patient.post("/live/call", {"line": "river-1", "language": "uk", "channel": "voice"})
    assert (again.status_code, again.json()) == (200, {"contact": contact})


async def test_a_page_that_vanishes_is_a_lost_caller_and_its_return_a_caller_who_is_back(running):
    patient, page, contact = await running.call()
    await page.until("state")
    await page.gone()
    await running.switchboard.until(CallerLost)
    page = await patient.listen("/live/call/events")
    await running.switchboard.until(CallerBack)
    assert running.switchboard.router.contact(contact).lost_since is None
    assert (await page.until("state", lambda s: s["position"] == 1))["phase"] == "queued"


async def test_what_cannot_be_called_is_refused_by_name_and_in_the_callers_language(running, clinic):
    wish = {"line": "river-1", "language": "uk", "channel": "voice"}
    browser = running.browser()
    for change, status, code in (
        ({"line": "nowhere"}, 404, "line_unknown"),
        ({"topic": "nothing"}, 400, "topic_unknown"),
        ({"channel": "telepathy"}, 400, "bad_request"),
        ({"language": "xx"}, 400, "bad_request"),
        ({"key": "1"}, 400, "bad_request"),
    ):
        refused = await browser.post("/live/call", {**wish, **change})
        assert (refused.status_code, refused.json()["error"]) == (status, code)
    # Half a surrogate pair is no text: it could not be written, and must not come as far as the switchboard.
    half = await browser.http.post(
        "/live/call", content=json.dumps({**wish, "name": "\ud800"}), headers={"Origin": browser.base}
    )
    assert (half.status_code, half.json()["error"]) == (400, "bad_request")
    assert (await browser.post("/live/call", wish, Origin="https://elsewhere.example")).json()["error"] == "bad_origin"
    assert (await browser.http.get("/live/call/events")).json()["error"] == "no_call"


async def test_a_closed_line_says_so_and_when_it_opens(running, clinic):
    await in_db(type(clinic.line).objects.update, closed=True)
    refused = await running.browser().post("/live/call", {"line": "river-1", "language": "uk", "channel": "voice"})
    assert (refused.status_code, refused.json()["error"]) == (409, "line_closed")
    assert {"message", "opens_at", "emergency_number"} <= set(refused.json())


async def test_a_full_queue_says_so(running, clinic):
    rules = running.switchboard.router.queue(str(clinic.queue.id)).rules
    await running.switchboard.submit(QueueSet(replace(rules, limit=0)))
    refused = await running.browser().post("/live/call", {"line": "river-1", "language": "uk", "channel": "voice"})
    assert (refused.status_code, refused.json()["error"]) == (409, "queue_full")


async def test_a_thousand_calls_from_one_address_are_too_many(running):
    answers = [
        await running.browser().post("/live/call", {"line": "river-1", "language": "uk", "channel": "voice"})
        for _ in range(12)
    ]
    assert [each.status_code for each in answers[:10]] == [201] * 10
    assert answers[-1].json()["error"] == "too_many"


async def test_places_are_told_as_they_move(running):
    first, _, _ = await running.call()
    _, page, _ = await running.call()
    assert (await page.until("state"))["position"] == 2
    await first.post("/live/call/actions", {"action": "hang_up"})
    assert (await page.until("state", lambda s: s["position"] == 1))["phase"] == "queued"


async def test_a_call_back_keeps_the_place_rings_the_page_and_becomes_a_talk(running, staff_at_work):
    patient, page, contact = await running.call()
    await patient.post("/live/call/actions", {"action": "callback"})
    assert (await page.until("state", lambda s: s["phase"] == "callback"))["position"] == 1
    desk, phone, _ = await staff_at_work("oksana")
    offer = (await phone.until("phone", lambda p: p["work"]))["work"][0]["offer"]
    await desk.post("/live/desk/actions", {"action": "answer", "contact": contact, "offer": offer})
    assert (await page.until("state", lambda s: s["phase"] == "dialling"))["agent"] == "Oksana"
    await patient.post("/live/call/actions", {"action": "callback_answer"})
    await page.until("state", lambda s: s["phase"] == "talking")


async def test_a_call_back_that_rings_out_is_tried_again_later(running, staff_at_work):
    patient, page, contact = await running.call()
    await patient.post("/live/call/actions", {"action": "callback"})
    desk, phone, _ = await staff_at_work("oksana")
    offer = (await phone.until("phone", lambda p: p["work"]))["work"][0]["offer"]
    await desk.post("/live/desk/actions", {"action": "answer", "contact": contact, "offer": offer})
    unreached = await running.switchboard.until(PatientUnreached)
    assert unreached.retry_at > running.switchboard.now() + 50
    await page.until("state", lambda s: s["phase"] == "callback" and s["since"] > 0)


async def test_lines_of_text_reach_both_sides_once_and_are_there_after_a_reload(running, staff_at_work):
    desk, phone, _ = await staff_at_work("oksana")
    patient, page, contact = await running.call(channel="text")
    offer = (await phone.until("phone", lambda p: p["work"]))["work"][0]["offer"]
    await desk.post("/live/desk/actions", {"action": "answer", "contact": contact, "offer": offer})
    said = {"action": "text", "text": "I cannot speak", "key": str(uuid.uuid4())}
    for _ in range(2):
        assert (await patient.post("/live/call/actions", said)).status_code == 200
    assert (await phone.until("text"))["by"] == "patient"
    await desk.post("/live/desk/actions", {"action": "text", "contact": contact, "text": "Write, then"})
    await page.until("text", lambda t: t["by"] == "agent")
    again = await patient.listen("/live/call/events")
    await again.until("text", lambda t: t["by"] == "agent")
    assert [line["text"] for line in again.all("text")] == ["I cannot speak", "Write, then"]


async def test_after_a_restart_everyone_is_given_time_and_keeps_what_they_had(running, switchboard):
    patient, page, _ = await running.call()
    await page.until("state")
    seen = page.last_id
    async for second in start(switchboard):
        assert second.live.board.hub.epoch != running.live.board.hub.epoch
        patient.http = second.browser(**dict(patient.http.cookies)).http
        again = await patient.listen("/live/call/events", last_id=seen)
        assert [event for event, _ in again.seen[:1]] in ([], ["reset"])
        await again.until("reset")
        assert (await again.until("state"))["position"] == 1
    assert switchboard.events(CallerLost) == []


async def test_neighbours_only_on_this_machine(running):
    inside = running.browser().http
    assert (await inside.post("/live/poke")).status_code == 204
    assert running.switchboard.pokes == 1
    assert b"careline_streams" in (await inside.get("/live/metrics")).content
    assert (await inside.get("/live/healthz")).text == "active\n"
    outside = {"X-Forwarded-For": "203.0.113.9"}
    assert (await inside.post("/live/poke", headers=outside)).status_code == 404
    assert (await inside.get("/live/metrics", headers=outside)).status_code == 404
