"""The door and the administration in a real browser, under the strict policy: what a test client cannot see."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from careline.base.accounts.models import Role
from careline.base.audit.actions import record
from tests.base.conftest import PASSWORD
from tests.faces.door.test_sign_in import code_of
from tests.support.chromium import LEAN, disabled

AXE = Path(__file__).parents[2] / "support" / "axe.min.js"
expect.set_options(timeout=15_000)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def browser(chromium) -> Iterator:
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in this thread, beside Django's reads
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*LEAN, disabled()])
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser, live_server, settings) -> Iterator[Page]:
    """A page that takes note of every complaint the browser makes; a test that leaves one fails."""
    settings.SECOND_FACTOR = "off"
    settings.ALLOWED_HOSTS = ["*"]
    context = browser.new_context(base_url=live_server.url.replace("127.0.0.1", "localhost"), locale="en-GB")
    context.set_default_timeout(20_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [text for text in complaints if "404" not in text] == []


@pytest.fixture
def looked_at(page):
    """Screenshots for whoever wants to look: DOOR_SHOTS=folder."""

    def shoot(name: str) -> None:
        assert axe(page) == []
        if folder := os.environ.get("DOOR_SHOTS"):
            for width, height in ((1280, 800), (390, 844)):
                page.set_viewport_size({"width": width, "height": height})
                page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)
            page.set_viewport_size({"width": 1280, "height": 800})

    return shoot


def axe(page: Page) -> list[str]:
    """What axe-core finds, put in by the debugger so that the page's own policy stays as it is."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    return [f"{v['id']}: {v['nodes'][0]['html']}" for v in found["violations"]]


def sign_in(page: Page, name: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Sign-in name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/login/" not in url)


def with_key(page: Page) -> None:
    """Plugs in a key that knows its owner and answers at once."""
    debugger = page.context.new_cdp_session(page)
    debugger.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    debugger.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_signing_in_with_a_passkey_alone(page, looked_at, posting, district):
    posting("iryna", district.centre, Role.ADMINISTRATOR)
    with_key(page)
    sign_in(page, "iryna")

    page.goto("/accounts/2fa/webauthn/add/")
    looked_at("confirm")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    looked_at("add-key")
    page.get_by_label("What you call this key").fill("Laptop")
    page.get_by_label("Sign in with this key alone").check()
    page.get_by_role("button", name="Add the key").click()
    page.wait_for_url(re.compile(r"/2fa/(webauthn/$|recovery-codes/)"))
    page.goto("/accounts/2fa/webauthn/")
    expect(page.get_by_text("Laptop")).to_be_visible()
    looked_at("keys")

    page.goto("/accounts/logout/")
    looked_at("logout")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/admin/")


def test_a_key_as_the_second_step(page, looked_at, posting, district):
    posting("iryna", district.centre, Role.ADMINISTRATOR)
    with_key(page)
    sign_in(page, "iryna")
    page.goto("/accounts/2fa/webauthn/add/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Add the key").click()
    page.wait_for_url(re.compile("/2fa/(webauthn/$|recovery-codes)"))
    page.goto("/accounts/logout/")
    page.get_by_role("button", name="Sign out").click()

    sign_in(page, "iryna")
    looked_at("second-step")
    page.get_by_role("button", name="Use a key").click()
    page.wait_for_url("**/admin/")
    assert page.request.get("/admin/").ok


def test_an_app_is_set_up_and_its_codes_are_shown_once(page, looked_at, posting, district):
    posting("iryna", district.centre, Role.ADMINISTRATOR)
    sign_in(page, "iryna")
    page.goto("/accounts/2fa/")
    looked_at("second-factor")
    page.get_by_role("link", name="Set up an app").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    looked_at("app")
    assert page.locator(".door__qr").evaluate("picture => picture.naturalWidth") > 0
    page.get_by_label("Code the app shows now").fill(code_of(page.locator("#authenticator_secret").inner_text()))
    page.get_by_role("button", name="Set up").click()

    page.wait_for_url(re.compile("/2fa/$|recovery-codes"))
    if "recovery-codes" not in page.url:
        page.get_by_role("link", name="Make new codes").click()
        page.get_by_role("button", name="Make new codes").click()
    looked_at("codes")
    expect(page.locator(".door__codes li")).to_have_count(10)


def test_the_sign_in_page_in_five_languages(page, looked_at, db):
    page.goto("/accounts/login/")
    looked_at("login")
    for code in ("uk", "ru", "pl", "zh-hans", "en"):
        page.locator(f".door__languages [value='{code}']").click()
        expect(page.locator("html")).to_have_attribute("lang", code)
    page.get_by_label("Sign-in name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert").first).to_be_visible()
    looked_at("login-wrong")


