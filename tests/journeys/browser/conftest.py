"""One platform and one Chromium for all browser journeys. Without a browser they are skipped in one line; CI fails instead."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.journeys.browser.person import SLOW_MS, Person
from tests.journeys.running import RULES_BOTH, Platform, free_port, running, wait_for, write_waves

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find_browser() -> str | None:
    """Return the path of a Chromium on this machine, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium():
    path = find_browser()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium on this machine: the browser journeys cannot run")
        pytest.skip("no Chromium on this machine: browser journeys not run")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=SLOW_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def platform(tmp_path_factory):
    """A platform that replays swinging bars, ten a second, an hour a wave: averages cross every few seconds."""
    if line := os.environ.get(
        "JOURNEY_PLATFORM"
    ):  # the ready line of one that runs already: quicker while writing tests
        yield Platform(None, json.loads(line))
        return
    folder = tmp_path_factory.mktemp("browser")
    replay = write_waves(Path(folder) / "EURUSD_M1_waves.csv", bars=12000, period=60)
    with running(folder / "data", "--replay", str(replay), "--speed", "600", "--port", str(free_port())) as started:
        trade_something(started)
        yield started


def trade_something(platform):
    """Have one strategy run and trade, so that every page has rows."""
    rules = {**RULES_BOTH, "entry": {**RULES_BOTH["entry"], "indicators": ["EMA_5", "EMA_20"]}}
    strategy = platform.create_strategy("Always there", rules)
    platform.post(f"strategies/{strategy}/activate", {"executors": ["all"]})
    wait_for("a first trade", lambda: platform.trades(strategy))


@pytest.fixture
def visit(chromium, platform):
    """Open a browser window of a person: `visit()`; everything it complained about fails the test at its end."""
    people = []

    def open_window(**options):
        person = Person(chromium.new_context(**{"viewport": {"width": 1440, "height": 1000}, **options}), platform)
        people.append(person)
        return person

    yield open_window
    complaints = [complaint for person in people for complaint in person.complaints]
    for person in people:
        person.context.close()
    assert not complaints, "\n".join(complaints)
