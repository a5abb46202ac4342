"""Signing in through the house's identity provider, played by a small server that speaks OpenID Connect."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.socialaccount.models import SocialAccount

from careline.base.accounts.models import Role, User
from tests.faces.door.test_sign_in import signed_in

SECRET = "shared-with-the-provider-and-long-enough"


class Provider(BaseHTTPRequestHandler):
    """Knows one person; `claims` is what it says of them."""

    claims: dict[str, str]

    def do_GET(self) -> None:
        base = f"http://127.0.0.1:{self.server.server_address[1]}"
        if self.path.startswith("/.well-known"):
            self._say(
                issuer=base,
                authorization_endpoint=f"{base}/authorize",
                token_endpoint=f"{base}/token",
                userinfo_endpoint=f"{base}/userinfo",
                jwks_uri=f"{base}/keys",
            )
        else:
            self._say(**self.claims)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        base = f"http://127.0.0.1:{self.server.server_address[1]}"
        claims = self.claims | {"iss": base, "aud": "careline", "exp": time.time() + 60, "iat": time.time()}
        self._say(access_token="opaque", token_type="Bearer", id_token=jwt.encode(claims, SECRET))

    def _say(self, **values: object) -> None:
        body = json.dumps(values).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def provider(settings) -> Iterator[type[Provider]]:
    handler = type("Known", (Provider,), {"claims": {"sub": "7f3a", "preferred_username": "oksana"}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    app = {
        "provider_id": "house",
        "name": "Health authority",
        "client_id": "careline",
        "secret": SECRET,
        "settings": {"server_url": f"http://127.0.0.1:{server.server_port}"},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
    yield handler
    server.shutdown()
    server.server_close()


def come_back_from(client, provider) -> object:
    """Press the button, be sent to the provider, come back with its code."""
    sent = client.post("/accounts/oidc/house/login/")
    asked = parse_qs(urlsplit(sent["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    return client.get("/accounts/oidc/house/login/callback/", {"code": "given", "state": asked["state"][0]})


def test_the_sign_in_page_offers_it(client, provider, db):
    assert "Sign in with Health authority" in client.get("/accounts/login/").content.decode()


def test_it_is_not_offered_where_it_is_not_set_up(client, db):
    assert "/accounts/oidc/" not in client.get("/accounts/login/").content.decode()


def test_someone_known_here_is_linked_once_and_let_in(client, provider, posting, district):
    oksana = posting("oksana", district.centre).user

    assert come_back_from(client, provider)["Location"] == "/accounts/home/"
    assert signed_in(client)
    assert SocialAccount.objects.get().user == oksana


def test_the_link_outlives_a_changed_name(client, provider, posting, district):
    posting("oksana", district.centre)
    posting("petro", district.centre)
    come_back_from(client, provider)
    client.logout()
    provider.claims = {"sub": "7f3a", "preferred_username": "petro"}

    come_back_from(client, provider)
    assert client.session["_auth_user_id"] == str(User.objects.get(username="oksana").pk)


@pytest.mark.parametrize("who", ["nobody", "superuser", "closed"])
def test_others_are_refused_and_nobody_is_created(who, client, provider, person):
    if who != "nobody":
        person("oksana", is_superuser=who == "superuser", is_active=who != "closed")
    before = User.objects.count()

    response = come_back_from(client, provider)
    assert response.status_code == 403
    assert "You are known to the sign-in service, but not here" in response.content.decode()
    assert not signed_in(client)
    assert (User.objects.count(), SocialAccount.objects.count()) == (before, 0)


def test_a_second_factor_is_left_to_the_provider(settings, client, provider, posting, district):
    settings.SECOND_FACTOR = "everyone"
    posting("oksana", district.centre, Role.ADMINISTRATOR)
    come_back_from(client, provider)

    assert client.get("/admin/").status_code == 200


def test_a_forged_return_is_not_believed(client, provider, posting, district):
    posting("oksana", district.centre)

    client.get("/accounts/oidc/house/login/callback/", {"code": "given", "state": "forged"})
    assert not signed_in(client)
