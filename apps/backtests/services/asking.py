"""Asking for a backtest, stopping it, trying again, throwing it away."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from apps.accounts.models import Account
from apps.backtests.limits import allowance_of
from apps.backtests.models import OPEN, BarSource, Run, Study, WorkStatus
from apps.backtests.selectors import BarChoice, list_bar_choices
from apps.backtests.services.beside import choose_beside, keep_beside, list_other_symbols
from apps.backtests.services.leases import put_back
from apps.backtests.services.terms import find_terms, find_trail, read_costs
from apps.backtests.storage import drop_file, lock_name
from apps.common.codes import Code
from apps.common.errors import Conflict, Impossible
from apps.common.nudges import after_commit
from apps.common.outbox import tell
from apps.market.models import Dataset
from apps.strategies.models import Strategy, StrategyVersion
from apps.strategies.services import read_content
from apps.teams.models import AuditEntry, Team
from trading.errors import TradingError
from trading.model.timeframe import Timeframe

WORK_TASK = "apps.backtests.tasks.work"
DEFAULT_BALANCE = Decimal(10_000)
DEFAULT_CURRENCY = "USD"  # of the typical contracts


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants tested. Whatever is left out has a default that the answer states."""

    strategy: Strategy | None = None
    version: StrategyVersion | None = None
    rules: dict[str, Any] | None = None
    symbol: str = ""
    timeframe: str = ""
    dataset: Dataset | None = None
    others: dict[str, Dataset] = field(default_factory=dict)  # bars of the other symbols the strategy looks at
    account: Account | None = None
    bars_timeframe: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    balance: Decimal | None = None
    costs: dict[str, Any] = field(default_factory=dict)
    pessimistic: bool = False
    trailing_stop_fraction: Decimal | None = (
        None  # where the strategy names no trailing stop; None: as the account asks, 0: none
    )
    name: str = ""


@transaction.atomic
def ask_run(*, team: Team, actor: str, asked: Asked) -> Run:
    """
    Queue a backtest and nudge a worker.

    :raises Impossible: RULES_INVALID, UNKNOWN_TIMEFRAME, UNKNOWN_SYMBOL, NO_BARS, FIELD_INVALID with the field and what is allowed.
    :raises Conflict: TOO_MANY_OPEN where the team has as many waiting as its tier allows.
    """
    refuse_too_many(team, studies=False)
    content = _read_content(asked)
    chosen = choose_bars(team, asked, content["symbol"], content["timeframe"])
    account = chosen.account or asked.account
    terms = find_terms(account, content["symbol"])
    document, trail = find_trail(asked.trailing_stop_fraction, account, content["rules"])
    symbols = list_other_symbols(content, terms.instrument)
    beside = choose_beside(team, symbols, asked.others, content["timeframe"], chosen)
    run = Run.objects.create(
        team=team,
        name=asked.name or _name(asked, content),
        strategy=asked.strategy,
        version=asked.version,
        document=document,
        symbol=content["symbol"],
        timeframe=content["timeframe"],
        source=BarSource.DATASET if chosen.dataset else BarSource.STORED,
        dataset=chosen.dataset,
        account=account,
        bars_timeframe=chosen.timeframe,
        starts_at=asked.starts_at,
        ends_at=asked.ends_at or chosen.last_at,
        instrument=terms.instrument.as_dict(),
        instrument_source=terms.source,
        costs=read_costs(asked.costs, terms),
        balance=asked.balance or (account.initial_balance if account else DEFAULT_BALANCE),
        currency=account.currency if account else DEFAULT_CURRENCY,
        pessimistic=asked.pessimistic,
        trailing_stop_fraction=trail,
        created_by=actor,
    )
    keep_beside(run, beside)
    AuditEntry.objects.create(team=team, actor=actor, action="backtest.asked", target=run.public_id)
    tell_run(run)
    after_commit(WORK_TASK)
    return run


def choose_bars(team: Team, asked: Asked, symbol: str, timeframe: str) -> BarChoice:
    """
    Return the bars to run over: those asked for, else the strategy's own timeframe where there are most.

    :raises Impossible: NO_BARS where there are none, or none in the period.
    """
    found = [each for each in list_bar_choices(team.pk, symbol, timeframe) if _is_wanted(each, asked)]
    if found:
        return found[0]
    if asked.dataset is not None:
        message = f"{asked.dataset.name} holds {asked.dataset.symbol} {asked.dataset.timeframe}: {symbol} {timeframe} cannot be tested on it in this period."
    else:
        message = f"There are no bars of {symbol} that {timeframe} could be tested on: import a dataset, or let an agent at a terminal send them."
    raise Impossible("NO_BARS", message, "dataset")


def _is_wanted(choice: BarChoice, asked: Asked) -> bool:
    if asked.dataset is not None and choice.dataset != asked.dataset:
        return False
    if asked.dataset is None and asked.account is not None and choice.account != asked.account:
        return False
    return (
        asked.bars_timeframe in ("", choice.timeframe)
        and (asked.starts_at is None or choice.last_at > asked.starts_at)
        and (asked.ends_at is None or choice.first_at < asked.ends_at)
    )


