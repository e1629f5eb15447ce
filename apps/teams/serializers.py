"""What the team's doors read and show."""

from __future__ import annotations

import ipaddress
from typing import Any

from rest_framework import serializers

from apps.common.ids import public_id
from apps.common.serializer_fields import AwareDateTimeField, PublicIdField
from apps.teams.callers import Caller
from apps.teams.models import ApiKey, AuditEntry, Membership


class NewKey(serializers.Serializer[Any]):
    """A key to be made."""

    name = serializers.CharField(max_length=120)
    scopes = serializers.ListField(child=serializers.CharField(max_length=40), min_length=1, max_length=60)
    account_id = PublicIdField("acc", required=False, allow_null=True, default=None)
    allowed_ips = serializers.ListField(child=serializers.CharField(max_length=50), required=False, max_length=50)
    expires_at = AwareDateTimeField(required=False, allow_null=True, default=None)

    def validate_allowed_ips(self, value: list[str]) -> list[str]:
        for text in value:
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError:
                raise serializers.ValidationError(f"{text!r} is no address or network.") from None
        return value


class Key(serializers.Serializer[Any]):
    """A key as it is shown: never its secret."""

    id = serializers.CharField()
    name = serializers.CharField()
    hint = serializers.CharField(help_text="How the key begins.")
    scopes = serializers.ListField(child=serializers.CharField())
    account_id = serializers.CharField(allow_null=True)
    allowed_ips = serializers.ListField(child=serializers.CharField())
    created_at = AwareDateTimeField()
    expires_at = AwareDateTimeField(allow_null=True)
    revoked_at = AwareDateTimeField(allow_null=True)
    last_used_at = AwareDateTimeField(allow_null=True)


class FreshKey(Key):
    """A key just made: its text is shown this once."""

    key = serializers.CharField()


class Me(serializers.Serializer[Any]):
    """Who asks."""

    team = serializers.DictField()
    actor = serializers.CharField()
    role = serializers.CharField(allow_null=True)
    scopes = serializers.ListField(child=serializers.CharField())
    account_id = serializers.CharField(allow_null=True)


class Member(serializers.Serializer[Any]):
    """A person in the team."""

    id = serializers.CharField()
    email = serializers.EmailField()
    name = serializers.CharField(allow_blank=True)
    role = serializers.CharField()
    joined_at = AwareDateTimeField()


class Deed(serializers.Serializer[Any]):
    """Something somebody did."""

    id = serializers.CharField()
    at = AwareDateTimeField()
    actor = serializers.CharField()
    action = serializers.CharField()
    target = serializers.CharField(allow_blank=True)
    detail = serializers.DictField()


def deed_row(entry: AuditEntry) -> dict[str, Any]:
    """Return the entry as it is shown."""
    return {
        "id": entry.public_id,
        "at": entry.created_at,
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.target,
        "detail": entry.detail,
    }


def key_row(key: ApiKey) -> dict[str, Any]:
    """Return the key as it is shown."""
    return {
        "id": key.public_id,
        "name": key.name,
        "hint": f"mk_…_{key.key_id}…",
        "scopes": key.scopes,
        "account_id": public_id("acc", key.account_id) if key.account_id else None,
        "allowed_ips": key.allowed_ips,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }


def member_row(member: Membership) -> dict[str, Any]:
    """Return the member as they are shown."""
    return {
        "id": member.public_id,
        "email": member.user.email,
        "name": member.user.name,
        "role": member.role,
        "joined_at": member.created_at,
    }


def me_row(caller: Caller) -> dict[str, Any]:
    """Return who asks."""
    team = caller.team
    return {
        "team": {"id": team.public_id, "slug": team.slug, "name": team.name, "tier": team.tier},
        "actor": caller.actor,
        "role": caller.role,
        "scopes": sorted(caller.scopes),
        "account_id": public_id("acc", caller.account_id) if caller.account_id else None,
    }
