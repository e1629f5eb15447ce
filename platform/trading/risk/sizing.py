"""
How much may be traded, in Decimal: the largest volume whose loss at the stop stays within the money at risk.

The loss per lot is worked out in two ways that must agree within 2 %: by tick value, and by what the terminal's own
calculation (or the contract's arithmetic) says at the stop price. The larger one counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Final

ZERO: Final = Decimal(0)
STEP_TOLERANCE: Final = Decimal("0.000001")
"""Share of a volume step by which a quotient may miss a whole step: tick values are themselves rounded quotients."""

WAYS_AGREE: Final = Decimal("0.02")
"""The two ways of working out the loss may differ by this fraction; beyond it one of them is wrong, and we refuse."""

BUY, SELL = "BUY", "SELL"
TRADE_DISABLED, TRADE_LONG_ONLY, TRADE_SHORT_ONLY, TRADE_CLOSE_ONLY, TRADE_FULL = 0, 1, 2, 3, 4
FUTURES_MODES = (1, 33, 34)


class SizingRefused(Exception):
    """Raised where no volume can be answered for: `code` is stable, the message is a sentence for people."""

    def __init__(self, code: str, message: str, *, raw_lots: Decimal | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.raw_lots = code, message, raw_lots


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolTerms:
    """
    What the broker says of a symbol, as far as risk needs it. Money is in the account's currency, per lot.

    ``profit_rate`` turns one unit of the symbol's profit currency into account currency; None where nobody could say.
    ``converts_at_stop``: the account's currency is the symbol's base, so the rate is 1 / price, taken at the stop.
    ``unseen_changes``: what the broker changed of it that no person has seen yet.
    """

    name: str
    digits: int
    point: Decimal
    tick_size: Decimal
    tick_value_loss: Decimal
    contract_size: Decimal
    volume_min: Decimal
    volume_max: Decimal
    volume_step: Decimal
    volume_limit: Decimal = ZERO
    volume_open: Decimal = ZERO
    stops_level_points: int = 0
    trade_mode: int = TRADE_FULL
    calc_mode: int = 0
    profit_rate: Decimal | None = None
    converts_at_stop: bool = False
    margin_per_lot: Decimal | None = None
    commission_per_lot: Decimal = ZERO
    currency_base: str = ""
    currency_profit: str = ""
    bid: Decimal | None = None
    ask: Decimal | None = None
    unseen_changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sizing:
    """The answer: ``lots`` on the step, what they lose at the stop with costs, and what capped them."""

    lots: Decimal
    raw_lots: Decimal
    loss_per_lot: Decimal
    loss_per_lot_tick: Decimal
    loss_per_lot_calc: Decimal
    risk_at_lots: Decimal
    capped_by: tuple[str, ...]


def size_position(
    *,
    terms: SymbolTerms,
    side: str,
    entry_price: Decimal,
    stop_loss: Decimal | None,
    risk_money: Decimal,
    room_money: Decimal | None = None,
    requested_lots: Decimal | None = None,
    free_margin: Decimal | None = None,
    position_margin: Decimal | None = None,
    slippage: Decimal = ZERO,
) -> Sizing:
    """
    Return the largest volume that loses at most ``risk_money`` at the stop, capped by room, margin, broker and request.

    :param risk_money: what may be lost [account currency], above zero.
    :param room_money: what is left above a floor [account currency]; caps the risk.
    :param position_margin: the margin one position may bind [account currency]; where the broker does not tell a lot's
        margin it caps nothing.
    :param slippage: allowance added to the stop distance [price].
    :raises SizingRefused: with the code of the first rule that is broken; rounding never goes up.

    >>> eurusd = SymbolTerms(name="EURUSD", digits=5, point=Decimal("0.00001"), tick_size=Decimal("0.00001"),
    ...     tick_value_loss=Decimal(1), contract_size=Decimal(100000), volume_min=Decimal("0.01"),
    ...     volume_max=Decimal(100), volume_step=Decimal("0.01"), profit_rate=Decimal(1))
    >>> size_position(terms=eurusd, side="BUY", entry_price=Decimal("1.08567"), stop_loss=Decimal("1.08423"),
    ...     risk_money=Decimal(50)).lots
    Decimal('0.34')
    """
    check_tradable(terms, side)
    check_terms(terms)
    stop = check_stop(terms, side=side, entry_price=entry_price, stop_loss=stop_loss)
    by_tick, by_calc, loss = loss_per_lot(terms, entry_price=entry_price, stop_loss=stop, slippage=slippage)
    money, caps = _money_at_risk(risk_money, room_money)
    raw = money / loss
    broker = _caps(terms, requested_lots, free_margin, position_margin)
    lots, more = _cap_lots(terms, floor_to_step(raw, terms.volume_step), raw, broker)
    return Sizing(lots, raw, loss, by_tick, by_calc, lots * loss, (*caps, *more))


def check_tradable(terms: SymbolTerms, side: str) -> None:
    """
    Check that the broker lets this side of the symbol be opened.

    :raises SizingRefused: SYMBOL_DISABLED, SYMBOL_CLOSE_ONLY, SYMBOL_LONG_ONLY or SYMBOL_SHORT_ONLY.
    """
    if terms.trade_mode == TRADE_CLOSE_ONLY:
        raise SizingRefused("SYMBOL_CLOSE_ONLY", f"{terms.name} can only be closed at this broker.")
    if terms.trade_mode == TRADE_LONG_ONLY and side != BUY:
        raise SizingRefused("SYMBOL_LONG_ONLY", f"{terms.name} can only be bought at this broker.")
    if terms.trade_mode == TRADE_SHORT_ONLY and side != SELL:
        raise SizingRefused("SYMBOL_SHORT_ONLY", f"{terms.name} can only be sold at this broker.")
    if terms.trade_mode not in (TRADE_FULL, TRADE_LONG_ONLY, TRADE_SHORT_ONLY):
        raise SizingRefused("SYMBOL_DISABLED", f"Trading {terms.name} is disabled at this broker.")


def check_terms(terms: SymbolTerms) -> None:
    """
    Check that an order may be worked out from these terms at all.

    :raises SizingRefused: BAD_SYMBOL_SPEC or NO_TICK_VALUE.
    """
    positive = (
        terms.point, terms.tick_size, terms.contract_size, terms.volume_min, terms.volume_max, terms.volume_step
    )  # fmt: skip
    if not all(number.is_finite() and number > 0 for number in positive) or terms.volume_min > terms.volume_max:
        raise SizingRefused("BAD_SYMBOL_SPEC", f"The specification of {terms.name} cannot be right.")
    if not (terms.tick_value_loss.is_finite() and terms.tick_value_loss > 0):
        raise SizingRefused("NO_TICK_VALUE", f"The terminal has no tick value for {terms.name} yet.")


def check_stop(terms: SymbolTerms, *, side: str, entry_price: Decimal, stop_loss: Decimal | None) -> Decimal:
    """
    Return the stop if it is present, on the right side, on a tick, and far enough from the market.

    :raises SizingRefused: SL_MISSING, SL_WRONG_SIDE, PRICE_NOT_ON_TICK or SL_TOO_CLOSE.
    """
    if stop_loss is None or not stop_loss.is_finite() or stop_loss <= 0:
        raise SizingRefused("SL_MISSING", "A trade needs a stop loss above zero.")
    if not (entry_price.is_finite() and entry_price > 0) or side not in (BUY, SELL):
        raise SizingRefused("BAD_REQUEST", "A trade needs a side and an entry price above zero.")
    if (entry_price - stop_loss) * (1 if side == BUY else -1) <= 0:
        where = "below" if side == BUY else "above"
        raise SizingRefused("SL_WRONG_SIDE", f"The stop loss of a {side} must lie {where} its entry price.")
    if stop_loss % terms.tick_size or entry_price % terms.tick_size:
        raise SizingRefused("PRICE_NOT_ON_TICK", f"Prices of {terms.name} are multiples of {terms.tick_size}.")
    market = (terms.bid if side == BUY else terms.ask) or entry_price
    nearest = terms.stops_level_points * terms.point
    if (market - stop_loss) * (1 if side == BUY else -1) < nearest:
        raise SizingRefused("SL_TOO_CLOSE", f"The stop must be at least {nearest} away from {market}.")
    return stop_loss


def loss_per_lot(
    terms: SymbolTerms, *, entry_price: Decimal, stop_loss: Decimal, slippage: Decimal = ZERO
) -> tuple[Decimal, Decimal, Decimal]:
    """
    Return what one lot loses at the stop: by tick value, by calculation, and what counts (larger, with costs).

    :raises SizingRefused: NO_CONVERSION_RATE, or TICK_VALUE_MISMATCH where the two ways differ by more than 2 %.
    """
    distance = abs(entry_price - stop_loss)
    by_tick = distance / terms.tick_size * terms.tick_value_loss
    by_calc = distance * terms.contract_size * _rate_at(terms, stop_loss)
    if terms.calc_mode in FUTURES_MODES and terms.profit_rate is None:
        by_calc = by_tick  # a futures contract's money is its tick value; there is no second way without a rate
    worse = max(by_tick, by_calc)
    if abs(by_tick - by_calc) > WAYS_AGREE * worse:
        raise SizingRefused(
            "TICK_VALUE_MISMATCH",
            f"One lot of {terms.name} would lose {by_tick:.2f} by tick value but {by_calc:.2f} by calculation.",
        )
    slipped = slippage / distance * worse
    return by_tick, by_calc, worse + slipped + terms.commission_per_lot


def floor_to_step(lots: Decimal, step: Decimal) -> Decimal:
    """
    Return ``lots`` rounded down to the step, with a tolerance of a millionth of a step.

    >>> floor_to_step(Decimal("0.159"), Decimal("0.01"))
    Decimal('0.15')
    """
    return (lots / step + STEP_TOLERANCE).to_integral_value(ROUND_FLOOR) * step


def _rate_at(terms: SymbolTerms, price: Decimal) -> Decimal:
    if terms.converts_at_stop:
        return 1 / price
    if terms.profit_rate is None:
        if terms.calc_mode in FUTURES_MODES:
            return ZERO
        raise SizingRefused(
            "NO_CONVERSION_RATE", f"No rate turns the profit of {terms.name} into the account's currency."
        )
    return terms.profit_rate


def _money_at_risk(risk: Decimal, room: Decimal | None) -> tuple[Decimal, tuple[str, ...]]:
    if not (risk.is_finite() and risk > 0):
        raise SizingRefused("RISK_NOT_POSITIVE", "The money at risk must be above zero.")
    if room is None or room >= risk:
        return risk, ()
    if room <= 0:
        raise SizingRefused("NO_ROOM", "Nothing is left above the floor.")
    return room, ("room_to_floor",)


def _cap_lots(
    terms: SymbolTerms, lots: Decimal, raw: Decimal, known: list[tuple[str, str, Decimal]]
) -> tuple[Decimal, tuple[str, ...]]:
    caps: list[str] = []
    for name, code, most in known:
        if most < lots:
            lots = floor_to_step(most, terms.volume_step)
            caps.append(name)
            if lots < terms.volume_min:
                raise SizingRefused(
                    code, _TOO_SMALL[code].format(name=terms.name, least=terms.volume_min), raw_lots=raw
                )
    if lots < terms.volume_min:
        raise SizingRefused(
            "BELOW_MIN_LOT",
            f"{terms.name} trades from {terms.volume_min} lots; the risk allows {raw:.4f}.",
            raw_lots=raw,
        )
    return lots, tuple(caps)


def _caps(
    terms: SymbolTerms, requested: Decimal | None, free_margin: Decimal | None, position_margin: Decimal | None
) -> list[tuple[str, str, Decimal]]:
    caps = []
    if terms.margin_per_lot and position_margin is not None:
        caps.append(("position_size", "POSITION_SIZE", max(position_margin, ZERO) / terms.margin_per_lot))
    if terms.margin_per_lot and free_margin is not None:
        caps.append(("margin", "NO_MARGIN", max(free_margin, ZERO) / terms.margin_per_lot))
    if terms.volume_limit > 0:
        caps.append(("volume_limit", "VOLUME_LIMIT", max(terms.volume_limit - terms.volume_open, ZERO)))
    caps.append(("volume_max", "VOLUME_MAX", terms.volume_max))
    if requested is not None:
        caps.append(("requested", "BELOW_MIN_LOT", requested))
    return caps


_TOO_SMALL = {
    "POSITION_SIZE": "Already {least} lots of {name} bind more margin than one position may.",
    "NO_MARGIN": "The free margin does not carry {least} lots of {name}.",
    "VOLUME_LIMIT": "The broker's limit for all open volume of {name} is reached.",
    "VOLUME_MAX": "The broker's largest order of {name} is below its smallest.",
    "BELOW_MIN_LOT": "{name} trades from {least} lots; less was asked for.",
}
