from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
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


class Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.headers['X-Forwarded-Proto']} {self.path}".encode())

    def log_message(self, *_: object) -> None:
        pass


def test_in_the_house_network_it_speaks_tls_that_a_telephone_can_trust(tmp_path, unused_tcp_port_factory):
    port, web, live = (unused_tcp_port_factory() for _ in range(3))
    file, storage = tmp_path / "Caddyfile", tmp_path / "storage"
    file.write_text(caddyfile(Addresses(port, web, live, lan=True, hosts=("127.0.0.1", "localhost")), storage))
    upstream = HTTPServer(("127.0.0.1", web), Web)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    front = subprocess.Popen([caddy(), "run", "--adapter", "caddyfile", "--config", file], stderr=subprocess.DEVNULL)
    root = storage / "pki" / "authorities" / "local" / "root.crt"
    try:
        until(lambda: root.exists() and shakes_hands(port, root))
        trusting = ssl.create_default_context(cafile=str(root))
        answer = httpx.get(f"https://localhost:{port}/call/river-1/", verify=trusting, trust_env=False)
        assert (answer.status_code, answer.text) == (200, "https /call/river-1/")
        inside = httpx.get(f"https://localhost:{port}/live/poke", verify=trusting, trust_env=False)
        assert inside.status_code == 404
        down = httpx.get(f"https://localhost:{port}/live/healthz", verify=trusting, trust_env=False)
        assert (down.status_code, down.headers["Retry-After"]) == (503, "5")
    finally:
        front.terminate()
        front.wait(10)
        upstream.shutdown()


def shakes_hands(port: int, root: Path) -> bool:
    """The certificate itself is made a moment after that of its authority."""
    trusting = ssl.create_default_context(cafile=str(root))
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        trusting.wrap_socket(plain, server_hostname="localhost").close()
        return True
    return False


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


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
