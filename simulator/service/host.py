"""The process's heart: the market's loop, who it waits for, and what it tells."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from typing import Any

from simulator.barrier import Barrier
from simulator.exchange import Exchange
from simulator.faults import Faults
from simulator.pace import Pace

LONGEST_WAIT_S = 30.0
_SLICE_S = 0.05
Log = Callable[..., None]


class Host:
    """Owns the exchange; everything runs in one thread, so each call sees and leaves whole books."""

    def __init__(self, exchange: Exchange, pace: Pace, *, is_replay: bool, log: Log) -> None:
        self.exchange, self.pace, self.log = exchange, pace, log
        self.barrier, self.faults = Barrier(), Faults()
        self.paused = False
        self.forced_login: int | None = None
        self.address = ""
        self.bars_opened = 0
        self._is_replay = is_replay
        self._changed = asyncio.Event()
        self._waiting: dict[int, tuple[asyncio.Future[Any], asyncio.TimerHandle]] = {}
        self._has_ended = exchange.ended

    @staticmethod
    def wall() -> float:
        """Return the monotonic clock [s]."""
        return time.monotonic()

    # the market's loop -----------------------------------------------------------------------------------------------

    async def run_market(self) -> None:
        """Let market time pass until cancelled."""
        self.pace.restart(self.exchange.market_at, self.wall())
        while True:
            self._changed.clear()
            delay = self._go_on()
            if delay == 0.0:
                await asyncio.sleep(0)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._changed.wait()

    def _go_on(self) -> float | None:
        # one stretch of market time; returns after which wall time to look again, None for "when something changes"
        wall, at = self.wall(), time.time()
        if self._stands_still():
            self.pace.restart(self.exchange.market_at, wall)
            return None
        blocked_until = self.barrier.find_block(wall)
        if blocked_until is not None:
            self.pace.restart(self.exchange.market_at, wall)
            return max(blocked_until - wall, 0.001)
        next_open = self.exchange.find_next_open()
        self.exchange.skips_closed = self._may_skip(next_open, at)
        target = self.pace.allow(self.exchange.market_at, wall, at)
        self.step(target)
        if next_open is None or self.exchange.ended:
            return self._end()
        return min(self.pace.find_delay(self.exchange.market_at, next_open, at), _SLICE_S)

    def _stands_still(self) -> bool:
        # at full speed with nobody there the whole market would be over before the first program came
        alone = not self.barrier.subscriptions and math.isinf(self.pace.speed or 0.0)
        return self.paused or self.exchange.ended or alone

    def _may_skip(self, next_open: float | None, at: float) -> bool:
        if self._is_replay or not self.pace.ceiling:
            return True
        return next_open is not None and next_open < at - 1.0

    def _end(self) -> float | None:
        if not self.exchange.ended:
            return _SLICE_S
        if not self._has_ended:
            self._has_ended = True
            for owner in list(self._waiting):
                self._answer(owner)
            self.log("market_ended", market_at=self.exchange.market_at)
        return None

    def step(self, target: float) -> bool:
        """Go on to ``target`` or to the opening of the next bar; say whether one opened."""
        skipped = self.exchange.step(target)
        if skipped is None:
            return False
        self.bars_opened += 1
        self.pace.shift(skipped)
        wall = self.wall()
        for subscription in self.barrier.subscriptions:
            forming = self.exchange.find_forming_open(subscription.symbol, subscription.timeframe)
            if forming != subscription.forming_open:
                self.barrier.mark_closed(subscription, forming, wall)
                if subscription.owner in self._waiting:
                    self._answer(subscription.owner)
        return True

    def wake(self) -> None:
        """Let the loop look again: something that it waits for may have changed."""
        self._changed.set()

    # what programs say -----------------------------------------------------------------------------------------------

    def subscribe(self, login: int, symbol: str, timeframe: int, owner: int) -> None:
        """Let the market wait for a program at each closed bar."""
        forming = self.exchange.find_forming_open(symbol, timeframe)
        self.barrier.subscribe(login, symbol, timeframe, owner, forming)
        self._note_subscribed()

    def unsubscribe(self, owner: int, symbol: str, timeframe: int) -> None:
        """Take a subscription back."""
        self.barrier.unsubscribe(owner, symbol, timeframe)
        self._note_subscribed()

    def acknowledge(self, owner: int, closed_bar: int, symbol: str | None, timeframe: int | None) -> None:
        """Let the market go on as far as this program is concerned."""
        self.barrier.acknowledge(owner, closed_bar, symbol, timeframe)
        self.wake()

    def hold(self, owner: int, seconds: float) -> None:
        """Let the market stand still for a program."""
        self.barrier.hold(owner, seconds, self.wall())

    def release(self, owner: int) -> None:
        """End the hold of a program."""
        self.barrier.release(owner)
        self.wake()

    def leave(self, owner: int, *, orderly: bool) -> None:
        """Forget a connection."""
        self.barrier.leave(owner, self.wall(), orderly=orderly)
        if owner in self._waiting:
            self._waiting.pop(owner)[1].cancel()
        self._note_subscribed()

    def _note_subscribed(self) -> None:
        self.exchange.subscribed = {subscription.symbol for subscription in self.barrier.subscriptions}
        self.wake()

    def wait(self, owner: int, seconds: float) -> asyncio.Future[Any]:
        """Return the clock and the closed bars of a program, as soon as there is one or the time is over."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        timer = loop.call_later(min(max(seconds, 0.0), LONGEST_WAIT_S), self._answer, owner)
        self._waiting[owner] = (future, timer)
        owes = any(subscription.pending is not None for subscription in self.barrier.list_of(owner))
        if owes or self.exchange.ended:
            self._answer(owner)
        return future

    def _answer(self, owner: int) -> None:
        if owner not in self._waiting:
            return
        future, timer = self._waiting.pop(owner)
        timer.cancel()
        if not future.done():
            closed = [
                [subscription.symbol, subscription.timeframe, subscription.pending]
                for subscription in self.barrier.list_of(owner)
                if subscription.pending is not None
            ]
            future.set_result(self.describe_clock() | {"closed": closed})

    def describe_clock(self) -> dict[str, Any]:
        """Return the market's clock; a speed of ``None`` is as fast as programs acknowledge."""
        speed = self.pace.find_speed(self.exchange.market_at, time.time())
        return {
            "market_at": self.exchange.market_at,
            "speed": None if math.isinf(speed) else speed,
            "server_offset_s": self.exchange.feed.zone.offset_s(self.exchange.market_at),
            "paused": self.paused,
            "ended": self.exchange.ended,
        }
