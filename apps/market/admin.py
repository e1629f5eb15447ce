"""Instruments for staff, as the brokers described them: read only, an agent tells of changes."""

from __future__ import annotations

from django.contrib import admin

from apps.common.admin_site import LedgerAdmin
from apps.market.models import SymbolSpecification


@admin.register(SymbolSpecification)
class SymbolSpecificationAdmin(LedgerAdmin):
    list_display = ("symbol", "account", "read_at", "changed_at", "content_hash")
    search_fields = ("symbol", "account__code")
    list_select_related = ("account",)
