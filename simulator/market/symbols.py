"""The symbols that the simulated broker offers, and their terms."""

from dataclasses import dataclass, replace
from typing import Final

from trading.model.instrument import CALC_FOREX, Instrument
from trading.model.instruments import list_typical_symbols, typical_instrument

FX, METAL, COIN = "FX", "METAL", "COIN"
"""Session classes: currencies; metals and indices with an hour's break; coins, which never close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolTerms:
    """One symbol: its specification and what a specification does not say."""

    instrument: Instrument
    session: str
    price: float
    """A typical price, round which the seeded market moves."""
    year_volatility: float
    spread_points: int
    swap_long_points: float = 0.0
    swap_short_points: float = 0.0
    swap_triple_weekday: int = 3
    description: str = ""
    trade_mode: int = 4
    execution: int = 2
    filling_mask: int = 3
    margin_rate: float = 1.0
    margin_hedged: float = 0.0
    spread_is_fixed: bool = False

    @property
    def name(self) -> str:
        """The symbol's name."""
        return self.instrument.name

    @property
    def digits(self) -> int:
        """Decimals of its price."""
        return self.instrument.digits

    @property
    def point(self) -> float:
        """One point of its price."""
        return float(self.instrument.point)


# price, volatility per year, spread in points, swap long, swap short, description
_MARKET: Final[dict[str, tuple[float, float, int, float, float, str]]] = {
    "EURUSD": (1.0800, 0.075, 10, -6.5, 2.1, "Euro vs US Dollar"),
    "GBPUSD": (1.2700, 0.085, 13, -3.2, -1.4, "Great Britain Pound vs US Dollar"),
    "USDJPY": (150.00, 0.095, 12, 9.8, -18.5, "US Dollar vs Japanese Yen"),
    "USDCHF": (0.8800, 0.080, 14, 5.1, -10.2, "US Dollar vs Swiss Franc"),
    "AUDUSD": (0.6600, 0.100, 12, -2.9, -0.6, "Australian Dollar vs US Dollar"),
    "USDCAD": (1.3600, 0.070, 15, 1.2, -5.3, "US Dollar vs Canadian Dollar"),
    "EURJPY": (162.00, 0.100, 18, 7.4, -15.1, "Euro vs Japanese Yen"),
    "XAUUSD": (2650.0, 0.160, 25, -38.0, 14.0, "Gold vs US Dollar"),
    "XAGUSD": (31.000, 0.300, 30, -4.1, 1.0, "Silver vs US Dollar"),
    "US30": (43000.0, 0.150, 20, -55.0, 12.0, "Dow Jones 30"),
    "NAS100": (20500.0, 0.220, 15, -28.0, 6.0, "Nasdaq 100"),
    "US500": (5900.0, 0.160, 5, -8.0, 1.8, "S&P 500"),
    "GER40": (19500.0, 0.180, 120, -310.0, 90.0, "Germany 40"),
    "BTCUSD": (90000.0, 0.550, 2500, -4200.0, 0.0, "Bitcoin vs US Dollar"),
    "ETHUSD": (3100.0, 0.700, 180, -150.0, 0.0, "Ethereum vs US Dollar"),
}
_COINS = ("BTC", "ETH")


def typical_terms(symbol: str) -> SymbolTerms:
    """
    Return the typical terms of ``symbol``; a broker's suffix is kept in its name.

    :raises trading.errors.UnknownSymbol: if no typical specification is known.
    """
    instrument = replace(typical_instrument(symbol), account_currency=None)
    known = next(name for name in _MARKET if symbol.upper().startswith(name))
    price, volatility, spread, long_points, short_points, text = _MARKET[known]
    is_forex = instrument.calc_mode == CALC_FOREX
    return SymbolTerms(
        instrument=instrument,
        session=FX if is_forex else COIN if known.startswith(_COINS) else METAL,
        price=price,
        year_volatility=volatility,
        spread_points=spread,
        swap_long_points=long_points,
        swap_short_points=short_points,
        swap_triple_weekday=3 if is_forex else 5,
        description=text,
    )


def list_typical_terms() -> list[SymbolTerms]:
    """Return the terms of every symbol that the core describes."""
    return [typical_terms(symbol) for symbol in list_typical_symbols() if symbol in _MARKET]
