"""The ledger for staff: read only."""

from __future__ import annotations

from django.contrib import admin

from apps.common.admin_site import LedgerAdmin
from apps.trades.models import Deal, Order, Trade


@admin.register(Trade)
class TradeAdmin(LedgerAdmin):
    list_display = ("opened_at", "account", "symbol", "side", "volume_lots", "pnl", "source", "closed_at")
    search_fields = ("account__code", "symbol", "=position_id")
    list_filter = ("source", "side")
    list_select_related = ("account",)


@admin.register(Order)
class OrderAdmin(LedgerAdmin):
    list_display = ("at", "account", "symbol", "side", "volume_lots", "outcome", "ticket")
    search_fields = ("account__code", "symbol", "=ticket")
    list_filter = ("outcome",)
    list_select_related = ("account",)


@admin.register(Deal)
class DealAdmin(LedgerAdmin):
    list_display = ("market_at", "account", "ticket", "symbol", "volume_lots", "price", "profit")
    search_fields = ("account__code", "symbol", "=ticket", "=position_id")
    list_select_related = ("account",)
