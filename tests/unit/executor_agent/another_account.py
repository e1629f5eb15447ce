"""The simulated terminal, at whose keyboard somebody logs into another account just before the positions, or the history, are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator import mt5
from simulator.mt5 import *  # noqa: F403

before_reading: list[Callable[[], object]] = []


def positions_get(**words: Any) -> Any:
    """Answer as the terminal does, after somebody was there."""
    _let_in()
    return mt5.positions_get(**words)


def history_deals_get(*words: Any, **more: Any) -> Any:
    """Answer as the terminal does, after somebody was there."""
    _let_in()
    return mt5.history_deals_get(*words, **more)


def _let_in() -> None:
    while before_reading:
        before_reading.pop()()
