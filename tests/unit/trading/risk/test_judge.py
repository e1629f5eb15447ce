"""The judge: each rule alone denies, and nothing that goes wrong inside approves."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.risk.cases import AT, EURUSD, EVERY_LIMIT, LIMITS, asked, asked_by_executor, managed, state
from trading.risk import judge as bench
from trading.risk.exposure import Exposure
from trading.risk.judge import CHECKS, judge
from trading.risk.limits import LIMIT_CHECKS

D = Decimal


def verdict(request=None, facts=None, limits=LIMITS, market_at=AT):
    return judge(request or asked(), facts or state(), limits, AT, market_at)


def test_judge_approves_a_sane_trade_with_the_figures_it_was_decided_by():
    answer = verdict()

    assert (answer.approved, answer.reason_code, answer.lots) == (True, "APPROVED", D("1.00"))
    assert answer.risk_amount == D(200)
    assert answer.risk_fraction == D("0.002")
    assert [check.name for check in answer.checks] == [name for name, _ in CHECKS]
    assert {check.status for check in answer.checks} <= {"PASSED", "SKIPPED"}


def test_judge_shrinks_to_the_risk_per_trade_and_says_so():
    answer = verdict(asked(requested_lots=D(9)))

    assert answer.lots == D("1.25")  # 250 of 200 a lot
    assert answer.warnings[0].startswith("LOTS_ADJUSTED")


def test_judge_takes_the_lower_of_balance_and_equity_as_risk_base():
    answer = verdict(asked(requested_lots=D(9)), state(equity=D(99_000)))

    assert answer.lots == D("1.23")  # 247.50 of 200 a lot, down to the step


SPOILED = [
    ("HALTED_TEAM", {}, {"latches": (("team", "news"),)}),
    ("HALT_EPOCH_STALE", {"halt_epoch": 2}, {}),
    ("BOT_NOT_ACTIVE", {}, {"bot_status": "QUARANTINE"}),
    ("ACCOUNT_STALE", {}, {"snapshot_at": None}),
    ("ACCOUNT_STALE", {}, {"snapshot_at": AT - timedelta(seconds=15, milliseconds=1)}),
    ("ACCOUNT_STALE", {}, {"snapshot_at": AT + timedelta(seconds=3)}),
    ("ACCOUNT_STALE", {}, {"equity": D("NaN")}),
    ("SNAPSHOT_INCOMPLETE", {}, {"snapshot_complete": False}),
    ("TRADE_NOT_ALLOWED", {}, {"trade_allowed": False}),
    ("SYMBOL_UNKNOWN", {}, {"terms": None}),
    ("SPEC_CHANGED", {}, {"terms": replace(EURUSD, unseen_changes=("volume_step",))}),
    ("SYMBOL_CLOSE_ONLY", {}, {"terms": replace(EURUSD, trade_mode=3)}),
    ("NO_TICK_VALUE", {}, {"terms": replace(EURUSD, tick_value_loss=D(0))}),
    ("BAD_REQUEST", {"side": "HOLD"}, {}),
    ("BAD_REQUEST", {"entry_price": D("NaN")}, {}),
    ("BAD_REQUEST", {"requested_lots": D("-1")}, {}),
    ("BAD_REQUEST", {"requested_lots": D("Infinity")}, {}),
    ("BAD_REQUEST", {"requested_lots": D("1e12")}, {}),
    ("SL_WRONG_SIDE", {"stop_loss": D("1.10200")}, {}),
    ("SL_WRONG_SIDE", {"side": "SELL"}, {}),
    ("PRICE_NOT_ON_TICK", {"stop_loss": D("1.098005")}, {}),
    ("SL_TOO_CLOSE", {"stop_loss": D("1.09990")}, {"terms": replace(EURUSD, stops_level_points=30)}),
    ("TP_WRONG_SIDE", {"take_profit": D("1.09900")}, {}),
    ("PRICE_OFF_MARKET", {}, {"terms": replace(EURUSD, ask=D("1.10300"), bid=D("1.10298"))}),
    ("SPREAD_TOO_WIDE", {}, {"bot_tags": ("@scalping",), "terms": replace(EURUSD, bid=D("1.09900"))}),
    ("SPREAD_UNKNOWN", {}, {"bot_tags": ("@scalping",), "terms": replace(EURUSD, bid=None, ask=None)}),
    ("POSITION_WITHOUT_STOP", {}, {"exposure": Exposure(problem="POSITION_WITHOUT_STOP", message="x")}),
    ("BELOW_MIN_LOT", {"requested_lots": D("0.009")}, {}),
    ("NO_MARGIN", {}, {"free_margin": D(5)}),
    ("TICK_VALUE_MISMATCH", {}, {"terms": replace(EURUSD, tick_value_loss=D("1.1"))}),
    ("NO_TRADING_DAY", {}, {"day": None}),
    ("DAILY_LOSS_LIMIT", {}, {"equity": D(97_699)}),
    ("DAILY_LOSS_LIMIT", {}, {"exposure": Exposure(worst_loss=D("2300.01"))}),
    ("DAILY_LOSS_LIMIT", {}, {"reserved": D("2300.01")}),
    ("DRAWDOWN_LIMIT", {}, {"equity": D(95_100), "balance": D(95_100), "day_balance": D(95_100)}),
    (
        "DRAWDOWN_LIMIT",
        {},
        {"equity": D(95_400), "balance": D(95_400), "day_balance": D(95_400), "exposure": Exposure(worst_loss=D(300))},
    ),
    ("DAILY_RISK_LIMIT", {}, {"risked_today": D("2300.01")}),
    ("MAX_POSITIONS", {}, {"exposure": Exposure(count=15), "held": 5}),
    ("STOP_TOO_FAR", {"stop_loss": D("1.04499")}, {}),
    ("POSITION_SIZE", {}, {"terms": replace(EURUSD, margin_per_lot=D(1_000_001))}),
]


@pytest.mark.parametrize("code, request_changes, state_changes", SPOILED)
def test_judge_denies_with_the_reason(code, request_changes, state_changes):
    answer = verdict(asked(**request_changes), state(**state_changes))

    assert (answer.approved, answer.reason_code) == (False, code)
    assert answer.lots == answer.risk_amount == 0
    assert answer.message
    statuses = [check.status for check in answer.checks]
    assert statuses.count("FAILED") == 1
    assert set(statuses[statuses.index("FAILED") + 1 :]) <= {"SKIPPED"}


@pytest.mark.parametrize(
    "facts",
    [
        {"equity": D(97_700) + D(200)},  # 2100 lost and 200 now: 2300 of 2500, below the halt at 95 %
        {"exposure": Exposure(worst_loss=D(2300))},
        {"reserved": D(2300)},
        {"risked_today": D(2249)},
        {"exposure": Exposure(count=14), "held": 5},
    ],
)
def test_judge_approves_up_to_the_limit(facts):
    assert verdict(facts=state(**facts)).reason_code == "APPROVED"


def test_judge_lets_the_days_profit_carry_risk_that_the_floor_allows():
    winner = state(equity=D(101_000), exposure=Exposure(worst_loss=D(3000)))

    assert verdict(facts=winner).approved


def test_judge_gives_no_new_risk_from_95_percent_of_a_limit_however_small_the_trade():
    near = state(equity=D(97_625))  # 2375 of 2500

    answer = verdict(asked(requested_lots=D("0.01")), near)

    assert answer.reason_code == "DAILY_LOSS_LIMIT"


LEASE = [
    ("LEASE_REQUIRED", {"executor_id": None}, {}),
    ("LEASE_REQUIRED", {"fence": None}, {}),
    ("LEASE_REQUIRED", {"halt_epoch": None}, {}),
    ("LEASE_NOT_HELD", {"executor_id": "exr_2"}, {}),
    ("LEASE_NOT_HELD", {"fence": 4}, {}),
    ("LEASE_NOT_HELD", {}, {"lease_until": AT}),
    ("LEASE_NOT_HELD", {}, {"lease_until": None}),
    ("GENERATION_STALE", {"generation": 6}, {}),
    ("ASSIGNMENT_NOT_RUNNING", {}, {"assignment_desired": "STOPPED"}),
    ("ASSIGNMENT_NOT_RUNNING", {}, {"assignment_desired": None}),
    ("ENTRIES_NOT_ALLOWED", {}, {"entries_allowed": False}),
]


@pytest.mark.parametrize("code, request_changes, state_changes", LEASE)
def test_judge_denies_a_managed_bot_without_its_lease(code, request_changes, state_changes):
    assert verdict(asked_by_executor(), managed()).approved
    assert verdict(asked_by_executor(**request_changes), managed(**state_changes)).reason_code == code


def test_judge_looks_at_the_next_days_floor_when_the_reset_is_near():
    # A floating loss of 2000 leaves today 500, but the next day starts from the balance: 102,000 - 2,500.
    facts = state(balance=D(102_000), equity=D(100_000), day_balance=D(100_000), exposure=Exposure(worst_loss=D(400)))
    soon = facts.day_ends_at - timedelta(seconds=300)

    assert verdict(facts=facts, market_at=soon - timedelta(seconds=1)).approved
    assert verdict(facts=facts, market_at=soon).reason_code == "DAILY_LOSS_NEXT_DAY"


def test_judge_counts_unknown_correlation_as_whole():
    limits = replace(LIMITS, max_cluster_risk_fraction=D("0.005"))  # 500
    facts = state(exposure=Exposure(worst_loss=D(400), by_symbol={"GBPUSD": D(400)}, count=1))

    assert verdict(facts=facts, limits=limits).reason_code == "CLUSTER_RISK"
    assert verdict(facts=replace(facts, correlations={"GBPUSD": D("-0.7")}), limits=limits).approved
    assert (
        verdict(facts=replace(facts, correlations={"GBPUSD": D("-0.8")}), limits=limits).reason_code == "CLUSTER_RISK"
    )


@pytest.mark.parametrize(
    "facts", [{"reserved": D(9000)}, {"equity": D(90_000)}, {"risked_today": D(99_999)}, {"held": 99}]
)
def test_judge_in_shadow_mode_approves_and_warns(facts):
    shadow = verdict(facts=state(**facts), limits=replace(LIMITS, mode="SHADOW"))

    assert shadow.approved
    assert shadow.warnings
    assert "WARNED" in {check.status for check in shadow.checks}


@pytest.mark.parametrize("mode", ["SHADOW", "OFF"])
@pytest.mark.parametrize("code, request_changes, state_changes", SPOILED[:20])
def test_judge_keeps_latches_freshness_and_sanity_whatever_the_mode(mode, code, request_changes, state_changes):
    answer = verdict(asked(**request_changes), state(**state_changes), replace(LIMITS, mode=mode))

    assert answer.reason_code == code


@pytest.mark.parametrize("name", [name for name, _ in CHECKS])
@pytest.mark.parametrize("error", [RuntimeError, KeyError, ArithmeticError, RecursionError, AssertionError])
@pytest.mark.parametrize("mode", ["ENFORCE", "SHADOW"])
def test_no_error_inside_a_check_approves(monkeypatch, name, error, mode):
    def explode(case):
        raise error("injected")

    table = tuple((one, explode if one == name else check) for one, check in CHECKS)
    monkeypatch.setattr(bench, "CHECKS", table)

    answer = verdict(limits=replace(LIMITS, mode=mode))

    assert (answer.approved, answer.reason_code) == (False, "JUDGE_ERROR")


FIELDS = st.sampled_from([name for name in state().__dataclass_fields__ if name not in ("bot_tags", "fresh_s")])


@settings(max_examples=200)
@given(name=FIELDS, junk=st.sampled_from(["junk", object(), D("NaN"), D("sNaN"), float("nan"), [1], b""]))
def test_a_state_that_is_not_a_state_never_risks_more(name, junk):
    held = state(held_sides={"GBPUSD": "BUY"}, correlations={"GBPUSD": D("0.5")})

    answer = verdict(facts=replace(held, **{name: junk}), limits=EVERY_LIMIT)

    if answer.approved:  # a field this trade does not depend on
        assert name in {
            "latches", "assignment_desired", "assignment_generation", "entries_allowed", "lease_executor_id",
            "lease_until", "fence", "halt_epoch", "bot_managed", "opposite",
            "snapshot_complete", "trade_allowed", "peak", "day_equity", "day", "news_what", "news_covered",
            "days_traded",
        }  # fmt: skip


money = st.decimals("0", "6000", places=2)


@settings(max_examples=400)
@given(
    lost=st.decimals("-3000", "6000", places=2),
    floating=money,
    reserved=money,
    risked=money,
    lots=st.decimals("0.01", "50", places=2),
    ticks=st.integers(1, 5000),
    side=st.sampled_from(["BUY", "SELL"]),
)
def test_an_approved_trade_never_takes_the_account_beyond_a_limit(lost, floating, reserved, risked, lots, ticks, side):
    sign = 1 if side == "BUY" else -1
    entry = EURUSD.ask if side == "BUY" else EURUSD.bid
    request = asked(
        side=side,
        entry_price=entry,
        stop_loss=entry - sign * ticks * EURUSD.tick_size,
        take_profit=None,
        requested_lots=lots,
    )
    facts = state(
        equity=100_000 - lost,
        balance=100_000 - lost,
        reserved=reserved,
        risked_today=risked,
        exposure=Exposure(worst_loss=floating),
    )

    answer = verdict(request, facts)

    if answer.approved:
        assert answer.lots <= lots
        assert lost + floating + reserved + answer.risk_amount <= D(2500)
        assert answer.risk_amount <= D("0.0025") * (100_000 - lost) + D("0.001")
        assert risked + answer.risk_amount <= D("0.025") * (100_000 - lost)
    else:
        assert answer.lots == 0


def test_limit_checks_are_checks():
    assert {name for name, _ in CHECKS} >= LIMIT_CHECKS
