"""What the registry's doors read and show (RiskMind §4)."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.accounts.serializers import AnyCaseChoiceField
from apps.bots.models import Bot, BotStatus, Guild, Stage
from apps.bots.tags import show_tags
from apps.common.serializer_fields import AwareDateTimeField, BigNumberField, HandleField


class NewBot(serializers.Serializer[Any]):
    """An identity under which trades are placed."""

    bot_id = HandleField()
    guild = AnyCaseChoiceField([Guild.ANALYST, Guild.QUANTCODE, Guild.MANUAL, Guild.PAPER])
    magic_number = BigNumberField(minimum=1, required=False, help_text="In the guild's range; the next one if absent.")
    tags = serializers.ListField(
        child=serializers.CharField(max_length=40),
        max_length=20,
        required=False,
        default=list,
        help_text="Free tags (`@scalping`) and at most one stage: @primal, @pending, @perfect, @live.",
    )
    strategy_type = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    assigned_account_id = serializers.CharField(max_length=80, required=False, help_text="Id or code of the account.")
    account_id = serializers.CharField(max_length=80, required=False, help_text="The same; else X-Account-Id.")


class BotStatusChange(serializers.Serializer[Any]):
    status = AnyCaseChoiceField([BotStatus.ACTIVE, BotStatus.PAUSED, BotStatus.QUARANTINE])
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class BotStageChange(serializers.Serializer[Any]):
    stage = AnyCaseChoiceField(list(Stage))


class BotRow(serializers.Serializer[Any]):
    """A bot."""

    id = serializers.CharField()
    bot_id = serializers.CharField()
    magic_number = serializers.IntegerField()
    guild = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField(), help_text="The stage's tag first, then the free ones.")
    stage = serializers.ChoiceField(Stage.choices)
    strategy_type = serializers.CharField()
    created_at = AwareDateTimeField()
    status = serializers.CharField()
    status_reason = serializers.CharField()
    status_by = serializers.CharField()
    status_at = AwareDateTimeField(allow_null=True)
    assigned_account_id = serializers.CharField()
    account = serializers.CharField(help_text="The account's code.")
    managed = serializers.BooleanField()
    strategy_id = serializers.CharField(allow_null=True)


class SessionToken(serializers.Serializer[Any]):
    """A bot's session: the token is shown this once."""

    session_token = serializers.CharField()
    bot_id = serializers.CharField()
    magic_number = serializers.IntegerField()
    account_id = serializers.CharField()
    expires_at = AwareDateTimeField()


def bot_row(bot: Bot) -> dict[str, Any]:
    """Return a bot as it is shown."""
    return {
        "id": bot.public_id,
        "bot_id": bot.bot_id,
        "magic_number": bot.magic,
        "guild": bot.guild,
        "tags": show_tags(bot.stage, bot.tags),
        "stage": bot.stage,
        "strategy_type": bot.strategy_type,
        "created_at": bot.created_at,
        "status": bot.status,
        "status_reason": bot.status_reason,
        "status_by": bot.status_by,
        "status_at": bot.status_at,
        "assigned_account_id": bot.account.public_id,
        "account": bot.account.code,
        "managed": bot.managed,
        "strategy_id": bot.strategy.public_id if bot.strategy else None,
    }
