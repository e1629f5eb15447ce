"""The Mikrobot strategy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from trading.engine.source import Wish
from trading.errors import InvalidRules
from trading.model.bars import Bar
from trading.model.timeframe import Timeframe
from trading.strategies.base import BaseStrategy
from trading.strategies.specs.mikrobot import MIKROBOT
from trading.strategies.structure import Structure

IDLE, M5_BOS, M1_MONITORING, M1_BREAK, M1_RETEST, YLIPIP_TRIGGER = MIKROBOT.phases


class MikrobotStrategy(BaseStrategy):
    """
    Break of structure on five-minute bars, then break, retest and trigger on one-minute bars. All prices are whole ticks.

    1. **M5_BOS**: a closed structure bar closes, and its high lies, at least ``bos_min_pips`` above the highest high of the
       ``bos_lookback`` bars before it (mirrored below). Both at once is none. The newest break replaces a running setup.
    2. **M1_MONITORING -> M1_BREAK**: a later bar closes beyond the level: the break candle.
    3. **M1_RETEST**: a later bar comes within ``retest_tolerance_pips`` of the level and closes beyond it, at the earliest as bar
       ``min_pattern_candles`` counted from the break candle.
    4. **YLIPIP_TRIGGER**: a later bar goes ``ylipip_trigger`` pips beyond the break candle's extreme (or the level). Then, where the
       mean of the last ``atr_period`` true ranges lies in ``atr_min_pips`` to ``atr_max_pips``, it wishes the trade: stop one mean
       range away, target ``reward_ratio`` times as far. Traded or not, the setup is over.

    A setup expires after ``timeout_candles`` bars, and is invalidated by a close more than one mean range beyond the level on the wrong
    side. A trigger is seen on bid bars, at the bar's close; the order goes out at the next open. ``Wish.phase`` tells the phase.

    Source: Mikrobot FastVersion API (names, numbers) and specification, in the reading's recommended form.
    """

    spec = MIKROBOT
    memory = ("structure", "ranges", "last_close", "setup")

    def start(self) -> None:
        told = self.parameters
        coarse = Timeframe.parse(told["structure_timeframe"])
        if coarse is self.timeframe or not self.timeframe.divides(coarse):
            message = (
                f"structure_timeframe {coarse} must be coarser than the strategy's {self.timeframe}, by a whole number"
            )
            raise InvalidRules(message, field="entry.parameters.structure_timeframe")
        self.tick = self.instrument.tick_size
        self.per_tick = 1.0 / float(self.tick)
        self.tolerance = self._ticks("retest_tolerance_pips", ROUND_FLOOR)
        self.trigger_ticks = self._ticks("ylipip_trigger", ROUND_CEILING)
        period = told["atr_period"]
        # The mean itself is never built to be compared: the sum of whole ticks against whole bounds is exact.
        self.range_sums = tuple(
            self._ticks(name, rounding, times=period)
            for name, rounding in (("atr_min_pips", ROUND_CEILING), ("atr_max_pips", ROUND_FLOOR))
        )
        least = self._ticks("bos_min_pips", ROUND_CEILING)
        contextual = told["bos_filter"] == "contextual"
        self.structure = Structure(coarse, told["bos_lookback"], least, contextual=contextual)
        self.ranges: list[int] = []
        self.last_close: int | None = None
        self.setup: dict[str, Any] | None = None
        bars_each = coarse.seconds // self.timeframe.seconds
        self.warm_up(
            window=max(period + 1, bars_each * (self.structure.bars_needed + 1)), chained=told["timeout_candles"]
        )
        # A setup may begin as soon as its structure is known; the timeout counts for restarts only.
        self.first_wish_bar = period + 1

    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        high, low, close = (round(price * self.per_tick) for price in (bar.high, bar.low, bar.close))
        # A structure bar whose last minute had no bar is over now, before this bar counts.
        self._begin_setup(self.structure.begin(bar.time))
        self._fold_range(high, low, close)
        wish = self._advance(high, low, close)
        closes_s = self.timeframe.close_time(bar.time)
        if self._begin_setup(self.structure.finish(bar.time, closes_s, high, low, close)) and not wish.side:
            return Wish(phase=M5_BOS, reason="M5_BOS_DETECTED")
        return wish

    def _begin_setup(self, found: tuple[int, int] | None) -> bool:
        if found is not None:
            self.setup = {"side": found[0], "level": found[1], "phase": M1_MONITORING, "age": 0}
        return found is not None

    def _fold_range(self, high: int, low: int, close: int) -> None:
        if self.last_close is not None:
            self.ranges.append(max(high - low, abs(high - self.last_close), abs(low - self.last_close)))
            del self.ranges[: -self.parameters["atr_period"]]
        self.last_close = close

    def _advance(self, high: int, low: int, close: int) -> Wish:
        setup = self.setup
        if setup is None:
            return _IDLE_WISH
        setup["age"] += 1
        if setup["age"] > self.parameters["timeout_candles"]:
            return self._end("EXPIRED")
        side, level = setup["side"], setup["level"]
        full = len(self.ranges) == self.parameters["atr_period"]
        # Mirrored for a sell: up is where the break went.
        ahead, behind, at = (high, low, close) if side > 0 else (-low, -high, -close)
        level *= side
        if full and (level - at) * len(self.ranges) > sum(self.ranges):
            return self._end("INVALIDATED")
        return self._step(setup, ahead, behind, at, level)

    def _step(self, setup: dict[str, Any], ahead: int, behind: int, at: int, level: int) -> Wish:
        if setup["phase"] == M1_MONITORING:
            if at > level and ahead > level:
                setup.update(phase=M1_BREAK, extreme=ahead, broken_at=setup["age"])
                return Wish(phase=M1_BREAK, reason="M1_BREAK_DETECTED")
        elif setup["phase"] == M1_BREAK:
            candles = setup["age"] - setup["broken_at"] + 1
            near = level - self.tolerance <= behind <= level + self.tolerance
            if near and at > level and candles >= self.parameters["min_pattern_candles"]:
                setup.update(phase=M1_RETEST, retest=behind)
                return Wish(phase=M1_RETEST, reason="M1_RETEST_CONFIRMED")
        elif ahead >= self._reference(setup, level) + self.trigger_ticks:
            return self._trade(setup, at)
        return _PHASE_WISHES[setup["phase"]]

    def _reference(self, setup: dict[str, Any], level: int) -> int:
        return setup["extreme"] if self.parameters["trigger_reference"] == "BREAK_CANDLE" else level

    def _trade(self, setup: dict[str, Any], at: int) -> Wish:
        self.setup = None
        total, period = sum(self.ranges), len(self.ranges)
        if not self.is_warm or period < self.parameters["atr_period"]:
            return Wish(phase=YLIPIP_TRIGGER, reason="WARMING_UP")
        low, high = self.range_sums
        if not low <= total <= high:
            return Wish(phase=YLIPIP_TRIGGER, reason="ATR_TOO_LOW" if total < low else "ATR_TOO_HIGH")
        stop = total // period
        if self.parameters["stop_mode"] == "BOX":
            # Half a mean range beyond the retest's extreme, and then within the same band as the range.
            stop = at - setup["retest"] + math.ceil(total / period / 2)
            if not low <= stop * period <= high:
                return Wish(phase=YLIPIP_TRIGGER, reason="STOP_OUT_OF_BAND")
        if stop < 1:
            return Wish(phase=YLIPIP_TRIGGER, reason="ATR_TOO_LOW")
        target = max(1, math.floor(stop * self.parameters["reward_ratio"]))
        return Wish(
            side=setup["side"],
            stop_distance=float(stop * self.tick),
            target_distance=float(target * self.tick),
            reason="YLIPIP_TRIGGER_REACHED",
            phase=YLIPIP_TRIGGER,
        )

    def _end(self, reason: str) -> Wish:
        self.setup = None
        return Wish(phase=IDLE, reason=reason)

    def _ticks(self, name: str, rounding: str, *, times: int = 1) -> int:
        pips = Decimal(str(self.parameters[name])) * times
        return int((pips * self.instrument.pip_size / self.tick).to_integral_value(rounding))


_IDLE_WISH = Wish(phase=IDLE)
_PHASE_WISHES = {phase: Wish(phase=phase) for phase in MIKROBOT.phases}
