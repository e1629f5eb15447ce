"""What positions are worth and what they bind: profit, margin, equity, in the account's currency."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from simulator.broker.books import Books
from simulator.broker.records import BUY, HEDGING, ZERO, Account, Position
from simulator.market.feed import Feed
from simulator.market.symbols import SymbolTerms
from trading.model.instrument import CALC_CFD, CALC_CFD_INDEX, CALC_CFD_LEVERAGE, CALC_FOREX, CALC_FUTURES

_FUTURES = (CALC_FUTURES, 33)
_BY_LEVERAGE = (CALC_FOREX, CALC_CFD_LEVERAGE)
_BY_PRICE = (CALC_CFD, CALC_CFD_INDEX, CALC_CFD_LEVERAGE, 32)
_HUNDRED: Final = Decimal(100)
# US dollars per unit, for a currency that no symbol on offer quotes
_REFERENCE_USD: Final = {
    "USD": Decimal(1),
    "EUR": Decimal("1.08"),
    "GBP": Decimal("1.27"),
    "AUD": Decimal("0.66"),
    "NZD": Decimal("0.60"),
    "CAD": 1 / Decimal("1.36"),
    "CHF": 1 / Decimal("0.88"),
    "JPY": 1 / Decimal(150),
}


class NoRate(ValueError):
    """Two currencies that nothing connects."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The state of an account at a moment [account currency]."""

    balance: Decimal
    credit: Decimal
    profit: Decimal
    equity: Decimal
    margin: Decimal

    @property
    def margin_free(self) -> Decimal:
        """Equity that no position binds."""
        return self.equity - self.margin

    @property
    def margin_level(self) -> Decimal:
        """Equity as percent of margin, 0 without positions."""
        return self.equity / self.margin * _HUNDRED if self.margin else ZERO


def exact(price: float) -> Decimal:
    """Return a price as the Decimal that it is written as."""
    return Decimal(repr(float(price)))


def to_money(value: Decimal, account: Account) -> Decimal:
    """Return ``value`` rounded half up to the account's smallest coin."""
    return value.quantize(Decimal(1).scaleb(-account.currency_digits), ROUND_HALF_UP)


