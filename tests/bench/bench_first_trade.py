"""
From the first command to the first live paper trade, as a new trader walks it in a real browser: clicks, and seconds a step.

The platform starts in an empty folder (its packages are installed already); the demo's market hurries as it always does.
The trader signs in with what the terminal printed, writes a strategy with the form, activates it and waits for its trade.
"""

from __future__ import annotations

import json
import os
import platform as machine
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import expect, sync_playwright

from tests.journeys.browser.person import Person
from tests.journeys.running import running

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
TRADE_MS = 600_000

COUNT_CLICKS = "addEventListener('click', (e) => { if (e.isTrusted) console.debug('clicked') }, true)"


class Walk:
    """What the walk took: seconds a step, and clicks."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.clicks = 0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 2)

    def listen(self, message: Any) -> None:
        self.clicks += message.text == "clicked"


def main() -> None:
    """This function will print the seconds of each step, their sum and the clicks as one JSON line."""
    walk = Walk()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        started = running(Path(folder) / "data", "--port", "8481")
        with walk.step("start, until it serves"):
            platform = started.__enter__()
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            trade(Person(browser.new_context(), platform), walk)
            browser.close()
        finally:
            started.__exit__(None, None, None)
    print(json.dumps({
        "cpus": os.cpu_count(), "load_1min": round(os.getloadavg()[0], 1), "python": machine.python_version(),
        "clicks": walk.clicks, "seconds": walk.seconds, "all_s": round(sum(walk.seconds.values()), 1),
    }))  # fmt: skip


def trade(tom: Person, walk: Walk) -> None:
    """Sign in, write, activate, and wait until the trade stands on the page; nothing is reloaded."""
    tom.page.add_init_script(COUNT_CLICKS)
    tom.page.on("console", walk.listen)
    with walk.step("sign in"):
        tom.sign_in()
        expect(tom.page.locator("#overview")).to_be_visible()
    with walk.step("write a strategy"):
        tom.follow("New strategy")
        tom.fill("Name", "First cross").fill("Symbol", "EURUSD")
        tom.page.get_by_label("Timeframe", exact=True).select_option("M1")
        tom.fill("First period", "5").fill("Second period", "20").leave_field()
        tom.press("Save version 1")
    with walk.step("activate, until proven running"):
        tom.follow("Activate…")
        tom.page.get_by_label("All online").check()
        tom.press("Check and go on").press("Activate on 1 executor")
        state = tom.page.locator("#strategy tr[data-row] .state").first
        expect(state).to_have_attribute("data-state", "proven", timeout=TRADE_MS)
    with walk.step("wait for the first trade"):
        expect(tom.page.locator("#strategy [id^=t-trd_]").first).to_be_visible(timeout=TRADE_MS)


if __name__ == "__main__":
    main()
