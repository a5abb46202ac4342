"""Browsers that cannot reach each other are told of the site's relay, with credentials the relay can check."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from careline.faces.live.ice import GOOD_FOR_S, Relay

NOW = 1_767_000_000.5
RELAY = Relay(("stun:r.example.org",), ("turn:r.example.org?transport=udp",), "shared", only=True)


@pytest.mark.parametrize("kind", ["hello", "offer"])
def test_what_opens_a_connection_carries_the_relay(kind):
    told = RELAY.with_servers({"kind": kind, "session": "s"}, NOW)
    assert told["session"] == "s"
    assert told["ice"]["iceTransportPolicy"] == "relay"
    stun, turn = told["ice"]["iceServers"]
    assert stun == {"urls": ["stun:r.example.org"]}
    until, _who = turn["username"].split(":")
    assert int(until) == int(NOW) + GOOD_FOR_S
    checked_by_the_relay = hmac.new(b"shared", turn["username"].encode(), hashlib.sha1).digest()
    assert base64.b64decode(turn["credential"]) == checked_by_the_relay


def test_nothing_else_does_and_no_browser_can_name_a_relay_of_its_own():
    made_up = {"iceServers": [{"urls": "turn:thief.example"}]}
    assert RELAY.with_servers({"kind": "candidate", "candidate": {}, "ice": made_up}, NOW) == {
        "kind": "candidate",
        "candidate": {},
    }
    assert Relay().with_servers({"kind": "hello", "ice": made_up}, NOW) == {"kind": "hello"}


async def test_a_hello_reaches_the_page_with_the_relay(running, staff_at_work):
    running.live.board.relay = RELAY
    desk, phone, _who = await staff_at_work("olena")
    _browser, page, contact = await running.call()
    work = (await phone.until("phone", lambda p: p["work"]))["work"][0]
    await desk.post("/live/desk/actions", {"action": "answer", "contact": contact, "offer": work["offer"]})
    hello = {"kind": "hello", "session": "0" * 32}
    assert (await desk.post("/live/desk/actions", {"action": "signal", "contact": contact, "data": hello})).is_success
    assert (await page.until("signal"))["data"]["ice"]["iceServers"][1]["urls"] == list(RELAY.turn)
