"""Every page in both themes, wide and narrow: the rule engine finds nothing, nothing is wider than the window."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.running import wait_for, write_waves

pytestmark = pytest.mark.journey

PUBLIC = ("/accounts/login/", "/accounts/signup/", "/accounts/password/reset/")
SWEPT = {"parameters": {"exit.stopLoss": {"from": "40", "to": "60", "step": "10"}}, "min_trades": 1}
STUDIES = {"challenge": {"pack": "ftmo_2step"}, "monte_carlo": {}, "sweep": SWEPT, "walk_forward": SWEPT}
WIDTHS = {"wide": {"width": 1440, "height": 1000}, "phone": {"width": 390, "height": 844}}


def list_paths(platform):
    """Return the address of every page, rows of the demo among them."""
    account = platform.get("accounts")["results"][0]["code"]
    executor = platform.get("executors")["results"][0]["code"]
    strategy = platform.get("strategies")["results"][-1]["slug"]
    trades = platform.get("trades")["results"]
    command, batch, assignment = set_up_commands(platform, executor)
    dataset, run, studies = set_up_lab(platform, strategy)
    return [
        "/", "/strategies", "/strategies/new", f"/strategies/{strategy}", f"/strategies/{strategy}/edit",
        f"/strategies/{strategy}/activate", f"/strategies/{strategy}/stop", "/fleet", "/fleet/new", f"/fleet/{executor}",
        f"/fleet/{executor}/revoke", f"/fleet/{executor}/retire", f"/fleet/{executor}/log", f"/fleet/{executor}/ask/close-bot",
        f"/fleet/{executor}/ask/upgrade", f"/fleet/ask?act=STOP&executor={executor}", f"/fleet/asked/{batch}", "/commands",
        f"/commands/{command}", f"/assignments/{assignment}", f"/risk/{account}/flatten", "/risk", "/risk/new", f"/risk/{account}", f"/risk/{account}/settings",
        f"/risk/{account}/limits", f"/risk/{account}/pack?program=ftmo_2step%7Cchallenge", f"/risk/{account}/pack/leave", f"/risk/{account}/what-if", what_if_of(platform, account), f"/risk/{account}/lift", f"/risk/{account}?symbol=EURUSD&stop_ticks=200", "/events", "/events?show=all", "/halt", "/trades", *[f"/trades/{trade['id']}" for trade in trades[:1]], "/team", "/keys",
        "/data", "/data/new", f"/data/{dataset}", f"/data/{dataset}/delete", "/backtests", "/backtests/compare",
        f"/strategies/{strategy}/backtest", f"/backtests/{run}", *[f"/studies/{each}" for each in studies],
        *[f"/backtests/{run}/studies/{kind}" for kind in ("challenge", "monte_carlo", "sweep", "optuna", "walk_forward")],
        "/bots", f"/bots/{platform.get('bots')['results'][0]['bot_id']}", f"/bots/{platform.get('bots')['results'][0]['bot_id']}/retire",
        "/security", "/welcome", "/accounts/2fa/", "/accounts/2fa/webauthn/", "/accounts/2fa/totp/activate/",
        "/accounts/sessions/", "/accounts/email/", "/accounts/password/change/", "/nothing-here",
    ]  # fmt: skip


def set_up_commands(platform, executor):
    """Return a command, a batch of them, and an assignment; the log is read along, so that there are lines."""
    batch = platform.post("bulk", {"act": "PREFLIGHT", "executors": [executor]})
    wait_for("log lines", lambda: platform.get(f"executors/{executor}/log")["lines"])
    return batch["items"][0]["commands"][0], batch["id"], platform.get("assignments", all=1)["results"][0]["id"]


def what_if_of(platform, account):
    """Return the address of an answered what-if, about the month of the demo's market."""
    at = platform.get("trades")["results"][0]["opened_at"][:10]
    return f"/risk/{account}/what-if?first={at[:8]}01&last={at}&risk_per_trade=0.01&max_open_positions=1"


def set_up_lab(platform, strategy):
    """Return a dataset, a finished backtest on it and finished studies of that, made once for all walks."""
    if not platform.get("datasets")["results"]:
        bars = (Path(platform.ready["data_dir"]) / "lab.csv", 3000)
        file = {"file": ("EURUSD_M1.csv", write_waves(*bars).read_bytes())}
        answer = platform.client.post("datasets", data={"symbol": "EURUSD"}, files=file)
        assert answer.is_success, answer.text
    dataset = wait_for("a dataset", lambda: platform.get("datasets")["results"])[0]
    if not platform.get("backtests")["results"]:
        platform.post("backtests", {"strategy": strategy, "dataset": dataset["id"]})
    run = wait_for(
        "a backtest", lambda: [each for each in platform.get("backtests")["results"] if each["status"] == "DONE"]
    )[0]
    if not platform.get("studies")["results"]:
        for kind, settings in STUDIES.items():
            platform.post("studies", {"backtest": run["id"], "kind": kind, "settings": settings})
    wait_for("its studies", lambda: all(each["status"] == "DONE" for each in platform.get("studies")["results"]))
    return dataset["handle"], run["id"], [each["id"] for each in platform.get("studies")["results"]]


def walk(person, platform, looks):
    """Open every page, look at it in each of these ways, and return what is wrong by page and way."""
    found = {}
    for path in (*PUBLIC, None, *list_paths(platform)):
        if path is None:
            person.sign_in()
            continue
        for number, (width, theme) in enumerate(looks):
            person.look_as(**WIDTHS[width], theme=theme)
            if not number:
                person.go(path)
            problems = person.find_barriers()
            if person.is_wider_than_the_window():
                problems.append("wider than the window")
            if problems:
                found[path, width, theme] = problems
    return found


def test_no_page_has_a_barrier_or_scrolls_sideways(visit, platform):
    """A page is opened wide and light, and looked at once more when the window is a phone's and the theme dark."""
    assert walk(visit(), platform, [("wide", "light"), ("phone", "dark")]) == {}


@pytest.mark.long
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_has_a_barrier_or_scrolls_sideways_when_it_is_opened_so(visit, platform, theme, width):
    assert walk(visit(has_touch=width == "phone"), platform, [(width, theme)]) == {}
