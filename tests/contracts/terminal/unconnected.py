"""
What the package answers without a terminal: questions to any module with its surface, and the real package's own answers.

`unconnected.json` holds what `MetaTrader5` 5.0.6231 said when it was asked. It is made anew by the real package alone:
``python -m tests.contracts.terminal.unconnected`` on a machine that can import it, without a terminal running.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).with_name("unconnected.json")
_NO_ARGUMENTS = ("account_info", "last_error", "orders_total", "positions_total", "shutdown")
_NO_ARGUMENTS += ("symbols_total", "terminal_info", "version")
_ONE_SYMBOL = ("symbol_info", "symbol_info_tick", "market_book_add", "market_book_get", "market_book_release")
_LONGEST, _TOO_LONG = "s" * 29, "s" * 30


@dataclass(frozen=True)
class Question:
    """One call: a function's name and what it is given."""

    name: str
    args: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        given = [repr(value) for value in self.args] + [f"{name}={value!r}" for name, value in self.keywords.items()]
        return f"{self.name}({', '.join(given)})"


def _ask(name: str, *args: Any, **keywords: Any) -> Question:
    return Question(name, args, keywords)


def _questions_of_symbols() -> list[Question]:
    questions = [_ask(name) for name in _NO_ARGUMENTS] + [_ask(name, 1) for name in _NO_ARGUMENTS]
    for name in _ONE_SYMBOL:
        questions += [_ask(name, *args) for args in ((), ("EURUSD",), (7,), (None,), ("EURUSD", 1))]
        questions += [_ask(name, _LONGEST), _ask(name, _TOO_LONG), _ask(name, symbol="EURUSD")]
    questions += [_ask("symbol_select", *args) for args in ((), ("EURUSD",), ("EURUSD", True), ("EURUSD", 1), (5,))]
    questions += [_ask("symbol_select", *args) for args in (("EURUSD", "on"), ("EURUSD", None), ("EURUSD", 1, 1))]
    questions += [_ask("symbol_select", _TOO_LONG), _ask("symbol_select", "EURUSD", enable=True)]
    questions += [_ask("symbols_get", *args) for args in ((), ("*",), (5,), ("*", "*"))]
    return [*questions, _ask("symbols_get", group="*"), _ask("symbols_get", group=5), _ask("symbols_get", other=5)]


def _questions_of_history() -> list[Question]:
    at = datetime(2026, 1, 14, 10, tzinfo=UTC)
    questions = []
    for name in ("history_deals_total", "history_orders_total", "history_deals_get", "history_orders_get"):
        dates = ((), (0,), (0, 1), (0.5, 1), (at, at), (0, 2**31 - 1), (0, 2**31), (-1, 0), ("0", 1), (0, None))
        questions += [_ask(name, *args) for args in (*dates, (0, math.nan), (0, 2.0**31), (0, 1, 2))]
        questions += [_ask(name, date_from=0, date_to=1)]
    for name in ("history_deals_get", "history_orders_get"):
        asked: tuple[dict[str, Any], ...] = ({"position": 1}, {"position": 2**60}, {"position": "1"}, {"position": -1})
        asked += ({"position": 2**64}, {"position": 1.0}, {"ticket": 1}, {"ticket": None}, {"group": "*"}, {"other": 1})
        questions += [_ask(name, **keywords) for keywords in asked]
        questions += [_ask(name, 0, 1, group="*"), _ask(name, 0, 1, group=5), _ask(name, 0, 1, group="g" * 1998)]
    for name in ("positions_get", "orders_get"):
        asked = ({}, {"symbol": "EURUSD"}, {"symbol": 5}, {"symbol": _TOO_LONG}, {"ticket": 1}, {"ticket": "1"})
        asked += ({"ticket": -1}, {"ticket": 2**64}, {"ticket": True}, {"group": "*"}, {"group": 5}, {"other": 1})
        asked += ({"symbol": None}, {"ticket": None})
        questions += [_ask(name, **keywords) for keywords in asked] + [_ask(name, "EURUSD"), _ask(name, 5)]
    return questions


def _questions_of_bars() -> list[Question]:
    at = datetime(2026, 1, 14, 10, tzinfo=UTC)
    questions = []
    for name, right in {
        "copy_rates_from": ("EURUSD", 1, 0, 1),
        "copy_rates_from_pos": ("EURUSD", 1, 0, 1),
        "copy_rates_range": ("EURUSD", 1, 0, 1),
        "copy_ticks_from": ("EURUSD", 0, 1, -1),
        "copy_ticks_range": ("EURUSD", 0, 1, -1),
    }.items():
        questions += [_ask(name), _ask(name, *right), _ask(name, *right[:3]), _ask(name, *right, 1)]
        questions += [_ask(name, symbol="EURUSD"), _ask(name, _TOO_LONG, *right[1:])]
        for place in range(4):
            for wrong in (None, "H1", 0.5, at, -1, True, 2**31, 2**32, 2**64):
                questions.append(_ask(name, *right[:place], wrong, *right[place + 1 :]))
    return questions


