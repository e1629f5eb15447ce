"""A passkey, made and used with Chromium's own virtual authenticator: the real ceremony, without a finger."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.browser.person import PASSWORD

pytestmark = pytest.mark.journey
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def add_authenticator(person):
    """Give the window a device that keeps passkeys; return how to ask it what it keeps."""
    session = person.context.new_cdp_session(person.page)
    session.send("WebAuthn.enable")
    key = session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})["authenticatorId"]
    return lambda: session.send("WebAuthn.getCredentials", {"authenticatorId": key})["credentials"]


def test_a_passkey_is_made_and_signs_in_without_a_password(visit):
    peggy = visit()
    peggy.url = peggy.url.replace("127.0.0.1", "localhost")  # a passkey belongs to a name, never to a number
    list_credentials = add_authenticator(peggy)
    peggy.sign_up("peggy@example.com").press("Make the team")
    expect(peggy.page.locator("main")).to_contain_text("Add the account")

    peggy.go("/security").follow("Manage").follow("Add", exact=True)
    peggy.page.get_by_label("Password").fill(PASSWORD)  # such a change asks for it again
    peggy.press("Confirm")
    peggy.page.get_by_label("Name").fill("Peggy's laptop")
    peggy.page.get_by_role("checkbox", name="Passwordless").check()
    peggy.press("Add", exact=True)
    expect(peggy.page.locator("main")).to_contain_text("Unused codes")  # the way back when the device is lost
    assert len(list_credentials()) == 1

    peggy.go("/").sign_out()
    expect(peggy.page.locator(".menu")).to_have_count(0)
    peggy.go("/accounts/login/")
    peggy.press("Sign in with a passkey")
    expect(peggy.page.locator(".menu > summary")).to_be_visible()
    peggy.go("/security")
    expect(peggy.page.locator("main")).to_contain_text(re.compile(r"Passkeys\s+1"))
