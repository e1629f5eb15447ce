"""Calls that trade, check or calculate."""

from typing import Any

from simulator.broker.checks import Permissions
from simulator.broker.records import Account
from simulator.broker.request import TradeRequest, read_trade_request, read_volume
from simulator.broker.retcodes import COMMENTS, Outcome
from simulator.broker.valuation import NoRate
from simulator.faults import Fault
from simulator.service.calls import Answer, Calls, Drop, Refusal, Silence
from simulator.service.rows import make_row


class TradeCalls(Calls):
    """Orders, and what they would cost."""

    def order_calc_margin(self, arguments: list[Any]) -> Answer:
        """Return the margin of an order."""
        action, symbol, volume, price = arguments
        account, terms = self._get_account(), self._exchange.feed.terms.get(symbol)
        if action not in (0, 1) or terms is None or not 0 < volume < 1e9 or not 0 < price < 1e12:
            raise Refusal(-2)
        lots = read_volume(volume)
        try:
            margin = self._exchange.desk.valuation.find_margin(account, terms, action, lots, price, self._at)
        except NoRate:
            raise Refusal(-1) from None
        return float(margin), b""

    def order_calc_profit(self, arguments: list[Any]) -> Answer:
        """Return the profit between two prices."""
        action, symbol, volume, price_open, price_close = arguments
        account, terms = self._get_account(), self._exchange.feed.terms.get(symbol)
        prices_fit = 0 < price_open < 1e12 and 0 < price_close < 1e12
        if action not in (0, 1) or terms is None or not 0 < volume < 1e9 or not prices_fit:
            raise Refusal(-2)
        lots = read_volume(volume)
        find_profit = self._exchange.desk.valuation.find_profit
        try:
            return float(find_profit(account, terms, action, lots, (price_open, price_close), self._at)), b""
        except NoRate:
            raise Refusal(-1) from None

    def order_check(self, values: dict[str, Any]) -> Answer:
        """Return the row of ``OrderCheckResult``."""
        account, request = self._get_account(), read_trade_request(values)
        retcode, summary = self._exchange.desk.check(account, request, self._at, self._permissions())
        row = {"retcode": retcode, "comment": COMMENTS.get(retcode, ""), "request": self._rows.request(request)}
        if summary is not None:
            row |= {
                "balance": float(summary.balance),
                "equity": float(summary.equity),
                "profit": float(summary.profit),
                "margin": float(summary.margin),
                "margin_free": float(summary.margin_free),
                "margin_level": float(summary.margin_level),
            }
        return make_row("OrderCheckResult", row), b""

    def order_send(self, values: dict[str, Any]) -> Answer:
        """Return the row of ``OrderSendResult``, or what a scripted fault makes of it."""
        account, request = self._get_account(), read_trade_request(values)
        self._state.requests += 1
        fault = self._host.faults.take_order_fault(account.login, request)
        outcome = self._send(account, request, fault)
        self._host.log(
            "order_sent",
            login=account.login,
            action=request.action,
            symbol=request.symbol,
            type=request.type,
            volume=str(request.volume),
            magic=request.magic,
            retcode=outcome.retcode,
            order=outcome.order,
            deal=outcome.deal,
            fault=fault.kind if fault else None,
        )
        if fault is not None and fault.kind.startswith("timeout"):
            return _lose_answer(fault, self._result_row(request, Outcome(10012)))
        return self._result_row(request, outcome), b""

    def _send(self, account: Account, request: TradeRequest, fault: Fault | None) -> Outcome:
        desk, permissions = self._exchange.desk, self._permissions()
        if fault is None or fault.kind == "timeout_filled":
            return desk.send(account, request, self._at, permissions)
        if fault.kind in ("partial_fill", "slippage"):
            return desk.send(account, request, self._at, permissions, fault.conditions)
        return Outcome(fault.retcode)

    def _permissions(self) -> Permissions:
        switches = self._exchange.permissions
        return Permissions(switches.connected and not self._is_line_down(), switches.autotrading)

    def _result_row(self, request: TradeRequest, outcome: Outcome) -> list[Any]:
        quote = self._exchange.feed.find_quote(request.symbol, self._at) if self._knows(request.symbol) else None
        return make_row(
            "OrderSendResult",
            {
                "retcode": outcome.retcode,
                "deal": outcome.deal,
                "order": outcome.order,
                "volume": outcome.volume,
                "price": outcome.price,
                "bid": quote.bid if quote else 0.0,
                "ask": quote.ask if quote else 0.0,
                "comment": outcome.comment,
                "request_id": self._state.requests,
                "request": self._rows.request(request),
            },
        )

    def _knows(self, symbol: str) -> bool:
        return symbol in self._exchange.feed.terms


def _lose_answer(fault: Fault, row: list[Any]) -> Answer:
    if fault.reply == "drop":
        raise Drop
    if fault.reply == "hang":
        raise Silence
    if fault.reply == "none":
        raise Refusal(-1)
    return row, b""
