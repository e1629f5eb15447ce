"""Every page in both themes, wide and narrow: the rule engine finds nothing, nothing is wider than the window."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.journey

PUBLIC = ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/")
WIDTHS = {
    "wide": {"viewport": {"width": 1440, "height": 1000}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True},
}


def list_paths(platform):
    """Return the address of every page, rows of the demo among them."""
    account = platform.get("accounts")["results"][0]["code"]
    executor = platform.get("executors")["results"][0]["code"]
    strategy = platform.get("strategies")["results"][-1]["slug"]
    trades = platform.get("trades")["results"]
    return [
        "/", "/strategies", "/strategies/new", f"/strategies/{strategy}", f"/strategies/{strategy}/edit",
        f"/strategies/{strategy}/activate", f"/strategies/{strategy}/stop", "/fleet", "/fleet/new", f"/fleet/{executor}",
        f"/fleet/{executor}/revoke", "/risk", "/risk/new", f"/risk/{account}", f"/risk/{account}/settings",
        f"/risk/{account}/limits", f"/risk/{account}/pack?program=ftmo_2step%7Cchallenge", f"/risk/{account}/pack/leave", f"/risk/{account}/lift", "/halt", "/trades", *[f"/trades/{trade['id']}" for trade in trades[:1]], "/team", "/keys",
        "/security", "/welcome", "/accounts/2fa/", "/accounts/2fa/webauthn/", "/accounts/2fa/totp/activate/",
        "/accounts/sessions/", "/accounts/email/", "/accounts/password/change/", "/nothing-here",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("width", "theme"),
    [
        ("wide", "light"),
        ("phone", "dark"),
        pytest.param("wide", "dark", marks=pytest.mark.long),
        pytest.param("phone", "light", marks=pytest.mark.long),
    ],
)
def test_no_page_has_a_barrier_or_scrolls_sideways(visit, platform, theme, width):
    person = visit(color_scheme=theme, **WIDTHS[width])
    found = {}
    for path in (*PUBLIC, None, *list_paths(platform)):
        if path is None:
            person.sign_in()
            continue
        person.go(path)
        problems = person.find_barriers()
        if person.is_wider_than_the_window():
            problems.append("wider than the window")
        if problems:
            found[path] = problems
    assert found == {}
