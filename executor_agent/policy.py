"""What the server said of the account, kept on disk: an agent that starts without a server still obeys it."""

from __future__ import annotations

from datetime import datetime, time

import msgspec

from executor_agent.journal import Journal
from trading.protocol import Welcome
from trading.risk.days import MIDNIGHT, Day, day_at

_MARK = "policy"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The account's rules for a time without the server, its day, and how many trade requests a day may have (0: any)."""

    zone: str = "UTC"
    resets: time = MIDNIGHT
    connection_loss: str = "HOLD"
    connection_loss_after_s: int = 30
    request_budget: int = 0

    def day_at(self, market_at: datetime) -> Day:
        """
        Return the account's trading day that holds the instant.

        :raises UnknownZone: if nobody here knows the zone.
        """
        return day_at(market_at, self.zone, self.resets)


def read_policy(journal: Journal) -> Policy:
    """Return what was last said; HOLD where nobody has ever said anything."""
    text = journal.read_mark(_MARK)
    if not text:
        return Policy()
    try:
        return msgspec.json.decode(text, type=Policy)
    except (msgspec.DecodeError, ValueError):
        return Policy()


def keep_policy(journal: Journal, welcome: Welcome) -> Policy:
    """Store what a welcome says and return it."""
    policy = Policy(
        zone=welcome.account_zone,
        resets=welcome.account_resets,
        connection_loss=welcome.connection_loss,
        connection_loss_after_s=max(welcome.connection_loss_after_s, 0),
        request_budget=max(welcome.request_budget, 0),
    )
    journal.set_mark(_MARK, msgspec.json.encode(policy).decode())
    return policy
