"""What a bot earned (RiskMind §5.2), from real deals, by its account's own clock; undefined is null, never zero."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import AccountRisk
from apps.accounts.services import store_snapshot
from apps.bots.services import register_bot
from apps.common.clock import read_at
from apps.trades.bot_performance import Performance, _add_up, measure_bot, measure_periods, measure_today
from apps.trades.periods import Span
from apps.trades.services.deals import apply_deals
from apps.trades.services.origins import ApprovalRef, Origin, Origins
from tests.fleet import MARKET_AT, OUT, SELL, deal, make_account, position, snapshot
from tests.world import api_client, make_key

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def account(world):
    return make_account(world.team, code="account_001", zone="UTC")


@pytest.fixture
def bot(account):
    return register_bot(account=account, actor="test", bot_id="analyst-bot-007", guild="ANALYST", magic=10_007)


def trade(bot, number, profit, *, closed_at=MARKET_AT, risk="20", costs="0"):
    """Book the deals of one closed trade under an approval (without `risk`: under none)."""
    tickets = 10 * number, 10 * number + 1
    opening = deal(tickets[0], position_id=number, magic=bot.magic, market_at=closed_at - HOUR)
    closing = deal(
        tickets[1], position_id=number, magic=bot.magic, deal_type=SELL, entry=OUT, profit=Decimal(profit),
        commission=Decimal(costs), market_at=closed_at,
    )  # fmt: skip
    approval = ApprovalRef(uuid4(), bot.pk, None, Decimal(risk)) if risk else None
    origins = Origins({bot.magic: Origin(bot.pk, False)}, {tickets[0]: approval} if approval else {})
    apply_deals(account=bot.account, deals=[opening, closing], origins=origins, at=read_at())


def see(account, *, market_at=MARKET_AT, positions=()):
    message = snapshot(positions=list(positions))
    store_snapshot(account=account, executor_id=None, message=message, at=read_at())
    account.snapshot.refresh_from_db() if hasattr(account, "snapshot") else None
    type(account.snapshot).objects.update(market_at=market_at)


def ask(world, period="today", bot_id="analyst-bot-007"):
    answer = api_client(make_key(world.alice)[1]).get(f"/api/v1/bots/{bot_id}/performance?period={period}")
    return answer.json() if answer.status_code == 200 else answer


def test_the_specs_day_has_the_specs_figures(world, account, bot):
    for number, profit in enumerate(["30", "-22.5", "25", "25", "-22.5", "26.25", "26.25"], 1):
        trade(bot, number, profit, risk="21.428571", closed_at=MARKET_AT + number * timedelta(minutes=1))
    see(account, market_at=MARKET_AT + HOUR, positions=[position(77, magic=bot.magic, profit=Decimal("12.30"))])

    found = ask(world)

    spec = {"bot_id": "analyst-bot-007", "period": "today", "trades": 7, "wins": 5, "losses": 2, "total_pnl": 87.5}
    assert {name: found[name] for name in spec} == spec
    assert found["win_rate"] == pytest.approx(0.714, abs=1e-3)
    assert found["total_risked"] == 150
    assert found["pnl_to_risk"] == found["risk_reward_ratio"] == pytest.approx(0.58, abs=5e-3)
    assert found["reward_to_risk"] == pytest.approx((132.5 / 5) / 22.5, abs=1e-6)
    assert found["max_drawdown"] == 22.5
    assert found["current_positions"] == [
        {"ticket": 77, "symbol": "EURUSD", "volume": 0.1, "unrealized_pnl": 12.3}
    ]  # fmt: skip


def test_without_a_trade_every_rate_is_null_and_sums_are_zero(world, account, bot):
    found = ask(world)
    nothing = ("win_rate", "pnl_to_risk", "risk_reward_ratio", "reward_to_risk", "average_win", "average_loss",
               "expectancy", "profit_factor", "unrealized_pnl", "seen_at")  # fmt: skip
    assert {found[name] for name in nothing} == {None}
    assert (found["trades"], found["total_pnl"], found["total_risked"], found["max_drawdown"]) == (0, 0, 0, 0)
    assert found["current_positions"] == []


def test_a_ratio_without_a_loss_and_a_risk_that_nobody_knows_are_null(world, account, bot):
    see(account, market_at=MARKET_AT + HOUR)
    trade(bot, 1, "10", risk="")
    trade(bot, 2, "0", risk="")
    found = ask(world)
    assert (found["wins"], found["losses"], found["win_rate"]) == (1, 0, 0.5)
    assert (found["reward_to_risk"], found["profit_factor"], found["pnl_to_risk"]) == (None, None, None)
    assert (found["total_risked"], found["risked_trades"], found["expectancy"]) == (0, 0, 5)


def test_costs_count_and_a_trade_without_known_risk_does_not_flatter_the_rest(world, account, bot):
    see(account, market_at=MARKET_AT + HOUR)
    trade(bot, 1, "10", costs="-2", risk="16")
    trade(bot, 2, "100", risk="")
    found = ask(world)
    assert (found["total_pnl"], found["pnl_to_risk"], found["risked_trades"]) == (108, 0.5, 1)


def test_periods_follow_the_accounts_market_and_its_day(world, account, bot):
    see(account, market_at=MARKET_AT)
    for number, back in enumerate([HOUR, timedelta(days=1), timedelta(days=8), timedelta(days=31)], 1):
        trade(bot, number, "10", closed_at=MARKET_AT - back)
    counts = {period: ask(world, period)["trades"] for period in ("today", "7d", "30d", "all", "ALL")}
    assert counts == {"today": 1, "7d": 2, "30d": 3, "all": 4, "ALL": 4}
    assert ask(world, "all")["since"] is None
    assert ask(world, "today")["since"] == "2026-03-02T00:00:00.000Z"


def test_the_day_in_force_is_the_risk_rows_and_a_day_that_is_over_is_not_today(world, account, bot):
    see(account, market_at=MARKET_AT)
    trade(bot, 1, "10", closed_at=MARKET_AT - 2 * HOUR)
    days = AccountRisk.objects.filter(account=account)
    days.update(day_starts_at=MARKET_AT - HOUR, day_ends_at=MARKET_AT + HOUR)
    assert ask(world)["trades"] == 0
    days.update(day_starts_at=MARKET_AT - 40 * HOUR, day_ends_at=MARKET_AT - 30 * HOUR)
    assert ask(world)["trades"] == 1  # turned by nobody yet: the zone's own day


@pytest.mark.parametrize("period", ["yesterday", "", "7D7", "90d"])
def test_an_unknown_period_is_refused_with_what_is_allowed(world, bot, period):
    refused = ask(world, period)
    assert (refused.status_code, refused.json()["code"]) == (400, "FIELD_INVALID")
    assert refused.json()["extra"]["allowed"] == ["today", "7d", "30d", "all"]


def test_another_bots_trades_and_positions_are_not_counted(world, account, bot):
    other = register_bot(account=account, actor="test", bot_id="other", guild="ANALYST")
    trade(other, 1, "10")
    see(account, positions=[position(1, magic=other.magic)])
    found = ask(world)
    assert (found["trades"], found["current_positions"]) == (0, [])


def test_the_day_of_many_bots_costs_two_statements(account, django_assert_num_queries):
    bots = [register_bot(account=account, actor="test", bot_id=f"bot-{n}", guild="ANALYST") for n in range(5)]
    see(account, market_at=MARKET_AT)
    trade(bots[0], 1, "10", closed_at=MARKET_AT - HOUR)
    trade(bots[0], 2, "-4", closed_at=MARKET_AT - HOUR)
    at = read_at()
    with django_assert_num_queries(2):
        found = measure_today(bots, at)
    first = found[bots[0].pk]
    assert (first.trades, first.wins, first.pnl, first.risked, first.win_rate) == (2, 1, 6, 40, Decimal("0.5"))
    assert {found[bot.pk].trades for bot in bots[1:]} == {0}
    assert found[bots[0].pk].pnl == measure_bot(bots[0], "today", read_at()).total_pnl


def test_all_periods_at_once_are_what_each_is_by_itself(account, bot):
    see(account, market_at=MARKET_AT)
    for number, back in enumerate([HOUR, timedelta(days=3), timedelta(days=20), timedelta(days=90)], 1):
        trade(bot, number, str(number), closed_at=MARKET_AT - back)
    at = read_at()
    periods, results = measure_periods(bot, at)
    assert periods == [measure_bot(bot, period.period, at) for period in periods]
    assert [period.trades for period in periods] == [1, 2, 3, 4] == [1, 2, 3, len(results)]


RESULTS = st.lists(
    st.tuples(st.decimals("-1000", "1000", places=2), st.none() | st.decimals("1", "100", places=2)), max_size=60
)


@given(RESULTS)
def test_figures_hold_together_for_any_history(results):
    found = Performance(None, "all", Span(None, MARKET_AT))
    _add_up(found, [(MARKET_AT, *result) for result in results])
    pnls = [pnl for pnl, _ in results]
    assert found.total_pnl == sum(pnls) == found.gross_profit + found.gross_loss
    assert found.wins + found.losses <= found.trades == len(pnls)
    curve = [Decimal(0)]
    for pnl in pnls:
        curve.append(curve[-1] + pnl)
    assert found.max_drawdown == max(max(curve[: n + 1]) - value for n, value in enumerate(curve))
    assert found.pnl_to_risk is None or found.risked_trades > 0
