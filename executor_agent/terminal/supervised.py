"""
The agent's side of the terminal's process: every question has a deadline, and silence ends the process.

What a killed process was doing is unknown; the next question starts a new one, and `life` tells that everything is to be read again.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import executor_agent
import trading
from executor_agent.clocks import Clocks
from executor_agent.config import TerminalConfig
from executor_agent.errors import TerminalUnknown
from executor_agent.logs import get_log
from executor_agent.terminal.child import read_frame, write_frame
from executor_agent.terminal.ports import (
    ClosedBars,
    Evidence,
    Look,
    MarketOrder,
    OrderAnswer,
    SymbolFacts,
    TerminalIdentity,
)
from trading.protocol import DealMessage, PositionMessage

CALL_S, ORDER_S, CONNECT_S = 5.0, 5.0, 40.0
_START_AGAIN_AFTER_S = 1.0


class SupervisedTerminal:
    """`ports.Terminal` over a child process with a watchdog."""

    def __init__(
        self,
        config: TerminalConfig,
        symbols: dict[str, str],
        clocks: Clocks,
        *,
        call_s: float = CALL_S,
        order_s: float = ORDER_S,
        command: tuple[str, ...] | None = None,
    ) -> None:
        self._config, self._symbols, self._clocks = config, symbols, clocks
        self._call_s, self._order_s = call_s, order_s
        self._command = command or (sys.executable, "-m", "executor_agent.terminal.child")
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.Queue[Any] = queue.Queue()
        self._started_at = -1e9
        self._waits = False
        self.life = 0

    @property
    def restarts(self) -> int:
        """How often the process had to be started again."""
        return max(self.life - 1, 0)

    @property
    def market_waits(self) -> bool:
        """Whether the market is a simulated one that waits for us."""
        return self._waits

    def connect(self) -> TerminalIdentity:
        answer: TerminalIdentity = self._ask(CONNECT_S, "connect")
        return answer

    def look(self, symbols: tuple[str, ...]) -> Look:
        answer: Look = self._ask(self._call_s, "look", symbols)
        return answer

    def read_symbol(self, symbol: str) -> SymbolFacts:
        answer: SymbolFacts = self._ask(self._call_s, "read_symbol", symbol)
        return answer

    def read_closed_bars(self, symbol: str, timeframe: str, count: int) -> ClosedBars:
        answer: ClosedBars = self._ask(self._call_s, "read_closed_bars", symbol, timeframe, count)
        return answer

    def list_deals_since(self, raw_ms: int) -> tuple[DealMessage, ...]:
        answer: tuple[DealMessage, ...] = self._ask(self._call_s, "list_deals_since", raw_ms)
        return answer

    def list_deals_of(self, position_id: int) -> tuple[DealMessage, ...]:
        answer: tuple[DealMessage, ...] = self._ask(self._call_s, "list_deals_of", position_id)
        return answer

    def find_by_tag(self, tag: str, magic: int, since_raw_ms: int) -> Evidence:
        answer: Evidence = self._ask(self._call_s, "find_by_tag", tag, magic, since_raw_ms)
        return answer

    def check_order(self, order: MarketOrder) -> OrderAnswer:
        answer: OrderAnswer = self._ask(self._order_s, "check_order", order)
        return answer

    def name_filling(self, symbol: str) -> str:
        answer: str = self._ask(self._call_s, "name_filling", symbol)
        return answer

    def send_order(self, order: MarketOrder) -> OrderAnswer:
        answer: OrderAnswer = self._ask(self._order_s, "send_order", order)
        return answer

    def set_stops(
        self, position: PositionMessage, stop_loss: Decimal | None, take_profit: Decimal | None
    ) -> OrderAnswer:
        answer: OrderAnswer = self._ask(self._order_s, "set_stops", position, stop_loss, take_profit)
        return answer

    def cancel_order(self, ticket: int) -> OrderAnswer:
        answer: OrderAnswer = self._ask(self._order_s, "cancel_order", ticket)
        return answer

    def subscribe(self, symbol: str, timeframe: str) -> None:
        self._ask(self._call_s, "subscribe", symbol, timeframe)

    def unsubscribe(self, symbol: str, timeframe: str) -> None:
        self._ask(self._call_s, "unsubscribe", symbol, timeframe)

    def wait_for_bar(self, seconds: float) -> tuple[tuple[str, str], ...]:
        answer: tuple[tuple[str, str], ...] = self._ask(seconds + self._call_s, "wait_for_bar", seconds)
        return answer

    def acknowledge(self, symbol: str, timeframe: str, opened_s: int) -> None:
        self._ask(self._call_s, "acknowledge", symbol, timeframe, opened_s)

    def hold(self, seconds: float) -> None:
        self._ask(self._call_s, "hold", seconds)

    def release(self) -> None:
        self._ask(self._call_s, "release")

    def close(self) -> None:
        """Say goodbye and end the process; never raises, never hangs."""
        if self._process is not None:
            with contextlib.suppress(TerminalUnknown):
                self._ask(1.0, "close")
        self._end()

    # --- the process --------------------------------------------------------------------------------------------

    def _ask(self, deadline_s: float, method: str, *arguments: Any) -> Any:
        process = self._process or self._start()
        try:
            assert process.stdin is not None
            write_frame(process.stdin, (method, arguments))  # type: ignore[arg-type]
        except OSError as error:
            self._end()
            raise TerminalUnknown(f"the terminal's process is gone: {error}") from None
        return self._await(deadline_s, method)

    def _await(self, deadline_s: float, method: str) -> Any:
        try:
            known, answer = self._answers.get(timeout=deadline_s)
        except queue.Empty:
            get_log().error("TERMINAL_SILENT", method=method, deadline_s=deadline_s)
            self._end()
            raise TerminalUnknown(f"the terminal did not answer {method} within {deadline_s:g} s") from None
        if known is None:
            self._end()
            raise TerminalUnknown(f"the terminal's process ended during {method}")
        if not known:
            raise answer
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        if self._clocks.mono() - self._started_at < _START_AGAIN_AFTER_S:
            raise TerminalUnknown("the terminal's process is being started again")
        self._started_at = self._clocks.mono()
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_child_environment(),
            bufsize=-1,
            # On Windows no window of its own, and none to be closed or interrupted with ours: it ends when we end it.
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self.life += 1
        self._process = process
        self._answers = queue.Queue()
        threading.Thread(
            target=_collect, args=(process, self._answers.put), name="terminal-answers", daemon=True
        ).start()
        assert process.stdin is not None
        try:
            write_frame(process.stdin, (self._config, self._symbols))  # type: ignore[arg-type]
        except OSError:
            self._end()
            raise TerminalUnknown("the terminal's process did not start") from None
        self._waits = bool(self._await(CONNECT_S, "start"))
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()


def _collect(process: subprocess.Popen[bytes], put: Callable[[Any], None]) -> None:
    try:
        while True:
            put(read_frame(process.stdout))  # type: ignore[arg-type]
    except (EOFError, OSError, ValueError):
        put((None, None))


def _child_environment() -> dict[str, str]:
    roots = [str(Path(str(package.__file__)).resolve().parents[1]) for package in (executor_agent, trading)]
    known = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys([*roots, *known]))}