def _questions_of_trading() -> list[Question]:
    questions = []
    for name in ("order_check", "order_send"):
        wrong: tuple[dict[str, Any], ...] = ({"volume": 1}, {"price": 1}, {"sl": 0}, {"tp": "1.1"}, {"stoplimit": 1})
        wrong += ({"magic": 7.0}, {"magic": -1}, {"magic": 2**64}, {"magic": 2**64 - 1}, {"magic": True})
        wrong += ({"type": None}, {"type": 2**32}, {"action": "1"}, {"action": 2**32}, {"deviation": 2**32})
        wrong += ({"expiration": 0.5}, {"expiration": -1}, {"expiration": 2**64}, {"type_filling": -1}, {"order": -1})
        wrong += ({"comment": "c" * 29}, {"comment": "c" * 30}, {"comment": 5}, {"comment": None}, {"symbol": _LONGEST})
        wrong += ({"symbol": _TOO_LONG}, {"volume": math.nan}, {"other": "1"}, {}, {"position": 2**64})
        wrong += ({"position_by": -1}, {"type_time": 2**32})
        questions += [_ask(name, request) for request in wrong]
        questions += [_ask(name), _ask(name, [("action", 1)]), _ask(name, None), _ask(name, {}, {})]
        questions += [_ask(name, action=1, symbol="EURUSD", volume=0.1), _ask(name, volume=1)]
        questions += [_ask(name, request={"action": 1}), _ask(name, {"action": 1}, volume=0.1)]
    for name, right in (
        ("order_calc_margin", (0, "EURUSD", 0.1, 1.1)),
        ("order_calc_profit", (0, "EURUSD", 0.1, 1.1, 1.2)),
    ):
        questions += [_ask(name), _ask(name, *right), _ask(name, *right[:-1]), _ask(name, *right, 1)]
        questions += [_ask(name, action=0), _ask(name, 0, _TOO_LONG, *right[2:])]
        for place in range(len(right)):
            questions += [_ask(name, *right[:place], wrong, *right[place + 1 :]) for wrong in (None, "x", 1, 1.5, -1)]
    return questions


def _questions_of_connecting() -> list[Question]:
    nowhere = "C:\\nowhere\\terminal64.exe"
    asked: tuple[dict[str, Any], ...] = ({"login": "5"}, {"login": -1}, {"login": 2**64}, {"login": None})
    asked += ({"password": 5}, {"password": "p" * 254}, {"server": 5}, {"server": "s" * 254}, {"timeout": "x"})
    asked += ({"timeout": -1}, {"timeout": 0.5}, {"timeout": 2**64}, {"path": 5}, {"path": "p" * 258}, {"other": 1})
    questions = [_ask("initialize", nowhere, **keywords) for keywords in asked]
    questions += [_ask("initialize"), _ask("initialize", nowhere), _ask("initialize", path=nowhere)]
    questions += [_ask("initialize", *args) for args in (("",), (5,), (None,), ("p" * 257,), ("p" * 258,), ("a", "b"))]
    questions += [_ask("initialize", nowhere, login=5, password="p", server="s", timeout=1000, portable=True)]
    questions += [_ask("login", *args) for args in ((), (1,), ("1",), (1, "p"), (1, 5), (1, "p", "s"), (1, "p", 5))]
    questions += [_ask("login", *args) for args in ((1, "p", "s", 4), (-1,), (2**64,), (None,), (1.0,))]
    questions += [_ask("login", login=1), _ask("login", login="1"), _ask("login", login=1, password=5)]
    questions += [_ask("login", login=1, server=5), _ask("login", password="p"), _ask("login", 1, password="p")]
    questions += [_ask("login", login=1, timeout="x"), _ask("login", 1, login=2), _ask("login", login=1, other=2)]
    return [*questions, _ask("Buy", "EURUSD", 0.1), _ask("Sell", "EURUSD", 0.1, 1.1), _ask("Close", "EURUSD")]


def list_questions() -> list[Question]:
    """Return every question, in the order in which they are asked."""
    rooms = (_questions_of_symbols, _questions_of_history, _questions_of_bars, _questions_of_trading)
    found = [question for room in (*rooms, _questions_of_connecting) for question in room()]
    return list({str(question): question for question in found}.values())


def answer(package: Any, question: Question) -> list[Any]:
    """
    Return what a package says: ``[what it returned or the exception's name, error number, error text]``.

    `shutdown` goes before, so a call that leaves the last error alone leaves ``(1, "Success")``.
    """
    package.shutdown()
    function = getattr(package, question.name)
    try:
        # An empty ** is not nothing to a C function: the real package then refuses the request as "unnamed".
        said = function(*question.args, **question.keywords) if question.keywords else function(*question.args)
    except Exception as error:
        said = type(error).__name__
    return [list(said) if isinstance(said, tuple) else said, *package.last_error()]


def read_recorded() -> dict[str, list[Any]]:
    """Return the real package's answers by question."""
    return dict(json.loads(RECORDED.read_text("utf-8")))


if __name__ == "__main__":
    real = import_module("MetaTrader5")
    lines = [f"{json.dumps(str(question))}: {json.dumps(answer(real, question))}" for question in list_questions()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8", newline="\n")
