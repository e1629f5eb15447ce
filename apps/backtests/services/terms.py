"""What a backtest trades by: the symbol's contract as the broker states it, and what trading costs there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, NamedTuple

from apps.accounts.models import Account
from apps.accounts.selectors import find_trailing_stop
from apps.common.codes import Code
from apps.common.errors import Impossible
from apps.market.selectors import find_specification
from trading.backtest.run import Costs
from trading.errors import TradingError
from trading.model.instrument import Instrument, find_pip_size, to_decimal
from trading.model.instruments import typical_instrument
from trading.protocol import SymbolSpec
from trading.protocol.codec import MalformedMessage, from_plain
from trading.rules.document import trail_where_none

TYPICAL = "typical"
# Nights turn at midnight UTC here; whose clock a broker's nights follow is not known of every account.
COST_FIELDS = tuple(field.name for field in fields(Costs) if field.name != "rollover_zone")
_WHOLE = {"slippage_ticks", "swap_triple_weekday"}
_SHARED = (
    "digits", "point", "tick_size", "tick_value", "tick_value_loss", "contract_size", "volume_min", "volume_max",
    "volume_step", "volume_limit", "stops_level_points", "freeze_level_points", "calc_mode", "currency_base",
    "currency_profit", "currency_margin",
)  # fmt: skip


class Terms(NamedTuple):
    """A contract, where it was read, and the commission per lot and side the broker takes."""

    instrument: Instrument
    source: str
    commission_per_lot: Decimal


def find_terms(account: Account | None, symbol: str) -> Terms:
    """
    Return the contract as the account's broker states it, else a typical one.

    :raises Impossible: UNKNOWN_SYMBOL where neither is known.
    """
    row = find_specification(account.pk, symbol) if account else None
    if row is not None and account is not None:
        try:
            return _read_terms(from_plain(row.document, SymbolSpec), account)
        except (MalformedMessage, TradingError):
            pass  # not whole (an agent has told only part of it): the typical contract is said to be that
    try:
        return Terms(typical_instrument(symbol), TYPICAL, Decimal(0))
    except TradingError as error:
        raise Impossible(error.code, error.message, "symbol", error.extra) from error


def find_trail(
    asked: Decimal | None, account: Account | None, document: dict[str, Any]
) -> tuple[dict[str, Any], Decimal | None]:
    """
    Return the document as it trades on the account, and the trailing stop that was put into it [of the entry price].

    An approval hands out the account's trailing stop where a strategy names none; a backtest for the account trails likewise.

    :param asked: instead of the account's; 0 for none.
    """
    fraction = asked if asked is not None or account is None else find_trailing_stop(account)
    if not fraction or document["exit"].get("trailingStop"):
        return document, None
    return trail_where_none(document, fraction), fraction


def read_costs(asked: Mapping[str, Any], terms: Terms) -> dict[str, Any]:
    """
    Return costs to store: what was asked for, else what the broker takes; the spread, if not given, as the bars recorded it.

    :raises Impossible: for a cost that can never be.
    """
    stored: dict[str, Any] = {"spread_pips": None, "commission_per_lot": f"{terms.commission_per_lot:f}"}
    for name, value in asked.items():
        if name not in COST_FIELDS:
            message = f"There is no cost {name!r}: use {', '.join(COST_FIELDS)}."
            raise Impossible(Code.FIELD_INVALID, message, f"costs.{name}", {"allowed": list(COST_FIELDS)})
        stored[name] = _to_stored(name, value)
    build_costs(stored)
    return stored


def build_costs(stored: Mapping[str, Any]) -> Costs:
    """
    Return stored costs as the engine takes them.

    :raises Impossible: for a cost that can never be.
    """
    try:
        given: dict[str, Any] = {
            name: value if value is None or name in _WHOLE else to_decimal(value, field=f"costs.{name}")
            for name, value in stored.items()
        }
        return Costs(**given)
    except TradingError as error:
        raise Impossible(error.code, error.message, error.field or "costs", error.extra) from error


def _to_stored(name: str, value: Any) -> Any:
    if value is None:
        return None
    number = Decimal(value)
    if name not in _WHOLE:
        return f"{number.normalize():f}"
    if number != number.to_integral_value():
        raise Impossible(Code.FIELD_INVALID, "A whole number is needed.", f"costs.{name}")
    return int(number)


def _read_terms(spec: SymbolSpec, account: Account) -> Terms:
    shared = {name: getattr(spec, name) for name in _SHARED}
    pip = find_pip_size(spec.name, digits=spec.digits, point=spec.point, calc_mode=spec.calc_mode)
    instrument = Instrument(name=spec.name, pip_size=pip, account_currency=account.currency, **shared)
    return Terms(instrument, account.code, spec.commission_per_lot / 2)
