# ruff: noqa: E402 - models may not load before Django is up
"""
Pages of a large team: 10,000 trades, 200 executors, 40 accounts. One person reads every page again and again.

The figures are of this machine, through the whole Django stack but without the network; the ratio of the large team to an
empty one says whether a page grows with its data.
"""

from __future__ import annotations

import json
import os
import statistics
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from django.core.management import call_command
from django.test import Client

from apps.assignments.services.activation import activate
from apps.teams.models import Team, User
from tests.scenes import Desk, make_account, make_executor, make_history, set_up_desk
from tests.world import browser, make_world

ROUNDS = 12
PATHS = (
    "/", "/strategies", "/strategies/ema-trend-20-50", "/strategies/rsi-reversal/activate", "/fleet", "/fleet/sim-1", "/risk",
    "/risk/paper-1", "/trades", "/trades?page=100", "/trades?status=closed&side=BUY", "/halt",
)  # fmt: skip
ACTOR = "user:alice@example.com"


def main() -> None:
    """This function will print the median and the 95th percentile of each page [ms] as one JSON line."""
    call_command("migrate", verbosity=0)
    world = make_world()
    desk = set_up_desk(world.team)
    small = measure(world.alice)
    grow(world.team, desk)
    large = measure(world.alice)
    report = {
        path: {"small_p50_ms": small[path][0], "large_p50_ms": large[path][0], "large_p95_ms": large[path][1]}
        for path in PATHS
    }
    print(json.dumps({"trades": 10_000, "executors": 200, "accounts": 42, "pages": report}))


def grow(team: Team, desk: Desk) -> None:
    """Make the team large."""
    codes = []
    for number in range(40):
        account = make_account(
            team, ACTOR, f"acc-{number}", f"Account {number}", mode="PAPER", login=9000 + number,
            balance=desk.paper.initial_balance,
        )  # fmt: skip
        for which in range(5):
            make_executor(account, ACTOR, f"exe-{number}-{which}", seen_at=desk.at)
        codes.append(f"exe-{number}-0")
    activate(strategy=desk.trend, references=codes, actor=ACTOR, at=desk.at)
    desk.bot.trades.filter(closed_at__isnull=False).delete()
    make_history(desk.bot.assignments.get(), desk.at, 10_000)


def measure(user: User) -> dict[str, tuple[float, float]]:
    """Return each page's median and 95th percentile [ms]."""
    person: Client = browser(user)
    person.defaults["HTTP_HOST"] = "localhost"
    figures = {}
    for path in PATHS:
        person.get(path)
        taken = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            assert person.get(path).status_code == 200, path
            taken.append((time.perf_counter() - began) * 1000)
        taken.sort()
        figures[path] = (round(statistics.median(taken), 1), round(taken[-1], 1))
    return figures


if __name__ == "__main__":
    main()
