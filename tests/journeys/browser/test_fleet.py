"""A person at the fleet: ticks rows, asks them together, watches what they prove, reads along in a log."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.journey


def test_ticked_executors_are_asked_and_watched_until_they_have_proven_it(visit, platform):
    from playwright.sync_api import expect

    person = visit()
    person.sign_in().go("/fleet")
    page, name = person.page, platform.get("executors")["results"][0]["name"]
    box = page.get_by_role("checkbox", name=f"Tick {name}")
    box.check()
    with page.expect_response(lambda answer: "/fleet?" in answer.url and answer.request.headers.get("hx-request")):
        pass  # the live part was fetched anew, with what is ticked
    expect(box).to_be_checked()
    page.get_by_label("With those ticked").select_option("PREFLIGHT")
    person.press("Ask…")
    assert name in person.read()
    person.press("Ask for the terminals’ facts of 1 executor")
    expect(page.get_by_text("1 of 1 at an end")).to_be_visible()
    expect(page.get_by_text("EXECUTED").first).to_be_visible()
    page.get_by_role("table").get_by_role("link", name=name).click()
    expect(page.get_by_text("margin_mode")).to_be_visible()


def test_a_log_is_read_along_on_a_phone(visit, platform):
    from playwright.sync_api import expect

    person = visit(viewport={"width": 390, "height": 844}, has_touch=True)
    executor = platform.get("executors")["results"][0]["code"]
    person.sign_in().go(f"/fleet/{executor}")
    person.page.locator(".head__acts .menu > summary").click()
    expect(person.page.get_by_role("link", name="Fetch the agent’s journal…")).to_be_in_viewport(ratio=1)
    person.follow("Log")
    expect(person.page.get_by_role("row").nth(1)).to_be_visible()
    assert not person.is_wider_than_the_window()
