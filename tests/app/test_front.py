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
from careline.app.front import Addresses, caddy, caddyfile, fingerprint_of, root_certificate


@pytest.mark.parametrize(
    "addresses",
    [
        Addresses(port=8000, web=8001, live=8002),
        Addresses(port=443, web=8001, live=8002, lan=True, hosts=("192.168.1.5", "clinic", "localhost")),
        Addresses(port=443, web=8001, live=8002, lan=True, hosts=("192.168.1.5", "clinic"), plain=80, hsts_s=86400),
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
    port, web, live, plain = (unused_tcp_port_factory() for _ in range(4))
    file, storage = tmp_path / "Caddyfile", tmp_path / "storage"
    at = Addresses(port, web, live, lan=True, hosts=("127.0.0.1", "localhost"), plain=plain)
    file.write_text(caddyfile(at, storage))
    upstream = HTTPServer(("127.0.0.1", web), Web)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    front = subprocess.Popen([caddy(), "run", "--adapter", "caddyfile", "--config", file], stderr=subprocess.DEVNULL)
    root = root_certificate(storage)
    try:
        until(lambda: root.exists() and shakes_hands(port, root))
        trusting = ssl.create_default_context(cafile=str(root))
        answer = httpx.get(f"https://localhost:{port}/call/river-1/", verify=trusting, trust_env=False)
        assert (answer.status_code, answer.text) == (200, "https /call/river-1/")
        inside = httpx.get(f"https://localhost:{port}/live/poke", verify=trusting, trust_env=False)
        assert inside.status_code == 404
        down = httpx.get(f"https://localhost:{port}/live/healthz", verify=trusting, trust_env=False)
        assert (down.status_code, down.headers["Retry-After"]) == (503, "5")
        assert {each.headers["Strict-Transport-Security"] for each in (answer, inside)} == {"max-age=0"}
        assert len(fingerprint_of(root)) == 32 * 3 - 1
        to = f"https://localhost:{port}/call/river-1/?language=uk"
        assert sent_on(port, "localhost") == (308, to)  # typed without https
        assert sent_on(plain, "localhost") == (307, to)
        assert sent_on(plain, "elsewhere.example.org") == (421, None)
    finally:
        front.terminate()
        front.wait(10)
        upstream.shutdown()


def sent_on(port: int, host: str) -> tuple[int, str | None]:
    """Status and address that plain HTTP is answered with."""
    headers = {"Host": f"{host}:{port}"}
    address = f"http://127.0.0.1:{port}/call/river-1/?language=uk"
    answer = httpx.get(address, headers=headers, trust_env=False)
    assert (
        "strict-transport-security" not in answer.headers
    )  # over HTTP it says nothing, and anybody could have said it
    return answer.status_code, answer.headers.get("location")


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


def test_only_a_certificate_of_ones_own_makes_browsers_insist_on_https(monkeypatch):
    """With the machine's own authority a lost or renewed root would lock everybody out who may not click on."""
    for name in ("CARELINE_HSTS_S", "CARELINE_TLS_CERT", "CARELINE_TLS_KEY", "LAN"):
        monkeypatch.delenv(name, raising=False)
    assert "Strict-Transport" not in caddyfile(Addresses.from_environment(), Path("/s"))

    monkeypatch.setenv("LAN", "1")
    assert 'Strict-Transport-Security "max-age=0"' in caddyfile(Addresses.from_environment(), Path("/s"))

    for name in ("CARELINE_TLS_CERT", "CARELINE_TLS_KEY"):
        monkeypatch.setenv(name, "/etc/careline/chain.pem")
    assert 'Strict-Transport-Security "max-age=86400"' in caddyfile(Addresses.from_environment(), Path("/s"))

    for chosen in ("0", "31536000"):
        monkeypatch.setenv("CARELINE_HSTS_S", chosen)
        assert f'Strict-Transport-Security "max-age={chosen}"' in caddyfile(Addresses.from_environment(), Path("/s"))


def test_http_is_answered_on_80_beside_443_unless_another_has_it(monkeypatch):
    for name in ("CARELINE_HTTP_PORT", "LAN", "CARELINE_TLS_CERT"):
        monkeypatch.delenv(name, raising=False)
    free = set()
    monkeypatch.setattr("careline.app.front._free", lambda host, port: port in free)

    def plain(port: str, **given: str) -> int | None:
        for name, value in {"PORT": port, "LAN": "1", **given}.items():
            monkeypatch.setenv(name, value)
        return Addresses.from_environment().plain

    assert plain("443") is None
    free.add(80)
    assert plain("443") == 80
    assert plain("8000") is None
    assert plain("8000", CARELINE_HTTP_PORT="8080") == 8080
    assert plain("443", CARELINE_HTTP_PORT="0") is None
    assert plain("443", LAN="", CARELINE_HTTP_PORT="8080") is None  # nothing to be sent on to

    free |= {443, 8001, 8002}
    monkeypatch.setenv("LAN", "1")
    plain("443", CARELINE_HTTP_PORT="8080")
    with pytest.raises(PortTaken) as refused:  # asked for by name, so not passed over in silence
        Addresses.from_environment().refuse_taken()
    assert refused.value.values == {"port": 8080, "host": "0.0.0.0", "setting": "CARELINE_HTTP_PORT"}


def test_taken_port_is_named_with_its_setting(unused_tcp_port_factory):
    port, web, live = (unused_tcp_port_factory() for _ in range(3))
    with socket.socket() as other:
        other.bind(("127.0.0.1", web))
        other.listen()

        with pytest.raises(PortTaken) as refused:
            Addresses(port, web, live).refuse_taken()

    assert refused.value.values == {"port": web, "host": "127.0.0.1", "setting": "CARELINE_WEB_PORT"}
    Addresses(port, web, live).refuse_taken()
