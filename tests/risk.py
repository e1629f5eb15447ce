"""An account that may trade, and the vocabulary of asking: factories for the tests of risk."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.accounts.models import Account, AccountRisk, AccountSnapshot, LimitSet
from apps.bots.models import Bot
from apps.bots.services import register_bot
from apps.common.clock import read_at
from apps.market.models import Quote, SymbolSpecification
from apps.risk.services import decide
from apps.risk.services.wire import Answer, TradeRequest, read_trade_request
from apps.teams.models import User
from tests.fleet import make_account
from tests.world import World, make_key
from trading.protocol import SymbolSpec
from trading.protocol.codec import to_plain

MARKET_AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
EURUSD = SymbolSpec(
    name="EURUSD",
    broker_symbol="EURUSD",
    digits=5,
    point=Decimal("0.00001"),
    tick_size=Decimal("0.00001"),
    tick_value=Decimal(1),
    tick_value_profit=Decimal(1),
    tick_value_loss=Decimal(1),
    contract_size=Decimal(100_000),
    volume_min=Decimal("0.01"),
    volume_max=Decimal(100),
    volume_step=Decimal("0.01"),
    volume_limit=Decimal(0),
    stops_level_points=0,
    freeze_level_points=0,
    filling_mode=3,
    trade_mode=4,
    calc_mode=0,
    execution_mode=2,
    currency_base="EUR",
    currency_profit="USD",
    currency_margin="EUR",
    loss_per_lot_check=Decimal(1000),
)


@dataclass
class Desk:
    """One account with a bot, a fresh view of it, and a key that may ask."""

    owner: User
    account: Account
    bot: Bot
    key: str

    @property
    def risk(self) -> AccountRisk:
        return AccountRisk.objects.get(account=self.account)

    def ask(self, **changes: Any) -> dict[str, Any]:
        """Ask once and return the answer as a program reads it."""
        return json.loads(self.answer(**changes).body)

    def answer(self, **changes: Any) -> Answer:
        return decide([self.request(**changes)], read_at())[0]

    def request(self, *, idempotency_key: str | None = None, key: str | None = None, **changes: Any) -> TradeRequest:
        headers = {"authorization": f"Bearer {key or self.key}"}
        if idempotency_key:
            headers["idempotency-key"] = idempotency_key
        return read_trade_request(json.dumps(self.body(**changes)).encode(), headers, ip="127.0.0.1")

    def body(self, **changes: Any) -> dict[str, Any]:
        """Return a request of 0.10 EURUSD with 200 points to the stop: 20 USD at risk."""
        given = {
            "bot_id": self.bot.bot_id,
            "symbol": "EURUSD",
            "direction": "BUY",
            "entry_price": 1.10000,
            "stop_loss": 1.09800,
            "requested_lots": 0.10,
        }
        return {**given, **changes}

    def limit(self, **changes: Any) -> None:
        """Change the limits in force, as the tests want them, past the rules for people."""
        from trading.risk.limits import parse_limits

        row = LimitSet.objects.get(account=self.account, in_force=True)
        limits = parse_limits({**row.document, **changes})
        LimitSet.objects.filter(pk=row.pk).update(document=limits.as_document(), content_hash=limits.content_hash)

    def see(self, **changes: Any) -> AccountSnapshot:
        """Store a fresh complete view of the account; name what is different."""
        at = read_at()
        given: dict[str, Any] = {
            "complete": True,
            "taken_at": at,
            "received_at": at,
            "market_at": MARKET_AT,
            "balance": Decimal(100_000),
            "equity": Decimal(100_000),
            "free_margin": Decimal(100_000),
            "positions": [],
            "orders": [],
        }
        view, _ = AccountSnapshot.objects.update_or_create(account=self.account, defaults={**given, **changes})
        return view


def make_desk(world: World, *, key: str | None = None, **account: Any) -> Desk:
    """Return a paper account of alice's team that may trade EURUSD; `key` where one is there already."""
    opened = make_account(world.team, **account)
    store_symbol(opened)
    bot = register_bot(account=opened, actor="test", bot_id=f"bot-{uuid.uuid4().hex[:12]}", guild="ANALYST")
    key = key or make_key(world.alice, ["trades:approve"])[1]
    desk = Desk(world.alice, opened, bot, key)
    desk.see()
    return desk


def store_symbol(account: Account, spec: SymbolSpec = EURUSD) -> None:
    at = read_at()
    SymbolSpecification.objects.create(
        account=account, symbol=spec.name, document=to_plain(spec), content_hash="0" * 64, read_at=at, changed_at=at
    )


def store_quote(account: Account, bid: str = "1.09998", ask: str = "1.10000", age_s: float = 0) -> None:
    at = read_at() - timedelta(seconds=age_s)
    Quote.objects.create(
        account=account, symbol="EURUSD", bid=Decimal(bid), ask=Decimal(ask), market_at=MARKET_AT, received_at=at
    )


def shown(desk: Desk, approval: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return a position as a snapshot row holds it; of an approval: with its tag."""
    given: dict[str, Any] = {
        "ticket": 77,
        "position_id": 77,
        "magic": desk.bot.magic,
        "symbol": "EURUSD",
        "side": "BUY",
        "volume_lots": "0.10",
        "entry_price": "1.10000",
        "stop_loss": "1.09800",
        "take_profit": None,
        "current_price": "1.10000",
        "profit": "0",
        "swap": "0",
        "comment": approval["tag"] if approval else "",
        "opened_at": MARKET_AT.isoformat(),
    }
    return {**given, **changes}
