"""A team with bars and a strategy to test on them, and a worker that can be told when to die."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apps.accounts.models import Account
from apps.accounts.services import load_presets
from apps.backtests.models import Run, Study
from apps.backtests.services.asking import Asked, ask_run
from apps.backtests.services.working import work_next
from apps.market.models import Bar
from apps.strategies.models import Strategy
from apps.strategies.selectors import get_latest_version
from apps.teams.models import Team
from tests.fleet import make_account, make_strategy
from tests.unit.trading.making import cross_rules, random_bars
from trading.model.instruments import typical_instrument

ACTOR = "user:alice@example.com"
RULES = cross_rules()


def store_random_bars(account: Account, count: int = 600, *, symbol: str = "EURUSD", seed: int = 7) -> None:
    """Keep a random walk of M1 bars as an agent's."""
    bars = random_bars(seed, count)
    Bar.objects.bulk_create(
        Bar(
            account=account, symbol=symbol, timeframe="M1", opens_at=datetime.fromtimestamp(bar.time, UTC),
            open=Decimal(f"{bar.open:.5f}"), high=Decimal(f"{bar.high:.5f}"), low=Decimal(f"{bar.low:.5f}"),
            close=Decimal(f"{bar.close:.5f}"), volume=1, spread_points=8,
        )
        for bar in bars
    )  # fmt: skip


def make_lab(team: Team, count: int = 600) -> tuple[Account, Strategy]:
    """Return an account with bars and a strategy that trades on them."""
    load_presets()
    account = make_account(team, code="lab-1", name="Lab", initial_balance=Decimal(10_000))
    store_random_bars(account, count)
    return account, make_strategy(team, name="Lab cross", rules=RULES)


def ask(team: Team, strategy: Strategy, **more: Any) -> Run:
    """Ask for a backtest of the strategy's newest version."""
    version = get_latest_version(strategy.pk)
    return ask_run(team=team, actor=ACTOR, asked=Asked(strategy=strategy, version=version, **more))


def work_off(most: int = 100) -> int:
    """Do everything that waits, as a compute worker would; return how much it was."""
    done = 0
    while done < most and work_next():
        done += 1
    return done


def let_lease_run_out(row: Any) -> None:
    """Have the worker of a row be dead for longer than its lease."""
    type(row).objects.filter(pk=row.pk).update(lease_until=datetime(2020, 1, 1, tzinfo=UTC))


def make_run(team: Team, strategy: Strategy, *, name: str = "A backtest") -> Run:
    """Keep a backtest that nobody computed, for tests that only look at rows."""
    version = get_latest_version(strategy.pk)
    return Run.objects.create(
        team=team, name=name, strategy=strategy, version=version, document=version.rules, symbol=version.symbol,
        timeframe=version.timeframe, source="STORED", bars_timeframe=version.timeframe,
        instrument=typical_instrument("EURUSD").as_dict(), instrument_source="typical", costs={"spread_pips": "1"},
        balance=Decimal(10_000), status="FAILED", problem={"code": "BARS_INVALID", "message": "no bars"},
    )  # fmt: skip


def make_study(run: Run, kind: str = "CHALLENGE", **more: Any) -> Study:
    """Keep a study that nobody computed."""
    return Study.objects.create(
        team=run.team, run=run, kind=kind, settings={}, status="FAILED", problem={"code": "X", "message": "no"}, **more
    )
