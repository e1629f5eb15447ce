"""Every page of the dashboard by name, for tests that walk all of them."""

from __future__ import annotations

from django.urls import reverse

from tests.scenes import Desk

PLAIN = (
    "overview", "strategies", "strategy-new", "fleet", "executor-new", "risk", "account-new", "backtests",
    "backtests-compare", "halt", "trades", "data", "data-new", "bots", "team", "keys", "security", "first-team",
    "commands", "events",
)  # fmt: skip


def list_pages(desk: Desk) -> dict[str, str]:
    """Return the address of every page that can be read."""
    strategy, account = desk.trend.slug, desk.paper.code
    return {
        **{name: reverse(f"dashboard:{name}") for name in PLAIN},
        **list_rows(desk),
        "strategy-pause": reverse("dashboard:strategy-act", args=[strategy, "pause"]),
        "account-figures": reverse("dashboard:account-equity", args=[account]),
        "account-candles": reverse("dashboard:account-candles", args=[account]) + "?symbol=EURUSD&timeframe=M5",
        "trades-export": reverse("dashboard:trades-export"),
        "bulk": reverse("dashboard:bulk") + "?act=SNAPSHOT&executor=sim-1&executor=ldn-1",
    }


def list_rows(desk: Desk) -> dict[str, str]:
    """Return the addresses that name a row of the team."""
    strategy, account = desk.trend.slug, desk.paper.code
    return {
        "strategy": reverse("dashboard:strategy", args=[strategy]),
        "strategy-edit": reverse("dashboard:strategy-edit", args=[strategy]),
        "activate": reverse("dashboard:activate", args=[strategy]),
        "strategy-stop": reverse("dashboard:strategy-act", args=[strategy, "stop"]),
        "backtest-new": reverse("dashboard:backtest-new", args=[strategy]),
        "backtest": reverse("dashboard:backtest", args=[desk.backtest.public_id]),
        "study-new": reverse("dashboard:study-new", args=[desk.backtest.public_id, "challenge"]),
        "sweep-new": reverse("dashboard:study-new", args=[desk.backtest.public_id, "walk_forward"]),
        "study": reverse("dashboard:study", args=[desk.study.public_id]),
        "bot": reverse("dashboard:bot", args=[desk.bot.bot_id]),
        "bot-retire": reverse("dashboard:bot-retire", args=[desk.bot.bot_id]),
        "executor": reverse("dashboard:executor", args=["sim-1"]),
        "executor-revoke": reverse("dashboard:executor-revoke", args=["sim-1"]),
        "executor-retire": reverse("dashboard:executor-retire", args=["sim-1"]),
        "ask-close-bot": reverse("dashboard:ask", args=["sim-1", "close-bot"]),
        "ask-upgrade": reverse("dashboard:ask", args=["sim-1", "upgrade"]),
        "executor-log": reverse("dashboard:executor-log", args=["sim-1"]),
        "command": reverse("dashboard:command", args=[desk.command.public_id]),
        "batch": reverse("dashboard:batch", args=[desk.batch.public_id]),
        "timeline": reverse("dashboard:timeline", args=[desk.assignment.public_id]),
        "account-flatten": reverse("dashboard:account-flatten", args=[account]),
        "account": reverse("dashboard:account", args=[account]),
        "account-settings": reverse("dashboard:account-settings", args=[account]),
        "account-limits": reverse("dashboard:account-limits", args=[account]),
        "account-pack": reverse("dashboard:account-pack", args=[account]) + "?program=alices-copy%7Cchallenge",
        "account-pack-leave": reverse("dashboard:account-pack-leave", args=[account]),
        "account-lift": reverse("dashboard:account-lift", args=[account]),
        "position-close": reverse("dashboard:position-close", args=[account, 101]),
        "dataset": reverse("dashboard:dataset", args=[desk.dataset.handle]),
        "dataset-delete": reverse("dashboard:dataset-delete", args=[desk.dataset.handle]),
        "data-import": reverse("dashboard:data-import", args=[desk.dataset_import.public_id]),
        "trade": reverse("dashboard:trade", args=[desk.trade.public_id]),
    }
