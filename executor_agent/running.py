"""One strategy at work: its runner, fed every closed bar once, and what it wants done by whom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from executor_agent.journal import PositionRow
from executor_agent.terminal.ports import BarTuple, ClosedBars, Look, SymbolFacts
from executor_agent.watch import Watch
from trading.engine.runner import Book, Facts, HeldPosition, Intent, StrategyRunner
from trading.errors import InvalidBars, TradingError
from trading.model.bars import Bar
from trading.model.instrument import Instrument
from trading.model.moments import moment_at
from trading.model.orders import IntentKind, Side
from trading.model.timeframe import Timeframe
from trading.protocol import DesiredAssignment, FactsMessage, Halt, PositionMessage

_TICK_VALUE_DRIFT = Decimal("0.01")

FIRST_MOMENTS_FRACTION, FIRST_MOMENTS_MIN_S, FIRST_MOMENTS_MAX_S = 0.1, 5.0, 60.0


def find_first_moments_s(timeframe: Timeframe) -> float:
    """
    Return how long after a bar's opening an entry decided at the close before it may still be made [market seconds].

    A tenth of the bar, at least 5 s and at most 60 s: later than that the price is no longer the one the signal was about.

    >>> find_first_moments_s(Timeframe.M1), find_first_moments_s(Timeframe.H4)
    (6.0, 60.0)
    """
    return min(max(timeframe.seconds * FIRST_MOMENTS_FRACTION, FIRST_MOMENTS_MIN_S), FIRST_MOMENTS_MAX_S)


class RunningStrategy:
    """
    A version of an assignment, ready to be fed.

    :raises TradingError: where its rules cannot be traded on this symbol.
    """

    def __init__(self, wanted: DesiredAssignment, symbol: SymbolFacts, account_currency: str | None) -> None:
        self.wanted = wanted
        self.timeframe = Timeframe.parse(wanted.timeframe)
        self.instrument = Instrument.from_symbol_info(symbol.info, account_currency=account_currency)
        self.runner = StrategyRunner(
            document=wanted.rules,
            instrument=self.instrument,
            timeframe=self.timeframe,
            settings=wanted.settings,
            anchor_at=wanted.anchor_at,
        )

    @property
    def symbol(self) -> str:
        """Our name of its symbol."""
        return self.wanted.symbol

    @property
    def group(self) -> tuple[str, str]:
        """Symbol and timeframe: strategies of one group are fed by the same bars."""
        return self.wanted.symbol, str(self.timeframe)

    def is_outdated_by(self, symbol: SymbolFacts) -> bool:
        """Say whether a specification differs in what sizes and prices follow from; tick values by more than a hundredth."""
        fresh = Instrument.from_symbol_info(symbol.info, account_currency=self.instrument.account_currency)
        values = (
            (fresh.tick_value, self.instrument.tick_value),
            (fresh.tick_value_loss, self.instrument.tick_value_loss),
        )
        if any(abs(new - old) > old * _TICK_VALUE_DRIFT for new, old in values):
            return True
        return replace(fresh, tick_value=values[0][1], tick_value_loss=values[1][1]) != self.instrument

    @property
    def other_symbols(self) -> tuple[str, ...]:
        """Symbols whose bars of the same timeframe the strategy needs beside its own."""
        return self.runner.other_symbols

    def warm_up(self, closed: ClosedBars, until_s: int | None, others: Mapping[str, ClosedBars]) -> None:
        """Fold history: the bars up to ``until_s`` (opening time of the last one handled), or all of them; and of others beside them."""
        rows = [row for row in closed.rows if until_s is None or row[0] <= until_s]
        beside = {symbol: map(_make_bar, series.rows) for symbol, series in others.items()}
        self.runner.warm_up(map(_make_bar, rows), beside)

    def is_fresh(self, closed: ClosedBars, look: Look) -> bool:
        """Say whether the market is still in the first moments after the last closed bar."""
        if closed.forming_opened_s is None or look.market.ended:
            return False
        age_s = look.market.market_at.timestamp() - closed.forming_opened_s
        return age_s <= find_first_moments_s(self.timeframe)

    def decide(
        self,
        bar: BarTuple,
        look: Look,
        watch: Watch,
        facts: Facts,
        remembered: Mapping[int, PositionRow],
        others: Mapping[str, BarTuple],
    ) -> list[Intent]:
        """
        Feed one closed bar and return what is to be done.

        :param remembered: what the journal holds of positions, by their id.
        :param others: the bars of other symbols the strategy needs that closed with it.
        :raises TradingError: where account or quote are not known: the bar is then not folded and may be fed again.
        """
        quote = look.quotes.get(self.symbol)
        if quote is None or look.account is None or look.positions is None:
            raise TradingError(f"account or quote of {self.symbol} are not known")
        own = [p for p in look.positions if p.magic == self.wanted.magic and p.symbol == self.symbol]
        book = Book(
            balance=look.account.balance,
            equity=look.account.equity,
            day_start_equity=self._find_day_start(watch, look.account.equity),
            open_positions_total=len(look.positions),
            positions=tuple(_hold(position, remembered.get(position.position_id)) for position in own),
            bid=quote.bid,
            ask=quote.ask,
            spread_points=int((quote.ask - quote.bid) / self.instrument.point),
        )
        beside = {symbol: _make_bar(row) for symbol, row in others.items()}
        return self.runner.on_bar(_make_bar(bar), book, facts, beside)

    def find_stale_closes(
        self, intents: list[Intent], positions: tuple[PositionMessage, ...], bar: BarTuple
    ) -> list[Intent]:
        """Return what of a missed bar's intents still holds: exits of positions that were there when it closed."""
        closes_at = moment_at(self.timeframe.close_time(bar[0]))
        held = {position.ticket for position in positions if position.opened_at < closes_at}
        return [intent for intent in intents if intent.kind is not IntentKind.OPEN and intent.ticket in held]

    def _find_day_start(self, watch: Watch, equity: Decimal) -> Decimal:
        facts = self.wanted.facts
        return facts.day_start_equity or watch.find_day_start_equity() or equity


def make_facts(facts: FactsMessage, halt: Halt, *, entries_allowed: bool) -> Facts:
    """Return the server's facts as `decide` takes them."""
    return Facts(
        number=facts.number,
        halt_epoch=halt.epoch,
        halted=halt.halted,
        entries_allowed=facts.entries_allowed and entries_allowed,
        lot_multiplier=facts.lot_multiplier,
        risk_budget=facts.risk_budget,
        xpws_phase=facts.xpws_phase,
        trading_day=facts.trading_day,
    )


def _hold(position: PositionMessage, row: PositionRow | None) -> HeldPosition:
    return HeldPosition(
        ticket=position.ticket,
        side=Side(position.side),
        volume_lots=position.volume_lots,
        entry_price=position.entry_price,
        stop_price=position.stop_loss,
        target_price=position.take_profit,
        opened_at=position.opened_at,
        stop_moved=row.is_stop_moved if row else False,
        first_lots=row.first_lots if row else None,
        first_stop_price=row.first_stop if row else None,
        trail_distance=row.trail_distance if row else None,
        trail_fraction=row.trail_fraction if row else None,
    )


def _make_bar(row: BarTuple) -> Bar:
    if not (0 < row[3] <= min(row[1], row[4]) and max(row[1], row[4]) <= row[2] < math.inf):
        raise InvalidBars(f"the terminal gave an impossible bar at {row[0]}")
    return Bar(*row)
