"""Records as the rows that the terminal's result types are made of. Times become the server's clock."""

from decimal import Decimal
from typing import Any

from simulator.broker.records import Account, Deal, Order, Position
from simulator.broker.request import TradeRequest
from simulator.broker.valuation import NoRate, Summary
from simulator.exchange import Exchange
from simulator.market.feed import Quote
from simulator.market.symbols import SymbolTerms
from simulator.terminal.surface import FIELDS

_D1 = 16408
_DEFAULTS: dict[str, Any] = {"int": 0, "float": 0.0, "bool": False, "str": ""}


def make_row(struct: str, values: dict[str, Any]) -> list[Any]:
    """Return ``values`` in the order of a result type; what is not given is zero or empty."""
    return [values.get(name, _DEFAULTS.get(kind)) for name, kind in FIELDS[struct]]


class Rows:
    """Makes rows of the exchange's records at its present moment."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def _server_ms(self, utc_s: float) -> int:
        return round(self._exchange.feed.zone.to_server(utc_s) * 1000) if utc_s else 0

    def account(self, account: Account, summary: Summary) -> list[Any]:
        """Return the row of ``AccountInfo``."""
        return make_row(
            "AccountInfo",
            {
                "login": account.login,
                "leverage": account.leverage,
                "limit_orders": account.limit_orders,
                "trade_allowed": account.trade_allowed,
                "trade_expert": account.trade_expert,
                "margin_mode": account.margin_mode,
                "currency_digits": account.currency_digits,
                "fifo_close": account.fifo_close,
                "balance": float(summary.balance),
                "credit": float(summary.credit),
                "profit": float(summary.profit),
                "equity": float(summary.equity),
                "margin": float(summary.margin),
                "margin_free": float(summary.margin_free),
                "margin_level": float(summary.margin_level),
                "margin_so_call": float(account.margin_call_percent),
                "margin_so_so": float(account.stop_out_percent),
                "name": account.name,
                "server": account.server,
                "currency": account.currency,
                "company": account.company,
            },
        )

    def position(self, account: Account, position: Position) -> list[Any]:
        """Return the row of ``TradePosition``."""
        at = self._exchange.market_at
        valuation = self._exchange.desk.valuation
        price = valuation.find_close_price(position, at)
        opened_ms, updated_ms = self._server_ms(position.opened_at), self._server_ms(position.updated_at)
        return make_row(
            "TradePosition",
            {
                "ticket": position.ticket,
                "time": opened_ms // 1000,
                "time_msc": opened_ms,
                "time_update": updated_ms // 1000,
                "time_update_msc": updated_ms,
                "type": position.type,
                "magic": position.magic,
                "identifier": position.identifier,
                "reason": position.reason,
                "volume": float(position.volume),
                "price_open": position.price_open,
                "sl": position.sl,
                "tp": position.tp,
                "price_current": price or 0.0,
                "swap": float(position.swap),
                "profit": float(valuation.find_position_profit(account, position, at)),
                "symbol": position.symbol,
                "comment": position.comment,
            },
        )

    def order(self, order: Order) -> list[Any]:
        """Return the row of ``TradeOrder``."""
        quote = self._exchange.feed.find_quote(order.symbol, self._exchange.market_at)
        current = 0.0 if quote is None else quote.ask if order.type % 2 == 0 else quote.bid
        setup_ms, done_ms = self._server_ms(order.setup_at), self._server_ms(order.done_at)
        return make_row(
            "TradeOrder",
            {
                "ticket": order.ticket,
                "time_setup": setup_ms // 1000,
                "time_setup_msc": setup_ms,
                "time_done": done_ms // 1000,
                "time_done_msc": done_ms,
                "time_expiration": self._server_ms(order.expires_at) // 1000,
                "type": order.type,
                "type_time": order.type_time,
                "type_filling": order.type_filling,
                "state": order.state,
                "magic": order.magic,
                "position_id": order.position_id,
                "position_by_id": order.position_by_id,
                "reason": order.reason,
                "volume_initial": float(order.volume_initial),
                "volume_current": float(order.volume_current),
                "price_open": order.price_open,
                "sl": order.sl,
                "tp": order.tp,
                "price_current": current,
                "price_stoplimit": order.price_stoplimit,
                "symbol": order.symbol,
                "comment": order.comment,
            },
        )

    def deal(self, deal: Deal) -> list[Any]:
        """Return the row of ``TradeDeal``."""
        made_ms = self._server_ms(deal.made_at)
        return make_row(
            "TradeDeal",
            {
                "ticket": deal.ticket,
                "order": deal.order_ticket,
                "time": made_ms // 1000,
                "time_msc": made_ms,
                "type": deal.type,
                "entry": deal.entry,
                "magic": deal.magic,
                "position_id": deal.position_id,
                "reason": deal.reason,
                "volume": float(deal.volume),
                "price": deal.price,
                "commission": float(deal.commission),
                "swap": float(deal.swap),
                "profit": float(deal.profit),
                "fee": float(deal.fee),
                "symbol": deal.symbol,
                "comment": deal.comment,
            },
        )

    def tick(self, symbol: str) -> list[Any] | None:
        """Return the row of ``Tick``, ``None`` before the first quote."""
        quote = self._exchange.feed.find_quote(symbol, self._exchange.market_at)
        if quote is None:
            return None
        made_ms = self._server_ms(quote.at)
        values = {"time": made_ms // 1000, "bid": quote.bid, "ask": quote.ask, "time_msc": made_ms, "flags": 6}
        return make_row("Tick", values)

    def symbol(self, account: Account | None, terms: SymbolTerms, *, visible: bool) -> list[Any]:
        """Return the row of ``SymbolInfo``."""
        instrument = terms.instrument
        values: dict[str, Any] = {
            "select": visible,
            "visible": visible,
            "digits": terms.digits,
            "spread_float": True,
            "trade_calc_mode": instrument.calc_mode,
            "trade_mode": terms.trade_mode,
            "trade_stops_level": instrument.stops_level_points,
            "trade_freeze_level": instrument.freeze_level_points,
            "trade_exemode": terms.execution,
            "swap_mode": 1,
            "swap_rollover3days": terms.swap_triple_weekday,
            "expiration_mode": 15,
            "filling_mode": terms.filling_mask,
            "order_mode": 127,
            "point": terms.point,
            "trade_tick_size": float(instrument.tick_size),
            "trade_contract_size": float(instrument.contract_size),
            "volume_min": float(instrument.volume_min),
            "volume_max": float(instrument.volume_max),
            "volume_step": float(instrument.volume_step),
            "volume_limit": float(instrument.volume_limit),
            "swap_long": terms.swap_long_points,
            "swap_short": terms.swap_short_points,
            "margin_hedged": terms.margin_hedged,
            "currency_base": instrument.currency_base,
            "currency_profit": instrument.currency_profit,
            "currency_margin": instrument.currency_margin,
            "description": terms.description,
            "name": terms.name,
            "path": f"{'Forex' if terms.session == 'FX' else 'CFD'}\\{terms.name}",
        }
        values |= self._tick_values(account, terms) | self._prices(terms)
        return make_row("SymbolInfo", values)

    def _tick_values(self, account: Account | None, terms: SymbolTerms) -> dict[str, float]:
        told = self._exchange.tick_values.get(terms.name)
        gain = loss = told
        if told is None and account is not None:
            find, at = self._exchange.desk.valuation.find_tick_value, self._exchange.market_at
            try:
                gain, loss = find(account, terms, at, losing=False), find(account, terms, at, losing=True)
            except NoRate:
                gain = loss = None
        profit_side, loss_side = float(gain or Decimal(0)), float(loss or Decimal(0))
        return {
            "trade_tick_value": profit_side,
            "trade_tick_value_profit": profit_side,
            "trade_tick_value_loss": loss_side,
        }

    def _prices(self, terms: SymbolTerms) -> dict[str, Any]:
        feed, at = self._exchange.feed, self._exchange.market_at
        quote: Quote | None = feed.find_quote(terms.name, at)
        if quote is None:
            return {}
        spread = quote.ask - quote.bid
        prices: dict[str, Any] = {
            "time": self._server_ms(quote.at) // 1000,
            "spread": quote.spread_points,
            "bid": quote.bid,
            "ask": quote.ask,
        }
        days = feed.read_rates(terms.name, _D1, at, 2)
        day = days[-1]
        prices |= {
            "bidhigh": float(day["high"]),
            "bidlow": float(day["low"]),
            "askhigh": round(float(day["high"]) + spread, terms.digits),
            "asklow": round(float(day["low"]) + spread, terms.digits),
            "session_open": float(day["open"]),
            "session_close": float(days[0]["close"]) if len(days) > 1 else 0.0,
        }
        if len(days) > 1:
            prices["price_change"] = round((quote.bid / float(days[0]["close"]) - 1) * 100, 4)
        return prices

    def request(self, request: TradeRequest) -> list[Any]:
        """Return the row of ``TradeRequest``."""
        names = [name for name, _ in FIELDS["TradeRequest"]]
        return make_row("TradeRequest", {n: getattr(request, n) for n in names} | {"volume": float(request.volume)})
