"""Accounts, limits and days for staff: read only. Limits change through the account's own door, where each is a new version."""

from __future__ import annotations

from django.contrib import admin

from apps.accounts import pack_admin as pack_admin
from apps.accounts.models import Account, LimitSet, TradingDay
from apps.common.admin_site import LedgerAdmin


@admin.register(Account)
class AccountAdmin(LedgerAdmin):
    list_display = ("code", "name", "team", "mode", "server", "login", "currency", "retired_at")
    search_fields = ("code", "name", "login", "server", "team__slug")
    list_filter = ("mode",)
    list_select_related = ("team",)


@admin.register(LimitSet)
class LimitSetAdmin(LedgerAdmin):
    list_display = ("account", "number", "in_force", "set_by", "created_at", "content_hash")
    search_fields = ("account__code", "content_hash")
    list_filter = ("in_force",)
    list_select_related = ("account",)


@admin.register(TradingDay)
class TradingDayAdmin(LedgerAdmin):
    list_display = ("account", "day", "balance_base", "equity_base", "provisional", "end_balance")
    search_fields = ("account__code",)
    list_select_related = ("account",)
