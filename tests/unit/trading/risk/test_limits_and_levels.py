"""Limit documents are read strictly; floors and levels follow the firms' own formulas."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.trading.risk.cases import EURUSD
from trading.risk.exposure import Holding, loss_to_stop, measure_exposure
from trading.risk.levels import RiskLevel, level_of, stand, total_floor
from trading.risk.limits import InvalidLimits, default_limits, is_looser, parse_limits

D = Decimal
PAPER = default_limits(mode="PAPER", account_size=D(100_000))


@pytest.mark.parametrize(
    "size, per_trade, daily",
    [(100_000, "0.0025", "0.025"), (99_999, "0.005", "0.03"), (10_000, "0.005", "0.03"), (9_999, "0.01", "0.05")],
)
def test_default_limits_follow_the_matrix_at_its_lower_end(size, per_trade, daily):
    limits = default_limits(mode="PERSONAL", account_size=D(size))

    assert (limits.max_risk_per_trade_fraction, limits.daily_loss_fraction) == (D(per_trade), D(daily))
    assert limits.max_daily_risk_fraction == D(daily)
    assert limits.total_drawdown_fraction == D("0.05")


def test_limits_keep_their_hash_through_a_document_however_numbers_are_written():
    document = PAPER.as_document()
    document["total_drawdown_fraction"] = 0.050

    assert parse_limits(document).content_hash == PAPER.content_hash
    assert replace(PAPER, total_drawdown_fraction=D("0.06")).content_hash != PAPER.content_hash


@pytest.mark.parametrize(
    "name, value",
    [
        ("daily_loss_fraction", 5),
        ("daily_loss_fraction", "NaN"),
        ("daily_loss_fraction", -0.01),
        ("daily_loss_fraction", True),
        ("daily_loss_fraction", None),
        ("max_open_positions", 1.5),
        ("max_open_positions", -1),
        ("daily_base", "YESTERDAY"),
        ("mode", "ASLEEP"),
        ("drawdown_locks_at_initial", "yes"),
        ("daily_los_fraction", "0.05"),
    ],
)
def test_parse_limits_refuses_with_the_fields_name(name, value):
    with pytest.raises(InvalidLimits) as refused:
        parse_limits({**PAPER.as_document(), name: value})
    assert refused.value.field == name


def test_parse_limits_refuses_a_document_with_a_limit_missing():
    with pytest.raises(InvalidLimits):
        parse_limits({"daily_loss_fraction": "0.05"})


@pytest.mark.parametrize(
    "name, value, looser",
    [
        ("daily_loss_fraction", "0.03", True),
        ("daily_loss_fraction", "0.02", False),
        ("max_open_positions", None, True),
        ("max_open_positions", 3, False),
        ("max_daily_risk_fraction", None, True),
        ("max_cluster_risk_fraction", "0.01", False),
        ("mode", "SHADOW", True),
        ("mode", "OFF", True),
        ("daily_base", "EQUITY", True),
        ("unprotected_move_fraction", "0.05", True),
        ("reset_guard_s", 10, True),
        ("max_slippage_ratio", "3", True),
    ],
)
def test_is_looser_knows_the_direction_of_every_rule(name, value, looser):
    assert is_looser(parse_limits({**PAPER.as_document(), name: value}), PAPER) is looser


@pytest.mark.parametrize(
    "changes, day_balance, day_equity, daily_floor",
    [
        ({"daily_loss_fraction": D("0.05")}, 104_000, 104_000, 99_000),  # FTMO 2-step
        (
            {"daily_loss_fraction": D("0.05"), "daily_fraction_of": "REFERENCE", "daily_base": "HIGHER"},
            100_000,
            102_000,
            96_900,  # The5ers
        ),
        ({"daily_loss_fraction": D("0.05"), "daily_base": "EQUITY"}, 100_000, 98_000, 93_000),
    ],
)
def test_daily_floor_follows_the_firms_formula(changes, day_balance, day_equity, daily_floor):
    standing = stand(
        replace(PAPER, **changes),
        initial_balance=D(100_000),
        day_balance=D(day_balance),
        day_equity=D(day_equity),
        peak=D(100_000),
        equity=D(100_000),
    )

    assert standing.daily_floor == daily_floor


@pytest.mark.parametrize(
    "mode, locks, peak, floor",
    [
        ("STATIC", False, 120_000, 90_000),
        ("TRAILING_EOD", False, 104_000, 94_000),
        ("TRAILING_EOD", False, 90_000, 90_000),
        ("TRAILING_CLOSED", True, 108_000, 98_000),
        ("TRAILING_INTRADAY", True, 150_000, 100_000),
    ],
)
def test_total_floor_trails_and_locks(mode, locks, peak, floor):
    limits = replace(PAPER, total_drawdown_fraction=D("0.1"), drawdown_mode=mode, drawdown_locks_at_initial=locks)

    assert total_floor(limits, initial_balance=D(100_000), peak=D(peak)) == floor


@pytest.mark.parametrize(
    "used, level, light, mikrobot",
    [
        ("0", "SAFE", "GREEN", "LOW"),
        ("0.4999", "SAFE", "GREEN", "LOW"),
        ("0.5", "CAUTION", "YELLOW", "MEDIUM"),
        ("0.7", "WARNING", "ORANGE", "HIGH"),
        ("0.85", "CRITICAL", "RED", "CRITICAL"),
        ("0.95", "HALTED", "BLACK", "CRITICAL"),
        ("7", "HALTED", "BLACK", "CRITICAL"),
    ],
)
def test_levels_lights_and_words(used, level, light, mikrobot):
    found = level_of(D(used), latched=False)

    assert (found, found.light, found.mikrobot) == (level, light, mikrobot)


def test_any_latch_is_halted():
    assert level_of(D(0), latched=True) is RiskLevel.HALTED


def holding(**changes):
    base = {
        "symbol": "EURUSD",
        "side": "BUY",
        "volume_lots": D("0.5"),
        "entry_price": D("1.1"),
        "price": D("1.102"),
        "stop_loss": D("1.099"),
        "profit": D(100),
        "position_id": 9,
    }
    return Holding(**{**base, **changes})


def test_a_position_loses_from_its_current_price_to_its_stop():
    assert loss_to_stop(holding(), EURUSD) == D(150)
    assert loss_to_stop(holding(stop_loss=D("1.101")), EURUSD) == D(50)  # in profit, and gives the rest back
    assert loss_to_stop(holding(side="SELL", stop_loss=D("1.104"), profit=D(-100)), EURUSD) == D(100)
    assert loss_to_stop(holding(stop_loss=D("1.103")), EURUSD) == 0


def test_an_unknown_symbol_is_judged_by_the_positions_own_profit():
    assert loss_to_stop(holding(), None) == D(150)


def test_what_nobody_can_say_is_a_problem_and_still_counts_as_a_position():
    lost = measure_exposure([holding(stop_loss=None), holding()], {"EURUSD": EURUSD})
    unknown = measure_exposure([holding(profit=None)], {})

    assert (lost.problem, lost.count, lost.worst_loss) == ("POSITION_WITHOUT_STOP", 2, D(150))
    assert unknown.problem == "EXPOSURE_UNKNOWN"


def test_a_position_without_stop_counts_with_the_move_that_the_limits_assume():
    exposure = measure_exposure([holding(stop_loss=None)], {"EURUSD": EURUSD}, unprotected_move_fraction=D("0.05"))

    assert exposure.problem == ""
    assert exposure.worst_loss == D("2755.0")  # 5 % of 1.102 on half a lot
