"""What a real terminal has not: the simulated market's clock, and the words by which a program makes it wait."""

from typing import Any

from simulator.terminal import calls


def sim_clock() -> Any:
    """Return ``{market_at, speed, server_offset_s, paused, ended}``; ``market_at`` in UTC seconds since 1970."""
    return calls.attempt(lambda: calls.ask("sim_clock"))


def sim_subscribe(symbol: str, timeframe: int) -> bool:
    """From now on the market waits at each closed bar of this symbol and timeframe until ``sim_ack``."""
    return bool(calls.attempt(lambda: calls.ask("sim_subscribe", [symbol, timeframe]), on_failure=False))


def sim_unsubscribe(symbol: str, timeframe: int) -> bool:
    """Take ``sim_subscribe`` back."""
    return bool(calls.attempt(lambda: calls.ask("sim_unsubscribe", [symbol, timeframe]), on_failure=False))


def sim_ack(closed_bar_time: int, symbol: str | None = None, timeframe: int | None = None) -> bool:
    """
    Say that the closed bar that opened at ``closed_bar_time`` (as in its ``time``) has been handled.

    Without ``symbol`` and ``timeframe`` it counts for every subscription whose last closed bar opened then or before.
    """
    return bool(
        calls.attempt(lambda: calls.ask("sim_ack", [int(closed_bar_time), symbol, timeframe]), on_failure=False)
    )


def sim_wait(seconds: float) -> Any:
    """
    Wait until a subscribed bar is closed and not acknowledged, or ``seconds`` (at most 30) have passed.

    Returns ``sim_clock()`` and in ``closed`` a list of ``[symbol, timeframe, time of the closed bar]``.
    """
    return calls.attempt(lambda: calls.ask("sim_wait", float(seconds)))


def sim_hold(seconds: float) -> bool:
    """Let the market stand still for at most ``seconds`` (at most 10) of wall time; a second hold replaces the first."""
    return bool(calls.attempt(lambda: calls.ask("sim_hold", float(seconds)), on_failure=False))


def sim_release() -> bool:
    """End the hold of this process."""
    return bool(calls.attempt(lambda: calls.ask("sim_release"), on_failure=False))