class Valuation:
    """Values at market prices. It changes nothing."""

    def __init__(self, feed: Feed, books: Books) -> None:
        self._feed, self._books = feed, books

    def find_profit(
        self,
        account: Account,
        terms: SymbolTerms,
        order_type: int,
        lots: Decimal,
        prices: tuple[float, float],
        at: float,
    ) -> Decimal:
        """
        Return profit from the first to the second of ``prices``, in money of the account.

        :raises NoRate: if the profit currency can not be converted.
        """
        instrument = terms.instrument
        move = (exact(prices[1]) - exact(prices[0])) * (1 if order_type == BUY else -1)
        if instrument.calc_mode in _FUTURES:
            return to_money(move * lots * instrument.tick_value / instrument.tick_size, account)
        raw = move * lots * instrument.contract_size
        if account.currency == instrument.currency_base and account.currency != instrument.currency_profit:
            # the symbol itself quotes the conversion, at the very price of the close
            return to_money(raw / exact(prices[1]), account)
        return to_money(raw * self.find_rate(instrument.currency_profit, account.currency, at, losing=raw < 0), account)

    def find_position_profit(self, account: Account, position: Position, at: float) -> Decimal:
        """Return the floating profit of a position."""
        price = self.find_close_price(position, at)
        if price is None:
            return ZERO
        terms = self._feed.terms[position.symbol]
        return self.find_profit(account, terms, position.type, position.volume, (position.price_open, price), at)

    def find_close_price(self, position: Position, at: float) -> float | None:
        """Return the price at which a position would close now."""
        quote = self._feed.find_quote(position.symbol, at)
        if quote is None:
            return None
        return quote.bid if position.type == BUY else quote.ask

    def find_margin(
        self, account: Account, terms: SymbolTerms, order_type: int, lots: Decimal, price: float, at: float
    ) -> Decimal:
        """
        Return the margin that ``lots`` bind, hedging left aside.

        :raises NoRate: if the margin currency can not be converted.
        """
        instrument = terms.instrument
        if instrument.calc_mode in _FUTURES:
            return to_money(lots * Decimal(str(terms.margin_rate)), account)
        raw = lots * instrument.contract_size * Decimal(str(terms.margin_rate))
        if instrument.calc_mode in _BY_PRICE:
            raw *= exact(price)
        if instrument.calc_mode in _BY_LEVERAGE:
            raw /= account.leverage
        base, profit = instrument.currency_margin, instrument.currency_profit
        if base != account.currency and base == instrument.currency_base and profit == account.currency:
            return to_money(raw * exact(price), account)
        return to_money(raw * self.find_rate(base, account.currency, at, losing=order_type == BUY), account)

    def find_bound_margin(self, account: Account, positions: list[Position]) -> Decimal:
        """Return the margin of positions together; on a hedging account opposite ones cover each other."""
        if account.margin_mode != HEDGING:
            return sum((position.margin for position in positions), ZERO)
        total = ZERO
        for symbol in {position.symbol for position in positions}:
            legs = [[p for p in positions if p.symbol == symbol and p.type == side] for side in (0, 1)]
            total += self._find_hedged_margin(account, symbol, legs)
        return total

    def _find_hedged_margin(self, account: Account, symbol: str, legs: list[list[Position]]) -> Decimal:
        volumes = [sum((position.volume for position in leg), ZERO) for leg in legs]
        margins = [sum((position.margin for position in leg), ZERO) for leg in legs]
        if not volumes[0] or not volumes[1]:
            return margins[0] + margins[1]
        larger = 0 if volumes[0] >= volumes[1] else 1
        covered = volumes[1 - larger]
        uncovered = margins[larger] * (volumes[larger] - covered) / volumes[larger]
        terms = self._feed.terms[symbol]
        share = Decimal(str(terms.margin_hedged)) / terms.instrument.contract_size
        average = (margins[0] + margins[1]) / (volumes[0] + volumes[1])
        return to_money(uncovered + covered * average * share, account)

    def summarise(self, login: int, at: float) -> Summary:
        """Return the account's state at a moment."""
        account = self._books.accounts[login]
        positions = self._books.list_positions(login)
        profit = sum((self.find_position_profit(account, position, at) for position in positions), ZERO)
        swap = sum((position.swap for position in positions), ZERO)
        equity = account.balance + account.credit + profit + swap
        margin = self.find_bound_margin(account, positions)
        return Summary(account.balance, account.credit, profit, equity, margin)

    def find_tick_value(self, account: Account, terms: SymbolTerms, at: float, *, losing: bool) -> Decimal:
        """Return what one tick of one lot is worth."""
        instrument = terms.instrument
        if instrument.calc_mode in _FUTURES:
            return instrument.tick_value
        raw = instrument.tick_size * instrument.contract_size
        return raw * self.find_rate(instrument.currency_profit, account.currency, at, losing=losing)

    def find_rate(self, source: str, target: str, at: float, *, losing: bool) -> Decimal:
        """
        Return units of ``target`` per unit of ``source``; a loss is converted at the worse side.

        :raises NoRate: if no symbol and no reference connects the two.
        """
        if source == target:
            return Decimal(1)
        direct = self._find_pair(source + target, at)
        if direct is not None:
            return exact(direct[1] if losing else direct[0])
        inverse = self._find_pair(target + source, at)
        if inverse is not None:
            return 1 / exact(inverse[0] if losing else inverse[1])
        if "USD" not in (source, target):
            to_usd = self.find_rate(source, "USD", at, losing=losing)
            return to_usd * self.find_rate("USD", target, at, losing=losing)
        if source not in _REFERENCE_USD or target not in _REFERENCE_USD:
            raise NoRate(f"no rate from {source} to {target}")
        return _REFERENCE_USD[source] / _REFERENCE_USD[target]

    def _find_pair(self, pair: str, at: float) -> tuple[float, float] | None:
        name = next((name for name in self._feed.terms if name.startswith(pair)), None)
        quote = self._feed.find_quote(name, at) if name else None
        return (quote.bid, quote.ask) if quote else None
