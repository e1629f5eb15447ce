"""A backtest against a firm's rule pack: how the history fared, the chance to pass, and the risk that maximises it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from apps.accounts.pack_models import RulePackVersion
from apps.accounts.services.packs import read_pack
from apps.backtests.compute.one import execute
from apps.backtests.models import Chunk, Run
from apps.backtests.services.bars import load_run_bars
from apps.backtests.services.finishing import ChunkOutcome
from apps.common.ids import parse_public_id
from trading.backtest.challenge import simulate
from trading.backtest.challenge_day import Account
from trading.backtest.challenge_odds import Plan, Sampler
from trading.backtest.challenge_report import ChallengeReport, DayRow, PhaseOutcome
from trading.backtest.challenge_risk import find_best_risk
from trading.backtest.track import track_result
from trading.engine.sources import prepare
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe
from trading.risk.packs import RulePack

MOST_ROWS = 3000


def hold_against_pack(chunk: Chunk, checkpoint: Callable[[float], None]) -> ChunkOutcome:
    """
    Return the history day by day, the odds, and the curve of odds over risk.

    :raises TradingError: where the pack or the backtest cannot be judged.
    """
    run, settings = chunk.study.run, chunk.study.settings
    pack = read_pack(
        RulePackVersion.objects.get(pk=parse_public_id(RulePackVersion.PREFIX, settings["pack_version"])).document
    )
    loaded, instrument = load_run_bars(run), Instrument.from_dict(run.instrument)
    result = execute(run, loaded, run.costs)
    checkpoint(0.15)
    track = track_result(result, float(run.balance), bars=loaded.bars, instrument=instrument)
    account = Account(
        size=Decimal(settings["size"]), compounding=settings["compounding"], optional_rules=settings["optional_rules"]
    )
    report = simulate(track, pack, account)
    checkpoint(0.35)
    found: dict[str, Any] = {
        "report": shape_report(report),
        "odds": None,
        "curve": None,
        "sources": [_shape_source(each) for each in pack.sources],
    }
    found |= {"confidence": pack.confidence, "conflict": pack.conflict}
    if len(result.trades) and report.target_phases:
        plan = Plan(paths=settings["paths"], days=settings["days"], by=settings["by"], seed=settings["seed"])
        sampler = Sampler(track, pack, account, plan)
        checkpoint(0.45)
        found["odds"] = sampler.odds().as_dict()
        checkpoint(0.7)
        found["curve"] = find_best_risk(sampler, risk_fraction=find_risk_fraction(run, instrument)).as_dict()
    return ChunkOutcome(found, make_headline(pack, report, found["odds"]))


def make_headline(pack: RulePack, report: ChallengeReport, odds: dict[str, Any] | None) -> dict[str, Any]:
    """Return the outcome in a few numbers."""
    failed = next((phase for phase in report.phases if phase.breach is not None), None)
    return {
        "firm": pack.firm,
        "program": pack.program,
        "is_passed": report.is_passed,
        "days": report.days,
        "failed_phase": failed.phase if failed else None,
        "why": failed.breach.sentence() if failed and failed.breach else "",
        "passed_share": odds["passed"]["share"] if odds else None,
        "history_low": odds["history_low"] if odds else None,
        "history_high": odds["history_high"] if odds else None,
    }


def find_risk_fraction(run: Run, instrument: Instrument) -> float | None:
    """Return the risk per trade of a backtest's own rules [fraction of the balance]; None for a fixed lot size."""
    params = prepare(run.document, instrument, Timeframe(run.timeframe)).params
    return float(params.risk_fraction) or None


def shape_report(report: ChallengeReport) -> dict[str, Any]:
    """Return a report as JSON values."""
    return {
        "size": report.size,
        "measured": report.measured,
        "is_passed": report.is_passed,
        "days": report.days,
        "target_phases": report.target_phases,
        "not_judged": list(report.not_judged),
        "phases": [_shape_phase(phase) for phase in report.phases],
    }


def _shape_source(source: Any) -> dict[str, str]:
    """Return a source of a pack as JSON values."""
    return {"url": source.url, "seen": source.seen}


def _shape_phase(phase: PhaseOutcome) -> dict[str, Any]:
    return {
        "phase": phase.phase,
        "status": str(phase.status),
        "reason": str(phase.reason),
        "why": phase.breach.sentence() if phase.breach else "",
        "started_on": _day(phase.started_on),
        "ended_on": _day(phase.ended_on),
        "days": phase.days,
        "trading_days": phase.trading_days,
        "paused_days": phase.paused_days,
        "start_balance": phase.start_balance,
        "end_balance": phase.end_balance,
        "profit": phase.profit,
        "best_day": phase.best_day,
        "waits_for": list(phase.waits_for),
        "weekends_held": phase.weekends_held,
        "approaches": [
            {"rule": str(each.rule), "at": each.at, "equity": each.equity, "floor": each.floor, "room": each.room}
            for each in phase.approaches
        ],
        "rows": [_shape_day(row) for row in phase.rows[-MOST_ROWS:]],
        "row_count": len(phase.rows),
    }


def _shape_day(row: DayRow) -> dict[str, Any]:
    return {
        "day": row.day.isoformat(),
        "start_balance": row.start_balance,
        "profit": row.profit,
        "end_equity": row.end_equity,
        "lowest_equity": row.lowest_equity,
        "daily_floor": row.daily_floor,
        "total_floor": row.total_floor,
        "entries": row.entries,
        "is_paused": row.is_paused,
    }


def _day(day: Any) -> str | None:
    return day.isoformat() if day else None
