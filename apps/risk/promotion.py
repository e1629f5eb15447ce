"""A bot's record beside what its next stage asks for. It advises; `set_bot_stage` is a person's deed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.accounts.models import Account
from apps.bots.models import Bot
from apps.risk.models import RiskEvent, Severity
from apps.trades.bot_performance import Result, list_results
from apps.trades.periods import read_market_at
from trading.metrics.track import Need, Track, check_promotion, find_decline, measure_track


@dataclass(frozen=True)
class Promotion:
    """What the bot has shown, what its next stage asks for (none after LIVE), and signs of decline."""

    bot: Bot
    track: Track
    following: str
    needs: list[Need]
    decline: list[Need]

    @property
    def is_ready(self) -> bool:
        return bool(self.needs) and all(need.is_met for need in self.needs) and not self.decline


def assess_bot(bot: Bot, at: datetime, results: Sequence[Result] | None = None) -> Promotion:
    """
    Return how far a bot is on its way to the next stage.

    :param results: its closed trades, where the caller has read them.
    """
    account = Account.objects.select_related("risk", "snapshot").get(pk=bot.account_id)
    closed = list(list_results(bot)) if results is None else results
    track = measure_track(
        [(closed_at.date(), pnl) for closed_at, pnl, _ in closed],
        capital=account.initial_balance,
        today=read_market_at(account, at).date(),
        critical_events=RiskEvent.objects.filter(bot=bot, severity=Severity.CRITICAL).count(),
    )
    following, needs = check_promotion(bot.stage, track)
    return Promotion(bot, track, following, needs, find_decline(track))
