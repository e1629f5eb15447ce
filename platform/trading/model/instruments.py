"""Typical retail specifications, for backtests and the simulated broker. A live account always reads its own terminal."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from trading.errors import UnknownSymbol
from trading.model.instrument import CALC_CFD_LEVERAGE, CALC_FOREX, Instrument, find_pip_size


def _forex(base: str, quote: str, tick_value: str) -> Instrument:
    digits = 3 if quote == "JPY" else 5
    point = Decimal(1).scaleb(-digits)
    return _build(
        f"{base}{quote}",
        digits,
        tick_value,
        "100000",
        base=base,
        profit=quote,
        margin=base,
        calc_mode=CALC_FOREX,
        point=point,
    )


def _build(name: str, digits: int, tick_value: str, contract: str, **rest: Any) -> Instrument:
    point = rest.get("point", Decimal(1).scaleb(-digits))
    calc_mode = rest.get("calc_mode", CALC_CFD_LEVERAGE)
    return Instrument(
        name=name,
        digits=digits,
        point=point,
        tick_size=point,
        tick_value=Decimal(tick_value),
        tick_value_loss=Decimal(tick_value),
        contract_size=Decimal(contract),
        volume_min=Decimal(rest.get("volume_min", "0.01")),
        volume_max=Decimal(rest.get("volume_max", "100")),
        volume_step=Decimal(rest.get("volume_step", "0.01")),
        pip_size=find_pip_size(name, digits=digits, point=point, calc_mode=calc_mode),
        currency_base=rest["base"],
        currency_profit=rest.get("profit", "USD"),
        currency_margin=rest.get("margin", rest.get("profit", "USD")),
        calc_mode=calc_mode,
        account_currency="USD",
    )


_INDEX: dict[str, Any] = {"volume_min": "0.1", "volume_step": "0.1"}

# Tick values where the profit is not in USD are those of a typical rate: USDJPY 150, USDCHF 0.88, USDCAD 1.36, EURUSD 1.08.
_TYPICAL = {
    instrument.name: instrument
    for instrument in (
        _forex("EUR", "USD", "1"),
        _forex("GBP", "USD", "1"),
        _forex("AUD", "USD", "1"),
        _forex("USD", "JPY", "0.66666667"),
        _forex("USD", "CHF", "1.13636364"),
        _forex("USD", "CAD", "0.73529412"),
        _forex("EUR", "JPY", "0.66666667"),
        _build("XAUUSD", 2, "1", "100", base="XAU", volume_max="50"),
        _build("XAGUSD", 3, "5", "5000", base="XAG", volume_max="50"),
        _build("US30", 1, "1", "10", base="USD", **_INDEX),
        _build("NAS100", 1, "1", "10", base="USD", **_INDEX),
        _build("US500", 1, "1", "10", base="USD", **_INDEX),
        _build("GER40", 2, "0.0108", "1", base="EUR", profit="EUR", volume_max="1000"),
        _build("BTCUSD", 2, "0.01", "1", base="BTC", volume_max="20"),
        _build("ETHUSD", 2, "0.01", "1", base="ETH", volume_max="200"),
    )
}


def typical_instrument(symbol: str) -> Instrument:
    """
    Return the typical specification of ``symbol`` for an account in USD; case and a broker's suffix are ignored.

    :raises UnknownSymbol: where there is none; ``extra["allowed"]`` lists those there are.

    >>> typical_instrument("EURUSD").pip_size
    Decimal('0.00010')
    >>> typical_instrument("us30.cash").name
    'us30.cash'
    """
    key = symbol.upper()
    if key not in _TYPICAL:
        key = next((name for name in _TYPICAL if key.startswith(name)), "")
    if not key:
        allowed = sorted(_TYPICAL)
        message = f"no typical specification of {symbol!r}: there are {', '.join(allowed)}"
        raise UnknownSymbol(message, field="symbol", extra={"allowed": allowed})
    instrument = _TYPICAL[key]
    return instrument if key == symbol else replace(instrument, name=symbol)


def list_typical_symbols() -> list[str]:
    """Return the names `typical_instrument` knows."""
    return list(_TYPICAL)
