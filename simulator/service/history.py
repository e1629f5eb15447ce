"""Calls about positions, orders and what has become of them."""

from typing import Any

from simulator.broker.records import Deal, Order
from simulator.service.calls import Answer, Calls, Refusal, is_asked_for, is_in_group


class HistoryCalls(Calls):
    """Open positions, waiting orders, done orders, deals."""

    def positions_total(self, _: Any) -> Answer:
        """Return the number of open positions."""
        return len(self._exchange.books.list_positions(self._get_account().login)), b""

    def orders_total(self, _: Any) -> Answer:
        """Return the number of waiting orders."""
        return len(self._exchange.books.list_orders(self._get_account().login)), b""

    def positions_get(self, query: dict[str, Any]) -> Answer:
        """Return open positions."""
        account = self._get_account()
        fault = self._host.faults.take_query_fault(account.login)
        if fault is not None and fault.kind == "positions_none":
            raise Refusal(-1)
        held = self._exchange.books.list_positions(account.login)
        if fault is not None:
            held = held[len(held) // 2 + len(held) % 2 :] if fault.kind == "positions_half" else []
        return [self._rows.position(account, position) for position in held if is_asked_for(position, query)], b""

    def orders_get(self, query: dict[str, Any]) -> Answer:
        """Return waiting orders."""
        held = self._exchange.books.list_orders(self._get_account().login)
        return [self._rows.order(order) for order in held if is_asked_for(order, query)], b""

    def history_orders_total(self, dates: list[int]) -> Answer:
        """Return the number of history orders between two dates."""
        return len(self._list_history(Order, {"dates": dates})), b""

    def history_deals_total(self, dates: list[int]) -> Answer:
        """Return the number of deals between two dates."""
        return len(self._list_history(Deal, {"dates": dates})), b""

    def history_orders_get(self, query: dict[str, Any]) -> Answer:
        """Return history orders."""
        return [self._rows.order(order) for order in self._list_history(Order, query)], b""

    def history_deals_get(self, query: dict[str, Any]) -> Answer:
        """Return deals."""
        return [self._rows.deal(deal) for deal in self._list_history(Deal, query)], b""

    def _list_history(self, record: Any, query: dict[str, Any]) -> list[Any]:
        ledger, login = self._exchange.books.ledger, self._get_account().login
        if "dates" in query:
            zone = self._exchange.feed.zone
            # whole seconds are asked for, moments are finer: the last second counts to its end
            since, until = zone.to_utc(query["dates"][0]), zone.to_utc(query["dates"][1]) + 0.9995
            found: list[Any] = (ledger.list_done_orders if record is Order else ledger.list_deals)(login, since, until)
            group = query.get("group", "")
            return [item for item in found if is_in_group(item.symbol, group)]
        if "ticket" in query:
            column = "ticket" if record is Order else "order_ticket"
            return ledger.list_by(record, login, column, query["ticket"])
        return ledger.list_by(record, login, "position_id", query["position"])
