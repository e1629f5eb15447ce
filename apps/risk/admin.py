"""Verdicts, the decision log and risk events for staff: read only."""

from __future__ import annotations

from django.contrib import admin

from apps.common.admin_site import LedgerAdmin
from apps.risk.models import Approval, BotBreaker, Decision, LogAnchor, PositionFlag, RiskEvent


@admin.register(Approval)
class ApprovalAdmin(LedgerAdmin):
    list_display = ("at", "account", "bot", "symbol", "side", "approved", "reason_code", "reservation")
    search_fields = ("account__code", "symbol", "reason_code", "tag")
    list_filter = ("approved", "reservation")
    list_select_related = ("account", "bot")


@admin.register(Decision)
class DecisionAdmin(LedgerAdmin):
    list_display = ("account", "number", "at", "hash")
    search_fields = ("account__code", "hash")
    list_select_related = ("account",)


@admin.register(RiskEvent)
class RiskEventAdmin(LedgerAdmin):
    list_display = ("at", "account", "event_type", "severity", "message")
    search_fields = ("account__code", "event_type")
    list_filter = ("severity",)
    list_select_related = ("account",)


@admin.register(PositionFlag)
class PositionFlagAdmin(LedgerAdmin):
    list_display = ("first_seen_at", "account", "position_id", "kind", "action", "told_at", "cleared_at", "cleared_by")
    search_fields = ("account__code", "position_id")
    list_filter = ("kind", "action")
    list_select_related = ("account",)


@admin.register(BotBreaker)
class BotBreakerAdmin(LedgerAdmin):
    list_display = ("bot", "reason_code", "day", "tripped_at", "lifted_at", "lifted_by")
    search_fields = ("bot__bot_id",)
    list_filter = ("reason_code",)
    list_select_related = ("bot",)


@admin.register(LogAnchor)
class LogAnchorAdmin(LedgerAdmin):
    list_display = ("at", "account", "number", "head", "key", "delivered_at")
    search_fields = ("account__code", "head")
    list_select_related = ("account", "key")
