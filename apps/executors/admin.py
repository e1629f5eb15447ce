"""Executors, their keys and commands for staff: read only; a key's digest is not shown."""

from __future__ import annotations

from django.contrib import admin

from apps.common.admin_site import LedgerAdmin
from apps.executors.models import Command, Executor, ExecutorKey


@admin.register(Executor)
class ExecutorAdmin(LedgerAdmin):
    list_display = ("code", "team", "account", "reported_state", "last_seen_at", "agent_version")
    search_fields = ("code", "name", "team__slug")
    list_filter = ("reported_state",)
    list_select_related = ("team", "account")


@admin.register(ExecutorKey)
class ExecutorKeyAdmin(LedgerAdmin):
    list_display = ("key_id", "executor", "created_at", "revoked_at", "last_used_at")
    search_fields = ("key_id", "executor__code")
    list_select_related = ("executor",)
    exclude = ("digest",)


@admin.register(Command)
class CommandAdmin(LedgerAdmin):
    list_display = ("created_at", "executor", "kind", "state", "asked_by")
    list_filter = ("kind", "state")
    search_fields = ("executor__code", "asked_by")
    list_select_related = ("executor",)
    exclude = ("lease_token",)
