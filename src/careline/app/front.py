"""The front door: Caddy gives browsers one address, and hands each request to web or live."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import socket
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path

from careline.app.failures import NoFront, PortTaken

# Caddy speaks when nobody else does: it cannot ask whose language it is, and says it in all five.
AWAY = """\
Careline не відповідає. Нічого зі збереженого не втрачено. Спробуйте ще раз за кілька секунд.
Careline не отвечает. Ничего из сохранённого не потеряно. Попробуйте ещё раз через несколько секунд.
Careline nie odpowiada. Nic z tego, co zapisano, nie przepadło. Spróbuj ponownie za kilka sekund.
Careline 暂时没有响应。已保存的内容不会丢失。请几秒后重试。
Careline does not answer at the moment. Nothing you saved is lost. Please try once more in a few seconds."""
TOO_LARGE = """\
Це завеликий обсяг, щоб надіслати за один раз.
Это слишком много, чтобы отправить за один раз.
To za dużo, by wysłać naraz.
内容过大，无法一次发送。
That is too much to be sent at once."""

# `/live/poke` is for the web process only, and figures of the machine are no one's outside it.
CADDYFILE = """\
{{
	admin off
	persist_config off
	auto_https disable_redirects
	skip_install_trust
	grace_period 1s
	default_sni {sni}
	storage file_system "{storage}"
{servers}	log default {{
		output stderr
		format json
		level WARN
	}}
}}
{addresses} {{
	bind {bind}
	{tls}
	header {{
		-Server
		{hsts}
		X-Content-Type-Options nosniff
		Referrer-Policy same-origin
		Cross-Origin-Opener-Policy same-origin
		Cross-Origin-Resource-Policy same-origin
		Permissions-Policy "microphone=(self), camera=(self), geolocation=(), payment=(), usb=()"
		?Content-Security-Policy "default-src 'none'; frame-ancestors 'none'"
	}}
	@inside path /live/poke /metrics /live/metrics
	handle @inside {{
		respond 404
	}}
	handle /live/* {{
		request_body {{
			max_size 1MB
		}}
		reverse_proxy 127.0.0.1:{live} {{
			flush_interval -1
			lb_try_duration 3s
			lb_try_interval 100ms
		}}
	}}
	handle {{
		encode zstd gzip
		request_body {{
			max_size 256MB
		}}
		reverse_proxy 127.0.0.1:{web} {{
			lb_try_duration 5s
			lb_try_interval 100ms
			transport http {{
				response_header_timeout 60s
			}}
		}}
	}}
	handle_errors 413 {{
		header Content-Type "text/plain; charset=utf-8"
		respond "{too_large}" 413
	}}
	handle_errors 502 503 504 {{
		header Retry-After 5
		header Content-Type "text/plain; charset=utf-8"
		respond "{away}" 503
	}}
}}
"""

# Who speaks HTTP to the TLS port (an address typed without its https) is sent on, instead of being told of an error.
SAME_PORT = """\
	servers {bind}:{port} {{
		listener_wrappers {{
			http_redirect
			tls
		}}
	}}
"""

# Temporary (307), so that no browser remembers it when TLS is taken away again; and only for names that are ours.
PLAIN = """\
{addresses} {{
	bind {bind}
	header -Server
	redir https://{{host}}{suffix}{{uri}} 307
}}
http://:{plain} {{
	bind {bind}
	header -Server
	respond 421
}}
"""

OWN_CERTIFICATE_HSTS_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything listens. `hosts` are the names and numbers browsers may use in LAN mode.

    `plain`: the port on which HTTP is answered with the way to HTTPS, beside `port` itself, which does so too.
    `hsts_s`: for how long (seconds) browsers must not come by HTTP any more; 0 takes back what was said before.
    """

    port: int
    web: int
    live: int
    lan: bool = False
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    certificate: tuple[str, str] | None = None  # files: certificate chain, key
    plain: int | None = None
    hsts_s: int = 0

    @classmethod
    def from_environment(cls) -> Addresses:
        """PORT, CARELINE_WEB_PORT, CARELINE_LIVE_PORT, LAN, CARELINE_HOSTS, CARELINE_TLS_CERT, CARELINE_TLS_KEY,
        CARELINE_HTTP_PORT, CARELINE_HSTS_S.

        web and live follow PORT, so that two installations on one machine need two settings, not six.
        """
        port = int(os.environ.get("PORT", "8000"))
        base = port if port > 1023 else 8000
        certificate = (os.environ.get("CARELINE_TLS_CERT", ""), os.environ.get("CARELINE_TLS_KEY", ""))
        lan = os.environ.get("LAN", "") in {"1", "true", "yes"} or all(certificate)
        given = [host.strip() for host in os.environ.get("CARELINE_HOSTS", "").split(",") if host.strip()]
        own = [*local_names(), "localhost", "127.0.0.1"] if lan else ["127.0.0.1", "localhost", "[::1]"]
        return cls(
            port=port,
            web=int(os.environ.get("CARELINE_WEB_PORT", base + 1)),
            live=int(os.environ.get("CARELINE_LIVE_PORT", base + 2)),
            lan=lan,
            hosts=tuple(dict.fromkeys([*given, *own])),
            certificate=certificate if all(certificate) else None,
            plain=_plain(port) if lan else None,
            hsts_s=int(os.environ.get("CARELINE_HSTS_S") or (OWN_CERTIFICATE_HSTS_S if all(certificate) else 0)),
        )

    @property
    def url(self) -> str:
        """What a person types into a browser."""
        host = self.hosts[0] if self.lan else "127.0.0.1"
        scheme, usual = ("https", 443) if self.lan else ("http", 80)
        return f"{scheme}://{host}" + ("" if self.port == usual else f":{self.port}")

    def refuse_taken(self) -> None:
        """Raises PortTaken, naming the setting that moves us out of the way."""
        ports = [(self.port, "PORT"), (self.web, "CARELINE_WEB_PORT"), (self.live, "CARELINE_LIVE_PORT")]
        if self.plain is not None:
            ports.append((self.plain, "CARELINE_HTTP_PORT"))
        for port, setting in ports:
            host = "0.0.0.0" if self.lan and port in (self.port, self.plain) else "127.0.0.1"  # noqa: S104
            if not _free(host, port):
                raise PortTaken(port=port, host=host, setting=setting)


def _plain(port: int) -> int | None:
    """CARELINE_HTTP_PORT (0: none). Without it the usual 80 beside the usual 443, where it is free and we may."""
    given = os.environ.get("CARELINE_HTTP_PORT", "")
    if given:
        return int(given) or None
    return 80 if port == 443 and _free("0.0.0.0", 80) else None  # noqa: S104


def _free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def local_names() -> list[str]:
    """How others in the network can call this machine: the address it would send from, and its name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks which of our addresses would be used
            address = [probe.getsockname()[0]]
        except OSError:
            address = []
    return [*address, socket.gethostname().lower()]


def caddy() -> str:
    """The system's Caddy, else the one of the pinned wheel. Raises NoFront."""
    beside = Path(sys.executable).with_name("caddy")
    found = shutil.which("caddy") or (str(beside) if beside.exists() else None)
    if found is None:
        raise NoFront
    return found


def caddyfile(addresses: Addresses, storage: Path) -> str:
    """Caddy's whole configuration for these addresses."""
    bind = "0.0.0.0" if addresses.lan else "127.0.0.1"  # noqa: S104
    shown, tls, hsts, servers, plain = f"http://:{addresses.port}", "", "", "", ""
    if addresses.lan:
        shown = ", ".join(f"https://{host}:{addresses.port}" for host in addresses.hosts)
        tls = "tls " + (
            " ".join(f'"{path}"' for path in addresses.certificate) if addresses.certificate else "internal"
        )
        hsts = f'Strict-Transport-Security "max-age={addresses.hsts_s}"'
        servers = SAME_PORT.format(bind=bind, port=addresses.port)
    if addresses.plain is not None:
        plain = PLAIN.format(
            addresses=", ".join(f"http://{host}:{addresses.plain}" for host in addresses.hosts),
            bind=bind,
            plain=addresses.plain,
            suffix="" if addresses.port == 443 else f":{addresses.port}",
        )
    main = CADDYFILE.format(
        addresses=shown,
        bind=bind,
        tls=tls,
        hsts=hsts,
        servers=servers,
        sni=addresses.hosts[0],
        storage=storage,
        away=AWAY,
        too_large=TOO_LARGE,
        live=addresses.live,
        web=addresses.web,
    )
    return main + plain


def root_certificate(storage: Path) -> Path:
    """Of the authority that Caddy keeps for LAN mode: whoever trusts it trusts the certificates it makes."""
    return storage / "pki" / "authorities" / "local" / "root.crt"


def fingerprint_of(certificate: Path) -> str:
    """SHA-256 as browsers and telephones show it; empty while there is no such file yet."""
    try:
        seen = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest().upper()
    except (OSError, ValueError):
        return ""
    return ":".join(seen[at : at + 2] for at in range(0, len(seen), 2))


def answers(port: int) -> bool:
    """Does anyone accept connections on that port of this machine?"""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def healthy(port: int) -> bool:
    """Does the web process there say that it runs?"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=0.5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
