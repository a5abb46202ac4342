from __future__ import annotations

import socket
import subprocess

import pytest

from careline.app.failures import PortTaken
from careline.app.front import Addresses, caddy, caddyfile


@pytest.mark.parametrize(
    "addresses",
    [
        Addresses(port=8000, web=8001, live=8002),
        Addresses(port=443, web=8001, live=8002, lan=True, hosts=("192.168.1.5", "clinic", "localhost")),
    ],
)
def test_caddy_accepts_its_configuration(addresses, tmp_path):
    file = tmp_path / "Caddyfile"
    file.write_text(caddyfile(addresses, tmp_path / "storage"))

    done = subprocess.run(
        [caddy(), "adapt", "--adapter", "caddyfile", "--config", file, "--validate"], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr


def test_other_parts_follow_the_port(monkeypatch):
    for name in ("LAN", "CARELINE_HOSTS", "CARELINE_WEB_PORT", "CARELINE_LIVE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PORT", "9000")
    found = Addresses.from_environment()

    assert found == Addresses(port=9000, web=9001, live=9002)
    assert found.url == "http://127.0.0.1:9000"

    monkeypatch.setenv("PORT", "443")
    monkeypatch.setenv("LAN", "1")
    monkeypatch.setenv("CARELINE_HOSTS", "calls.example.org")
    safe = Addresses.from_environment()
    assert (safe.web, safe.live, safe.url) == (8001, 8002, "https://calls.example.org")


def test_taken_port_is_named_with_its_setting(unused_tcp_port_factory):
    port, web, live = (unused_tcp_port_factory() for _ in range(3))
    with socket.socket() as other:
        other.bind(("127.0.0.1", web))
        other.listen()

        with pytest.raises(PortTaken) as refused:
            Addresses(port, web, live).refuse_taken()

    assert refused.value.values == {"port": web, "host": "127.0.0.1", "setting": "CARELINE_WEB_PORT"}
    Addresses(port, web, live).refuse_taken()
