"""Users, teams and keys for staff. A key can be ended here, never read; every change leaves an audit entry."""

from __future__ import annotations

from typing import Any

import allauth.account.admin
import allauth.mfa.admin
import allauth.usersessions.admin  # noqa: F401  (imported so that what they register can be taken away)
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.common.admin_site import KeptAdmin, LedgerAdmin
from apps.common.clock import read_at
from apps.teams.models import ApiKey, AuditEntry, Membership, Team, User
from apps.teams.services import record_deed

admin.site.site_header = admin.site.site_title = "Mikrobot administration"
admin.site.index_title = "Platform"
admin.site.unregister(Group)
# allauth's own lists would show the secrets of second factors, and change addresses without a record.
for each in (EmailAddress, Authenticator, UserSession):
    admin.site.unregister(each)
# One way in for everybody: with the second factor and its limits, never by the administration's own form.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


def record_admin(request: HttpRequest, action: str, row: Any, team: Team | None, changed: list[str]) -> None:
    """Keep who changed what on the administration pages."""
    actor = f"staff:{getattr(request.user, 'email', '')}"
    record_deed(team=team, actor=actor, action=action, target=row.public_id, detail={"fields": changed})


@admin.register(User)
class UserAdmin(KeptAdmin):
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    search_fields = ("email", "name")
    list_filter = ("is_active", "is_staff")
    editable = ("name", "is_active", "is_staff")
    exclude = ("password", "groups", "user_permissions")

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        record_admin(request, "USER_CHANGED", obj, None, form.changed_data)


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    fields = readonly_fields = ("user", "role", "created_at")
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Team)
class TeamAdmin(KeptAdmin):
    list_display = ("name", "slug", "tier", "halted_at")
    search_fields = ("name", "slug")
    editable = ("name", "tier")
    inlines = (MembershipInline,)

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        record_admin(request, "TEAM_CHANGED", obj, obj, form.changed_data)


@admin.register(ApiKey)
class ApiKeyAdmin(LedgerAdmin):
    list_display = ("name", "team", "key_id", "created_at", "expires_at", "revoked_at", "last_used_at")
    search_fields = ("name", "key_id", "team__slug")
    list_select_related = ("team",)
    exclude = ("digest",)
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("teams.change_apikey")

    @admin.action(description="Revoke the chosen keys", permissions=["revoke"])
    @transaction.atomic
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        at = read_at()
        for key in keys.select_for_update(of=("self",)).filter(revoked_at__isnull=True):
            key.revoked_at = at
            key.save(update_fields=["revoked_at"])
            record_admin(request, "KEY_REVOKED", key, key.team, ["revoked_at"])


@admin.register(AuditEntry)
class AuditEntryAdmin(LedgerAdmin):
    list_display = ("created_at", "team", "actor", "action", "target")
    search_fields = ("actor", "action", "target")
    list_select_related = ("team",)
    date_hierarchy = "created_at"
