"""A patient's page from its first request to the rating, against the real router."""

from __future__ import annotations

import uuid

from careline.core.acd.model import CallerBack, CallerLost, ContactQueued, Need


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
    assert (await page.until("state"))["position"] == 1
