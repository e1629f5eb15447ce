"""From a strategy to its result, to a firm's challenge, to the activate dialog; with the compute worker of the platform."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.journey
expect.set_options(timeout=60_000)


def test_a_strategy_is_tested_held_against_a_firm_and_shown_before_it_starts(visit):
    tom = visit().sign_in()
    tom.go("/strategies/always-there").press("Backtest")

    # By itself: the worker computes, the page looks, nobody reloads.
    expect(tom.page.locator(".kpis")).to_contain_text("Net return")
    expect(tom.page.locator("[data-run-candles] canvas").first).to_be_visible()
    expect(tom.page.locator("[data-run-equity] canvas").first).to_be_visible()
    assert not tom.find_barriers()
    assert not tom.is_wider_than_the_window()

    tom.follow("Challenge…").press("Compute")
    expect(tom.page.locator("#study")).to_contain_text("Where the rules were read")
    expect(tom.page.locator("#study")).to_contain_text(re.compile(r"The history (passes|fails|neither)"))
    assert not tom.find_barriers()

    tom.follow("Activate…")
    expect(tom.page.locator(".notices")).to_contain_text("FTMO")
