"""A trade that passes, to be spoiled one fact at a time."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from trading.risk.exposure import Exposure
from trading.risk.limits import Limits, default_limits
from trading.risk.sizing import SymbolTerms
from trading.risk.verdict import Asked, RiskState

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
EURUSD = SymbolTerms(
    name="EURUSD",
    digits=5,
    point=Decimal("0.00001"),
    tick_size=Decimal("0.00001"),
    tick_value_loss=Decimal(1),
    contract_size=Decimal(100_000),
    volume_min=Decimal("0.01"),
    volume_max=Decimal(100),
    volume_step=Decimal("0.01"),
    profit_rate=Decimal(1),
    margin_per_lot=Decimal(1000),
    bid=Decimal("1.09998"),
    ask=Decimal("1.10000"),
    currency_base="EUR",
    currency_profit="USD",
)
LIMITS: Limits = default_limits(mode="PAPER", account_size=Decimal(100_000))
EVERY_LIMIT: Limits = replace(
    LIMITS,
    max_open_risk_fraction=Decimal("0.02"),
    max_cluster_risk_fraction=Decimal("0.02"),
    max_correlation=Decimal("0.7"),
    max_currency_risk_fraction=Decimal("0.02"),
    forbid_opposite_positions=True,
    consistency_fraction=Decimal("0.4"),
    profit_target_fraction=Decimal("0.1"),
    min_trading_days=4,
    news_before_s=120,
    news_after_s=120,
    weekend_holding=False,
    flat_by="15:10 America/Chicago",
    flat_guard_s=600,
)


def asked(**changes) -> Asked:
    base = Asked(
        symbol="EURUSD",
        side="BUY",
        entry_price=Decimal("1.10000"),
        stop_loss=Decimal("1.09800"),
        take_profit=Decimal("1.10400"),
        requested_lots=Decimal("1.00"),
    )
    return replace(base, **changes)


def state(**changes) -> RiskState:
    base = RiskState(
        latches=(),
        halt_epoch=3,
        bot_status="ACTIVE",
        bot_managed=False,
        day=date(2026, 3, 4),
        day_ends_at=AT + timedelta(hours=12),
        day_balance=Decimal(100_000),
        day_equity=Decimal(100_000),
        peak=Decimal(100_000),
        initial_balance=Decimal(100_000),
        reserved=Decimal(0),
        held=0,
        risked_today=Decimal(0),
        snapshot_at=AT - timedelta(seconds=3),
        snapshot_complete=True,
        trade_allowed=True,
        balance=Decimal(100_000),
        equity=Decimal(100_000),
        free_margin=Decimal(100_000),
        exposure=Exposure(),
        terms=EURUSD,
    )
    return replace(base, **changes)


def managed(**changes) -> RiskState:
    base = {
        "bot_managed": True,
        "assignment_desired": "RUNNING",
        "assignment_generation": 7,
        "lease_executor_id": "exr_1",
        "lease_until": AT + timedelta(seconds=10),
        "fence": 5,
    }
    return state(**{**base, **changes})


def asked_by_executor(**changes) -> Asked:
    return asked(**{"executor_id": "exr_1", "fence": 5, "halt_epoch": 3, "generation": 7, **changes})
