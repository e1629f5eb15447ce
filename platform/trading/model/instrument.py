"""What the broker says about a symbol, and the arithmetic that follows from it. Decimal throughout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from trading.errors import InvalidInstrument, InvalidValue
from trading.model.orders import Side

CALC_FOREX, CALC_FUTURES, CALC_CFD, CALC_CFD_INDEX, CALC_CFD_LEVERAGE, CALC_FOREX_NO_LEVERAGE = 0, 1, 2, 3, 4, 5
CALC_EXCHANGE_FUTURES = 33
_FUTURES = (CALC_FUTURES, CALC_EXCHANGE_FUTURES)
_FOREX = (CALC_FOREX, CALC_FOREX_NO_LEVERAGE)

_POSITIVE = ("point", "tick_size", "contract_size", "volume_min", "volume_max", "volume_step", "pip_size")
_NOT_NEGATIVE = ("tick_value", "tick_value_loss", "volume_limit")
_WHOLE = ("digits", "stops_level_points", "freeze_level_points", "calc_mode")
_LARGEST = Decimal("1e12")


def to_decimal(value: object, *, field: str) -> Decimal:
    """
    Return ``value`` as an exact Decimal; a float is read as its shortest text, so ``1e-05`` is ``0.00001``.

    :raises InvalidValue: for NaN, infinities, booleans, text that is no number, and anything beyond 1e12.

    >>> to_decimal(1e-05, field="point")
    Decimal('0.00001')
    """
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or abs(number) > _LARGEST:
        raise InvalidValue(f"{field} must be a finite number up to 1e12, not {value!r}", field=field)
    return Decimal(f"{number:f}")


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Say whether ``value`` is a whole number of ``step``."""
    return value % step == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """
    The specification of one symbol at one broker.

    Prices are quoted on multiples of ``tick_size``; one tick moves one lot by ``tick_value`` (``tick_value_loss`` on the losing
    side) of the account's currency. A tick value of 0 means that the terminal has not synchronised the symbol yet.

    :raises InvalidInstrument: where a field can never be right.
    """

    name: str
    digits: int
    point: Decimal
    tick_size: Decimal
    tick_value: Decimal
    tick_value_loss: Decimal
    contract_size: Decimal
    volume_min: Decimal
    volume_max: Decimal
    volume_step: Decimal
    volume_limit: Decimal = Decimal(0)
    pip_size: Decimal
    stops_level_points: int = 0
    freeze_level_points: int = 0
    currency_base: str = ""
    currency_profit: str = ""
    currency_margin: str = ""
    calc_mode: int = CALC_FOREX
    account_currency: str | None = None
    """The currency tick values are in, where known: lets conversions follow the price (USDJPY on a USD account)."""

    def __post_init__(self) -> None:
        if not self.name or len(self.name) > 32:
            raise InvalidInstrument("a symbol has a name of 1 to 32 characters", field="name")
        for name in _POSITIVE + _NOT_NEGATIVE:
            _check_decimal(self, name, positive=name in _POSITIVE)
        for name in _WHOLE:
            if getattr(self, name) < 0:
                raise InvalidInstrument(f"{name} must not be negative", field=name)
        if self.volume_min > self.volume_max:
            raise InvalidInstrument("volume_min must not exceed volume_max", field="volume_min")

    @classmethod
    def from_symbol_info(
        cls, info: Mapping[str, Any], *, account_currency: str | None = None, pip_size: Decimal | None = None
    ) -> Instrument:
        """
        Read the terminal's ``symbol_info()._asdict()``.

        :param pip_size: price of one pip, where the platform knows better than the rule of `find_pip_size`.
        :raises InvalidInstrument: where a field is missing or can never be right.
        :raises InvalidValue: where a number is not finite.
        """
        missing = [name for name in _SOURCE.values() if name not in info]
        if missing:
            raise InvalidInstrument(f"symbol_info lacks {', '.join(sorted(missing))}", extra={"missing": missing})
        values = {ours: _read(ours, info[theirs]) for ours, theirs in _SOURCE.items()}
        loss = _read("tick_value_loss", info.get("trade_tick_value_loss", 0))
        values["tick_value_loss"] = loss or values["tick_value"]
        name, digits, point = values["name"], values["digits"], values["point"]
        pip = pip_size or find_pip_size(name, digits=digits, point=point, calc_mode=values["calc_mode"])
        return cls(**values, pip_size=pip, account_currency=account_currency)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values; Decimals as text. `from_dict` reads it back."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in pairs}

    @classmethod
    def from_dict(cls, shape: Mapping[str, Any]) -> Instrument:
        """
        Read what `as_dict` wrote.

        :raises InvalidInstrument: for unknown or missing fields.
        """
        try:
            return cls(**{name: _read(name, value) for name, value in shape.items()})
        except TypeError as error:
            raise InvalidInstrument(f"not an instrument: {error}") from None

    # --- prices -------------------------------------------------------------------------------------------------

    def round_price(self, price: Decimal) -> Decimal:
        """Return the nearest price on a tick; a half goes up."""
        return self._on_tick(price, ROUND_HALF_UP)

    def floor_price(self, price: Decimal) -> Decimal:
        """Return the next price on a tick at or below ``price``."""
        return self._on_tick(price, ROUND_FLOOR)

    def ceil_price(self, price: Decimal) -> Decimal:
        """Return the next price on a tick at or above ``price``."""
        return self._on_tick(price, ROUND_CEILING)

    def pips_to_ticks(self, pips: Decimal) -> int:
        """Return whole ticks of a distance in pips, rounded down: a stop comes closer, never further."""
        return int((pips * self.pip_size / self.tick_size).to_integral_value(ROUND_FLOOR))

    def ticks_between(self, first: Decimal, second: Decimal) -> Decimal:
        """Return the distance of two prices [ticks]."""
        return abs(first - second) / self.tick_size

    def _on_tick(self, price: Decimal, rounding: str) -> Decimal:
        ticks = (price / self.tick_size).to_integral_value(rounding)
        return (ticks * self.tick_size).quantize(Decimal(1).scaleb(-self.digits), ROUND_HALF_UP)

    # --- volume -------------------------------------------------------------------------------------------------

    def floor_lots(self, lots: Decimal) -> Decimal:
        """
        Return the largest volume on the broker's step that is not above ``lots``; never rounds up.

        >>> from trading.model.instruments import typical_instrument
        >>> typical_instrument("EURUSD").floor_lots(Decimal("0.159"))
        Decimal('0.15')
        """
        steps = (lots / self.volume_step).to_integral_value(ROUND_FLOOR)
        return steps * self.volume_step

    def lots_to_steps(self, lots: Decimal) -> int:
        """Return ``lots`` as whole volume steps, rounded down."""
        return int((lots / self.volume_step).to_integral_value(ROUND_FLOOR))

    def steps_to_lots(self, steps: int) -> Decimal:
        """Return ``steps`` volume steps as lots."""
        return steps * self.volume_step

    def is_volume(self, lots: Decimal) -> bool:
        """Say whether the broker takes an order of ``lots``: within minimum and maximum, on the step."""
        return self.volume_min <= lots <= self.volume_max and is_multiple(lots, self.volume_step)

    # --- money --------------------------------------------------------------------------------------------------

    @property
    def converts_by_price(self) -> bool:
        """Whether profit is converted by this symbol's own price: the account's currency is the base currency."""
        if self.account_currency is None or self.calc_mode in _FUTURES:
            return False
        return self.account_currency == self.currency_base and self.account_currency != self.currency_profit

    @property
    def is_quoted_in_account(self) -> bool:
        """Whether profit is already in the account's currency, so that the contract size alone gives the money."""
        return self.calc_mode not in _FUTURES and self.account_currency == self.currency_profit

    def money_per_price(self, price: Decimal) -> Decimal:
        """
        Return what a move of 1.0 in price earns one lot [account currency], converted at ``price``.

        >>> from trading.model.instruments import typical_instrument
        >>> typical_instrument("USDJPY").money_per_price(Decimal("125"))    # 100,000 JPY at 125
        Decimal('800')
        """
        if self.converts_by_price:
            return self.contract_size / price
        return self.contract_size if self.is_quoted_in_account else self.tick_value / self.tick_size

    def profit(self, *, side: Side, lots: Decimal, entry_price: Decimal, exit_price: Decimal) -> Decimal:
        """
        Return profit (or loss, negative) of a closed position, rounded to cents, without commission and swap.

        >>> from trading.model.instruments import typical_instrument
        >>> typical_instrument("EURUSD").profit(side=Side.SELL, lots=Decimal("0.10"),
        ...     entry_price=Decimal("1.10500"), exit_price=Decimal("1.10000"))
        Decimal('50.00')
        """
        money = (exit_price - entry_price) * side.sign * lots * self.money_per_price(exit_price)
        return money.quantize(Decimal("0.01"), ROUND_HALF_UP)