def cancel_run(*, run_id: UUID, actor: str, at: datetime) -> Run:
    """
    Stop a backtest that waits or runs. Its worker notices within a second or two; what it computed is thrown away.

    :raises Conflict: ALREADY_FINISHED.
    """
    with transaction.atomic():
        changed = Run.objects.filter(pk=run_id, status__in=OPEN).update(
            status=WorkStatus.CANCELLED, finished_at=at, lease_until=None
        )
        run = Run.objects.get(pk=run_id)
        if not changed:
            raise Conflict("ALREADY_FINISHED", f"This backtest is {run.status} already.", "status")
        AuditEntry.objects.create(team_id=run.team_id, actor=actor, action="backtest.cancelled", target=run.public_id)
        tell_run(run)
    return run


def retry_run(*, run_id: UUID, actor: str) -> Run:
    """
    Queue a failed or cancelled backtest once more, as it was asked for.

    :raises Conflict: NOT_FAILED for one that waits, runs or is done.
    """
    with transaction.atomic():
        again = (WorkStatus.FAILED, WorkStatus.CANCELLED)
        run = Run.objects.select_related("team").get(pk=run_id)
        refuse_too_many(run.team, studies=False)
        if not put_back(Run.objects.filter(pk=run_id, status__in=again)):
            raise Conflict("NOT_FAILED", "Only a failed or cancelled backtest can be tried again.", "status")
        run.refresh_from_db()
        AuditEntry.objects.create(team_id=run.team_id, actor=actor, action="backtest.retried", target=run.public_id)
        tell_run(run)
        after_commit(WORK_TASK)
    return run


def delete_run(*, run_id: UUID, actor: str) -> None:
    """
    Delete a backtest with its studies; files that no other backtest shows go with it.

    :raises Conflict: STILL_RUNNING for one that waits or runs, or whose studies do.
    """
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=run_id)
        if run.is_open or Study.objects.filter(run=run, status__in=OPEN).exists():
            raise Conflict("STILL_RUNNING", "Cancel it first: it waits or runs, or a study of it does.", "status")
        AuditEntry.objects.create(team_id=run.team_id, actor=actor, action="backtest.deleted", target=run.public_id)
        files = {run.data_file, run.columns_file} - {""}
        run.delete()
        transaction.on_commit(lambda: _drop_unused(files), robust=True)


def _drop_unused(files: set[str]) -> None:
    for name in files:
        with transaction.atomic():
            lock_name(name)
            if not Run.objects.filter(Q(data_file=name) | Q(columns_file=name)).exists():
                drop_file(name)


def refuse_too_many(team: Team, *, studies: bool) -> None:
    """
    Do nothing where the team may ask for one more. Those who ask at once are counted one after the other.

    :raises Conflict: TOO_MANY_OPEN.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"backtests:{team.pk}"])
    allowed = allowance_of(team.tier)
    model, most, noun = (Study, allowed.open_studies, "studies") if studies else (Run, allowed.open_runs, "backtests")
    waiting = model._default_manager.filter(team=team, status__in=OPEN).count()
    if waiting >= most:
        message = f"{waiting} {noun} of this team wait or run already, as many as its tier allows: wait for one, or cancel one."
        raise Conflict("TOO_MANY_OPEN", message, None, {"open": waiting, "limit": most})


def tell_run(run: Run) -> None:
    """Tell whoever looks that a backtest changed."""
    data = {"backtest_id": run.public_id, "status": run.status, "progress_fraction": float(run.progress_fraction)}
    tell(team_id=run.team_id, kind="backtest.changed", data=data)


def _read_content(asked: Asked) -> dict[str, Any]:
    version = asked.version
    rules = asked.rules if asked.rules is not None else version.rules if version else None
    if rules is None:
        raise Impossible(Code.FIELD_REQUIRED, "Name a strategy, or send rules.", "strategy")
    symbol, timeframe = asked.symbol, asked.timeframe
    if version is not None:
        symbol, timeframe = symbol or version.symbol, timeframe or version.timeframe
    if not symbol or not timeframe:
        raise Impossible(
            Code.FIELD_REQUIRED, "Rules alone need a symbol and a timeframe.", "symbol" if not symbol else "timeframe"
        )
    content = read_content(symbol=symbol, timeframe=timeframe, rules=rules)
    _refuse_coarser(asked.bars_timeframe, content["timeframe"])
    return content


def _refuse_coarser(bars_timeframe: str, timeframe: str) -> None:
    if not bars_timeframe:
        return
    try:
        fits = Timeframe.parse(bars_timeframe).divides(Timeframe(timeframe))
    except TradingError as error:
        raise Impossible(error.code, error.message, "bars_timeframe", error.extra) from error
    if not fits:
        message = f"{timeframe} cannot be made of {bars_timeframe} bars."
        raise Impossible(Code.FIELD_INVALID, message, "bars_timeframe")


def _name(asked: Asked, content: dict[str, Any]) -> str:
    if asked.strategy is not None and asked.version is not None:
        return f"{asked.strategy.name} v{asked.version.number}"[:120]
    return f"{content['rules'].get('entry', {}).get('type', 'rules')} on {content['symbol']}"[:120]