def test_by_bare_address_no_passkey_is_offered(page, live_server, db):
    page.goto(live_server.url.replace("localhost", "127.0.0.1") + "/accounts/login/")

    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="passkey")).to_have_count(0)


def test_choosing_where_to_work_by_keyboard(page, looked_at, posting, district, city):
    here = posting("oksana", district.centre, Role.ADMINISTRATOR, district.east)
    posting(here.user, city.centre, Role.AUDITOR)
    sign_in(page, "oksana")

    page.wait_for_url("**/accounts/posting/**")
    looked_at("posting")
    expect(page.locator(".door__choice")).to_have_count(2)
    page.locator(".door__choice").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")


def test_refusals_and_a_new_password(page, looked_at, person, posting, district):
    posting("oksana", district.centre)
    sign_in(page, "oksana")
    page.goto("/accounts/password/change/")
    expect(page.locator("[type=password]")).to_have_count(3)
    looked_at("password")
    assert page.goto("/no/such/page/").status == 404
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    looked_at("not-found")


def test_the_dark_door(page, posting, district):
    page.emulate_media(color_scheme="dark")
    page.goto("/accounts/login/")
    assert axe(page) == []
    if folder := os.environ.get("DOOR_SHOTS"):
        page.screenshot(path=f"{folder}/login-dark.png")


def test_the_administration_works_under_the_strict_policy(page, posting, reader, district):
    """Every kind of page and control of Django's admin that is used here; the fixture fails on any complaint."""
    iryna = posting("iryna", district.centre, Role.ADMINISTRATOR)
    posting(iryna.user, district.centre, Role.AUDITOR)
    oksana = posting("oksana", district.centre)
    record(reader("petro", district.centre), "patient.opened", "patient")
    sign_in(page, "iryna")
    page.get_by_role("button", name="Administrator").click()

    page.goto("/admin/")
    page.goto(f"/admin/accounts/user/{oksana.user_id}/change/")
    page.locator(".add-row a").click()
    page.locator("#id_postings-1-organisation + .select2").click()
    page.locator(".select2-search__field").fill("cent")
    page.get_by_role("option", name="Centre").click()
    page.locator("#id_postings-1-role").select_option("registrar")
    page.locator("#id_postings-1-valid_from").fill("2026-03-02")
    shoot(page, "admin-person")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_load_state()
    assert page.locator(".errorlist").all_inner_texts() == []
    expect(page.locator(".messagelist .success")).to_be_visible()
    shoot(page, "admin-people")
    assert oksana.user.postings.count() == 2

    page.goto("/admin/organisations/site/")
    page.get_by_role("link", name="East").click()
    page.locator("#id_serves + .select2").click()
    page.keyboard.press("Escape")
    page.goto("/admin/accounts/posting/?role__exact=operator")
    page.locator("#action-toggle").check()
    page.goto(f"/admin/accounts/user/{oksana.user_id}/password/")
    page.get_by_role("button", name="theme").first.click()

    page.goto("/accounts/posting/")
    page.get_by_role("button", name="Auditor").click()
    page.goto("/admin/audit/auditrow/")
    shoot(page, "admin-audit")
    with page.expect_download() as file:
        page.get_by_role("link", name="Take this list as a file").click()
    assert "patient.opened" in Path(file.value.path()).read_text()


def shoot(page: Page, name: str) -> None:
    if folder := os.environ.get("DOOR_SHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
