"""Reads the JSON document of a rule pack (the shape of `presets.json`) into `trading.risk.packs`, strictly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from typing import Any, Final

from trading.risk.days import MIDNIGHT, SERVER_ZONE, UnknownZone, check_zone
from trading.risk.limits import (
    BALANCE,
    EQUITY,
    HARD,
    HIGHER,
    INITIAL,
    PAUSE,
    REFERENCE,
    STATIC,
    TRAILING_CLOSED,
    TRAILING_EOD,
    TRAILING_INTRADAY,
)
from trading.risk.pack_block import MOST_DAYS, Block
from trading.risk.packs import (
    Allowance,
    Consistency,
    DailyLoss,
    FlatBy,
    InvalidPack,
    MaxLoss,
    News,
    PerTrade,
    Phase,
    RulePack,
    Source,
    Stage,
    Weekend,
)


def parse_pack(document: Mapping[str, Any]) -> RulePack:
    """
    Read a rule pack.

    Percent become fractions. Figures the firm leaves open (a percentage chosen at the checkout) are listed in ``gaps``.

    :raises InvalidPack: for unknown or missing names and values that can never be right; ``field`` is the path, the message says
        what would be right.

    >>> pack = parse_pack({"id": "mine", "firm": "Mine", "program": "One step",
    ...                    "phases": [{"name": "challenge", "profit_target_pct": 8}],
    ...                    "daily_loss": {"kind": "hard", "pct": 4, "reset": {"time": "00:00", "tz": "Europe/Prague"}},
    ...                    "max_loss": {"mode": "static", "pct": 8}})
    >>> pack.phases[0].target.fraction, pack.daily_loss.limit(initial=Decimal(10_000), reference=Decimal(10_500))
    (Decimal('0.08'), Decimal('400.00'))
    """
    block = Block("", document, _PACK)
    phases = tuple(_phase(item, at) for at, item in block.items("phases"))
    _check_names(phases)
    daily = _daily_loss(block.block("daily_loss", _DAILY), phases)
    total = _max_loss(block.block("max_loss", _MAX), phases)
    zone, resets, assumptions = _reset(block)
    return RulePack(
        pack_id=block.text("id", required=True),
        firm=block.text("firm", required=True),
        program=block.text("program", required=True),
        phases=phases,
        daily_loss=daily,
        max_loss=total,
        consistency=_consistency(block.block("consistency", _CONSISTENCY)),
        news=_news(block.block("news", _NEWS)),
        weekend=_weekend(block.block("weekend_holding", _WEEKEND)),
        per_trade=_per_trade(block.block("per_trade", _PER_TRADE)),
        flat_by=_flat_by(block.block("flat_by", _CLOCK)),
        zone=zone,
        resets=resets,
        inactivity_days=block.days("inactivity_days"),
        time_limit_days=block.days("time_limit_days"),
        breach_on_touch=block.flag("breach_on_touch"),
        forbids_opposite_positions=block.flag("forbids_opposite_positions"),
        confidence=block.text("confidence"),
        conflict=block.text("conflict"),
        assumptions=assumptions,
        gaps=_gaps(phases, daily, total),
        sources=tuple(_source(item, at) for at, item in block.items("sources")),
    )


def _phase(item: Any, path: str) -> Phase:
    block = Block(path, item, _PHASE)
    name = block.text("name", required=True)
    return Phase(
        name=name,
        stage=Stage.FUNDED if "funded" in name.lower() else Stage.EVALUATION,
        target=block.allowance("profit_target_pct", "profit_target_by_size"),
        min_trading_days=block.count("min_trading_days", MOST_DAYS) or 0,
        min_profitable_days=block.count("min_profitable_days", MOST_DAYS) or 0,
        profitable_day_fraction=block.percent("profitable_day_pct_of_initial") or Decimal(0),
        time_limit_days=block.days("time_limit_days"),
    )


def _check_names(phases: tuple[Phase, ...]) -> None:
    names = [phase.name for phase in phases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidPack(f"two phases are called {twice[0]!r}", field="phases")
    stages = [phase.stage for phase in phases]
    if stages != sorted(stages):  # EVALUATION sorts before FUNDED
        raise InvalidPack("a funded phase comes after the evaluation, not before", field="phases")


def _daily_loss(block: Block | None, phases: tuple[Phase, ...]) -> DailyLoss | None:
    if block is None:
        return None
    _check_measure(block)
    return DailyLoss(
        kind=block.choice("kind", {"hard": HARD, "pause": PAUSE}),
        allowance=block.allowance("pct", "amount_by_size") or Allowance(),
        fraction_of=block.choice("pct_of", {"initial": INITIAL, "reference": REFERENCE}, "initial"),
        base=block.choice("reference", _BASES, "balance"),
        phases=_phase_names(block, phases),
        optional=block.flag("optional"),
    )


def _max_loss(block: Block | None, phases: tuple[Phase, ...]) -> MaxLoss | None:
    if block is None:
        return None
    _check_measure(block)
    block.choice("pct_of", {"initial": INITIAL}, "initial")
    return MaxLoss(
        mode=block.choice("mode", {mode.lower(): mode for mode in _MODES}),
        allowance=block.allowance("pct", "amount_by_size") or Allowance(),
        locks_at_initial="lock_floor_at" in block and bool(block.choice("lock_floor_at", {"initial": INITIAL})),
        phases=_phase_names(block, phases),
    )


def _check_measure(block: Block) -> None:
    # Every firm measures losses on equity; a rule on the balance would be another rule, not a looser one of these.
    block.choice("measured_on", {"equity": EQUITY}, "equity")
    unknown = sorted(set(block.texts("includes")) - {"floating", "commission", "swap"})
    if unknown:
        raise InvalidPack(f"{block.at('includes')} may name floating, commission and swap", field=block.at("includes"))


def _phase_names(block: Block, phases: tuple[Phase, ...]) -> tuple[str, ...]:
    names, known = block.texts("phases"), {phase.name for phase in phases} | {"all", "evaluation", "funded"}
    for name in names:
        if name not in known:
            raise InvalidPack(
                f"{block.at('phases')} names {name!r}, which is no phase",
                field=block.at("phases"),
                extra={"allowed": sorted(known)},
            )
    return names


def _reset(pack: Block) -> tuple[str, time, tuple[str, ...]]:
    daily = pack.block("daily_loss", _DAILY)
    block = pack.block("reset", _CLOCK) or (daily.block("reset", _CLOCK) if daily else None)
    if block is None:
        return SERVER_ZONE, MIDNIGHT, (f"no reset is stated: the day turns at 00:00 {SERVER_ZONE}",)
    zone = block.text("tz", required=True)
    if zone.startswith("SERVER") and zone != SERVER_ZONE:
        return SERVER_ZONE, _time(block), (f"the server's zone is not stated: {SERVER_ZONE} is assumed",)
    return _zone(block), _time(block), ()


def _zone(block: Block) -> str:
    try:
        return check_zone(block.text("tz", required=True))
    except UnknownZone as unknown:
        raise InvalidPack(unknown.message, field=block.at("tz")) from None


def _time(block: Block) -> time:
    text = block.text("time") or "00:00"
    try:
        found = time.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None or found.microsecond:
        raise InvalidPack(f"{block.at('time')} must be a time of day like 17:00, was {text!r}", field=block.at("time"))
    return found


def _consistency(block: Block | None) -> Consistency | None:
    if block is None:
        return None
    block.choice("type", {"best_day_pct_of_total_profit": ""})
    fraction = block.percent("pct")
    if fraction is None:
        raise InvalidPack(f"{block.at('pct')} must be percent above 0 and at most 100", field=block.at("pct"))
    return Consistency(best_day_fraction=fraction, applies=block.texts("applies"))


def _news(block: Block | None) -> News | None:
    if block is None:
        return None
    return News(
        action=block.text("action", required=True),
        phases=block.texts("phases"),
        before_s=block.count("before_s", 86_400),
        after_s=block.count("after_s", 86_400),
        scope=block.text("scope"),
        swing_exempt=block.flag("swing_exempt"),
        holding_allowed_if_opened_earlier=block.flag("holding_allowed_if_opened_earlier"),
    )


def _weekend(block: Block | None) -> Weekend:
    if block is None:
        return Weekend()
    return Weekend(
        evaluation=block.flag_or_none("evaluation", "all"),
        funded=block.flag_or_none("funded_standard", "all"),
        funded_swing=block.flag_or_none("funded_swing", "all"),
    )


def _per_trade(block: Block | None) -> PerTrade | None:
    if block is None:
        return None
    return PerTrade(
        stop_loss_required=block.flag("stop_loss_required"),
        stop_loss_within_s=block.count("stop_loss_within_s", 86_400),
        max_risk_fraction=block.percent("max_risk_pct_of_initial"),
        max_open_risk_fraction=block.percent("max_open_risk_pct"),
        phases=block.texts("phases"),
    )


def _flat_by(block: Block | None) -> FlatBy | None:
    return FlatBy(time=_time(block), zone=_zone(block)) if block else None


def _source(item: Any, path: str) -> Source:
    block = Block(path, item, frozenset({"url", "seen"}))
    return Source(url=block.text("url", required=True), seen=block.text("seen"))


def _gaps(phases: tuple[Phase, ...], daily: DailyLoss | None, total: MaxLoss | None) -> tuple[str, ...]:
    open_targets = [
        f"phases.{number}.profit_target_pct"
        for number, phase in enumerate(phases)
        if phase.stage is Stage.EVALUATION and phase.target is None
    ]
    losses = {"daily_loss.pct": daily, "max_loss.pct": total}
    empty = Allowance()
    return (
        *(() if phases else ("phases",)),
        *open_targets,
        *(path for path, rule in losses.items() if rule is not None and rule.allowance == empty),
    )


_BASES: Final = {"balance": BALANCE, "equity": EQUITY, "max_balance_equity": HIGHER}
_MODES: Final = (STATIC, TRAILING_EOD, TRAILING_CLOSED, TRAILING_INTRADAY)
_REMARKS: Final = frozenset({"note", "effect", "confidence", "hwm", "lock_variants", "source"})
_CLOCK: Final = frozenset({"time", "tz"})
_PACK: Final = frozenset(
    [
        "id",
        "firm",
        "program",
        "phases",
        "daily_loss",
        "max_loss",
        "consistency",
        "news",
        "weekend_holding",
        "per_trade",
        "flat_by",
        "reset",
        "inactivity_days",
        "time_limit_days",
        "breach_on_touch",
        "forbids_opposite_positions",
        "trading_day",
        "profit_target_rule",
        "formula",
        "examples",
        "sources",
        "confidence",
        "conflict",
    ]
)
_PHASE: Final = frozenset(
    [
        "name",
        "profit_target_pct",
        "profit_target_by_size",
        "min_trading_days",
        "min_profitable_days",
        "profitable_day_pct_of_initial",
        "time_limit_days",
    ]
)
_LOSS: Final = _REMARKS | {"pct", "amount_by_size", "pct_of", "measured_on", "includes", "phases"}
_DAILY: Final = _LOSS | {"kind", "reference", "reset", "optional"}
_MAX: Final = _LOSS | {"mode", "lock_floor_at"}
_CONSISTENCY: Final = _REMARKS | {"type", "pct", "applies"}
_NEWS: Final = _REMARKS | {
    "phases",
    "before_s",
    "after_s",
    "action",
    "scope",
    "swing_exempt",
    "holding_allowed_if_opened_earlier",
}
_WEEKEND: Final = frozenset(["all", "evaluation", "funded_standard", "funded_swing"])
_PER_TRADE: Final = _REMARKS | {
    "phases",
    "stop_loss_required",
    "stop_loss_within_s",
    "max_risk_pct_of_initial",
    "max_open_risk_pct",
}
