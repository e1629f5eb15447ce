"""What lies ahead of an account: how its next day would open, and the largest lot it could trade now. Nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from apps.accounts.models import Account, AccountRisk
from apps.bots.models import Bot, BotStatus
from apps.market.models import Quote
from apps.risk.selectors import list_usual_stops
from apps.risk.services.facts import AccountFacts, load_facts
from apps.risk.services.levels import forecast_day
from apps.risk.services.states import read_state
from apps.teams.callers import Caller
from trading.protocol import ApprovalRequest
from trading.risk.forecast import Forecast
from trading.risk.largest import LargestLot, find_largest_lot
from trading.risk.sizing import BUY, SELL

SIDES: Final = (BUY, SELL)


@dataclass(frozen=True, slots=True)
class Outlook:
    """An account's facts as they are at a moment, read without a lock; `facts` is None where its limits cannot be read."""

    account: Account
    facts: AccountFacts | None
    at: datetime

    @property
    def forecast(self) -> Forecast | None:
        return forecast_day(self.facts) if self.facts is not None else None


@dataclass(frozen=True, slots=True)
class SymbolLots:
    """
    The largest lot of one symbol for a stop distance, both ways; None where no price is known.

    ``stop_ticks`` is None where the broker has not told the symbol's terms, so that no distance has ticks.
    """

    symbol: str
    stop_ticks: int | None
    price_at: datetime | None
    sides: tuple[tuple[str, LargestLot | None], ...]


def read_outlook(account: Account, at: datetime, symbols: set[str] | None = None) -> Outlook:
    """Return the facts of one account, with the terms of these symbols and of what it holds."""
    return _read_outlooks({account: symbols or set()}, at)[account]


def look_ahead(accounts: Sequence[Account], at: datetime) -> dict[Account, tuple[Outlook, list[SymbolLots]]]:
    """Return the outlook of each account, and the largest lots of the symbols it trades with the stops it asked with last."""
    usual = list_usual_stops([account.pk for account in accounts])
    stops = {account: usual.get(account.pk, {}) for account in accounts}
    outlooks = _read_outlooks({account: set(found) for account, found in stops.items()}, at)
    return {account: (outlooks[account], _usual_lots(outlooks[account], stops[account])) for account in accounts}


def _read_outlooks(symbols: Mapping[Account, set[str]], at: datetime) -> dict[Account, Outlook]:
    by_id = {account.pk: account for account in symbols}
    rows = list(AccountRisk.objects.filter(account__in=by_id).order_by("pk"))
    facts = load_facts(rows, by_id, set().union(*symbols.values()))
    return {account: Outlook(account, facts.get(account.pk), at) for account in symbols}


def _usual_lots(outlook: Outlook, stops: Mapping[str, Decimal]) -> list[SymbolLots]:
    found = []
    for symbol, distance in stops.items():
        terms = outlook.facts.terms.get(symbol) if outlook.facts is not None else None
        if terms is None or terms.tick_size <= 0:
            found.append(SymbolLots(symbol, None, None, tuple((side, None) for side in SIDES)))
            continue
        ticks = int((distance / terms.tick_size).to_integral_value(ROUND_HALF_UP))
        found.append(find_lots(outlook, symbol, max(1, ticks)))
    return found


def find_lots(outlook: Outlook, symbol: str, stop_ticks: int) -> SymbolLots:
    """Return the largest lot of a symbol now, both ways. The price is the last quote the account's observer told."""
    quote = outlook.facts.quotes.get(symbol) if outlook.facts is not None else None
    sides = tuple((side, _largest(outlook, symbol, side, stop_ticks, quote)) for side in SIDES)
    return SymbolLots(symbol, stop_ticks, quote.received_at if quote else None, sides)


def _largest(outlook: Outlook, symbol: str, side: str, stop_ticks: int, quote: Quote | None) -> LargestLot | None:
    facts = outlook.facts
    if facts is None or quote is None:
        return None
    price = quote.ask if side == BUY else quote.bid
    account = outlook.account
    # A bot that nothing speaks against: what is left is what the account itself allows.
    bot = Bot(team_id=account.team_id, account=account, bot_id="largest-lot", status=BotStatus.ACTIVE, managed=False)
    body = ApprovalRequest(
        bot_id=bot.bot_id, symbol=symbol, direction=side, entry_price=price, stop_loss=price, requested_lots=Decimal(1)
    )
    nobody = Caller(team=account.team, actor="system", scopes=frozenset(), at=outlook.at)
    state = read_state(facts, bot, None, body, nobody, outlook.at)
    market_at = facts.market_at(outlook.at)
    return find_largest_lot(
        state, facts.limits, side=side, stop_ticks=stop_ticks, entry_price=price, at=outlook.at, market_at=market_at
    )
