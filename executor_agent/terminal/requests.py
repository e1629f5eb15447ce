"""Trade requests as the package wants them: floats on their step and digit, the filling mode the symbol allows."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import Any

from executor_agent.errors import TerminalUnknown
from executor_agent.terminal.ports import MarketOrder
from executor_agent.terminal.translate import to_exact
from trading.model.orders import Side
from trading.protocol import PositionMessage

COMMENT_MAX = 27
_FOK_ALLOWED, _IOC_ALLOWED = 1, 2
_REQUEST_EXECUTION, _INSTANT_EXECUTION = 0, 1


class RequestBuilder:
    """Builds requests; remembers per symbol which filling modes the broker has refused."""

    def __init__(self, package: Any, deviation_points: int) -> None:
        self._package = package
        self._deviation_points = deviation_points
        self._refused: dict[str, set[int]] = {}

    def build_deal(self, order: MarketOrder, info: Any) -> dict[str, Any]:
        """
        Return a market order.

        :raises TerminalUnknown: where its comment is longer than terminals take, or its volume below a step.
        """
        if len(order.comment) > COMMENT_MAX or not order.comment.isascii():
            raise TerminalUnknown(f"a comment has at most {COMMENT_MAX} ASCII characters")
        package = self._package
        request = {
            "action": package.TRADE_ACTION_DEAL,
            "type": package.ORDER_TYPE_BUY if order.side is Side.BUY else package.ORDER_TYPE_SELL,
            "symbol": str(info.name),
            "volume": _on_step(order.volume_lots, info),
            "price": _on_tick(order.price, info),
            "deviation": self._deviation_points,
            "magic": order.magic,
            "comment": order.comment,
            "type_time": package.ORDER_TIME_GTC,
            "type_filling": self._choose_filling(info),
        }
        levels = {"sl": order.stop_loss, "tp": order.take_profit}
        request |= {name: _on_tick(level, info) for name, level in levels.items() if level is not None}
        return request if order.position is None else request | {"position": order.position}

    def build_stops(
        self, position: PositionMessage, stop_loss: Decimal | None, take_profit: Decimal | None, info: Any
    ) -> dict[str, Any]:
        """Return a request that replaces stop and target."""
        return {
            "action": self._package.TRADE_ACTION_SLTP,
            "symbol": str(info.name),
            "position": position.ticket,
            "magic": position.magic,
            "sl": _on_tick(stop_loss, info) if stop_loss is not None else 0.0,
            "tp": _on_tick(take_profit, info) if take_profit is not None else 0.0,
        }

    def build_cancel(self, ticket: int) -> dict[str, Any]:
        """Return a request that removes a waiting order."""
        return {"action": self._package.TRADE_ACTION_REMOVE, "order": ticket}

    def try_next_filling(self, info: Any) -> bool:
        """Remember that the mode in use was refused; say whether another one is left."""
        refused = self._refused.setdefault(str(info.name), set())
        refused.add(self._choose_filling(info))
        if len(refused) < len(self._list_fillings(info)):
            return True
        refused.clear()  # a broker that takes none now may take one later
        return False

    def name_filling(self, info: Any) -> str:
        """Return the mode in use as FOK, IOC or RETURN."""
        names = {getattr(self._package, f"ORDER_FILLING_{name}"): name for name in ("FOK", "IOC", "RETURN")}
        return names[self._choose_filling(info)]

    def _choose_filling(self, info: Any) -> int:
        modes = self._list_fillings(info)
        refused = self._refused.get(str(info.name), set())
        return next((mode for mode in modes if mode not in refused), modes[0])

    def _list_fillings(self, info: Any) -> list[int]:
        package = self._package
        fok, ioc, rest = package.ORDER_FILLING_FOK, package.ORDER_FILLING_IOC, package.ORDER_FILLING_RETURN
        if info.trade_exemode in (_REQUEST_EXECUTION, _INSTANT_EXECUTION):
            return [fok, ioc, rest]
        # The symbol's mask is no request value: mask 1 means FOK, which is 0 in a request.
        named = [fok] if info.filling_mode & _FOK_ALLOWED else []
        named += [ioc] if info.filling_mode & _IOC_ALLOWED else []
        return [*named, *(mode for mode in (rest, fok, ioc) if mode not in named)]


def _on_tick(price: Decimal, info: Any) -> float:
    tick = to_exact(info.trade_tick_size) or to_exact(info.point)
    return round(float((price / tick).to_integral_value() * tick), int(info.digits))


def _on_step(lots: Decimal, info: Any) -> float:
    step = to_exact(info.volume_step)
    volume = (lots / step).to_integral_value(ROUND_FLOOR) * step
    if volume <= 0:
        raise TerminalUnknown(f"{lots} lots are below the step of {step}")
    return float(volume)
