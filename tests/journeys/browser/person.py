"""A person at a browser: what they do, in their words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time
from pathlib import Path
from typing import Any

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
SLOW_MS = 60_000
PASSWORD = "a long enough phrase 7"


class Person:
    """A window, and what the browser complained about in it (errors of scripts and of the content policy)."""

    def __init__(self, context: Any, platform: Any) -> None:
        self.context, self.platform = context, platform
        self.url = platform.ready["url"].rstrip("/")
        self.page = context.new_page()
        self.page.set_default_timeout(SLOW_MS)
        self.complaints: list[str] = []
        self.expect_lost_connection = False
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))
        self.page.on("console", self._listen)

    def _listen(self, message: Any) -> None:
        if message.type != "error" or self.expect_lost_connection:
            return
        if "Failed to load resource" in message.text and ("404" in message.text or "422" in message.text):
            return  # the answers of pages that are meant to be missing, or to be mended
        if message.text.startswith(("htmx:afterRequest", "htmx:sendAbort", "htmx:beforeSend")):
            return  # a look that was under way when the person went to another page
        self.complaints.append(f"{self.page.url}: {message.text}")

    def go(self, path: str) -> Person:
        self.page.goto(self.url + path)
        return self

    def sign_in(self, email: str = "", password: str = "") -> Person:
        self.go("/accounts/login/")
        self.page.get_by_label("Email").fill(email or self.platform.ready["email"])
        self.page.get_by_label("Password", exact=True).fill(password or self.platform.ready["password"])
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        return self

    def sign_up(self, email: str) -> Person:
        self.go("/accounts/signup/")
        self.page.get_by_label("Email").fill(email)
        for label in ("Password", "Password (again)"):
            self.page.get_by_label(label, exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Sign up").click()
        return self

    def sign_out(self) -> Person:
        self.page.locator(".menu > summary").click()
        self.page.locator(".menu").get_by_role("button", name="Sign out").click()
        return self

    def press(self, name: str, **options: Any) -> Person:
        self.page.get_by_role("button", name=name, **options).first.click()
        return self

    def follow(self, name: str, **options: Any) -> Person:
        self.page.get_by_role("link", name=name, **options).first.click()
        return self

    def fill(self, label: str, text: str) -> Person:
        self.page.get_by_label(label, exact=True).fill(text)
        return self

    def leave_field(self) -> Person:
        """Go on with the keyboard, so that the field left is checked."""
        self.page.keyboard.press("Tab")
        return self

    def read(self) -> str:
        return str(self.page.locator("main").inner_text())

    def find_barriers(self) -> list[str]:
        """Return what the rule engine finds, one line each. It runs beside the content policy, not through it."""
        if not self.page.evaluate("'axe' in window"):
            session = self.context.new_cdp_session(self.page)
            session.send("Runtime.evaluate", {"expression": AXE.read_text()})
            session.detach()
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)")
        return [f"{each['id']}: {node['html'][:120]}" for each in found for node in each["nodes"]]

    def look_as(self, *, width: int, height: int, theme: str) -> Person:
        """Make the window that large and ask for that theme, with the page as it is."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme=theme)
        return self

    def is_wider_than_the_window(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def count_code(secret: str, at_s: float | None = None) -> str:
    """Return the six digits an authenticator app shows for a secret (RFC 6238)."""
    counter = int((time.time() if at_s is None else at_s) // 30)
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", counter), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"