_SOURCE = {
    "name": "name",
    "digits": "digits",
    "point": "point",
    "tick_size": "trade_tick_size",
    "tick_value": "trade_tick_value",
    "contract_size": "trade_contract_size",
    "volume_min": "volume_min",
    "volume_max": "volume_max",
    "volume_step": "volume_step",
    "volume_limit": "volume_limit",
    "stops_level_points": "trade_stops_level",
    "freeze_level_points": "trade_freeze_level",
    "currency_base": "currency_base",
    "currency_profit": "currency_profit",
    "currency_margin": "currency_margin",
    "calc_mode": "trade_calc_mode",
}


def _read(name: str, value: Any) -> Any:
    if name in _POSITIVE + _NOT_NEGATIVE:
        return to_decimal(value, field=name)
    return int(value) if name in _WHOLE else value


def _check_decimal(instrument: Instrument, name: str, *, positive: bool) -> None:
    value = getattr(instrument, name)
    if not isinstance(value, Decimal) or not value.is_finite() or abs(value) > _LARGEST:
        raise InvalidInstrument(f"{name} must be a finite Decimal", field=name)
    if value < 0 or (positive and value == 0):
        raise InvalidInstrument(f"{name} must be {'above' if positive else 'at least'} 0", field=name)


_PIPS = (
    (("XAU", "GOLD"), "0.1"),
    (("XAG", "SILVER"), "0.01"),
    (("BTC", "XBT"), "1"),
    (("ETH",), "0.1"),
    (
        (
            "US30",
            "US100",
            "US500",
            "US2000",
            "NAS",
            "USTEC",
            "SPX",
            "DJ",
            "GER",
            "DE30",
            "DE40",
            "DAX",
            "UK100",
            "JP225",
        ),
        "1",
    ),
)


def find_pip_size(name: str, *, digits: int, point: Decimal, calc_mode: int) -> Decimal:
    """
    Return the price of one pip: metals, indices and coins by name, currencies by their digits.

    >>> find_pip_size("EURUSD.pro", digits=5, point=Decimal("0.00001"), calc_mode=0)
    Decimal('0.00010')
    >>> find_pip_size("GOLD.i#", digits=2, point=Decimal("0.01"), calc_mode=4)
    Decimal('0.1')
    """
    if calc_mode not in _FOREX:
        for prefixes, pip in _PIPS:
            if name.upper().startswith(prefixes):
                return max(Decimal(pip), point)
    return point * 10 if digits in (3, 5) else point
