"""What the platform's administration pages share: ledgers that only read, and deeds that are recorded."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class LedgerAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows nobody may add, change or delete: what happened, happened."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class KeptAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that may change in the fields named by `editable`, and are never deleted."""

    editable: tuple[str, ...] = ()
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [field.name for field in self.model._meta.fields if field.name not in self.editable]
