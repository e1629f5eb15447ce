"""What the doors of an account's rule pack read and show."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.accounts.models import LimitSet
from apps.accounts.pack_serializers import PackRow, VersionQuery, pack_row
from apps.common.wire import to_plain
from apps.risk.schema import LimitsInput
from apps.risk.services.packs import PackPreview
from trading.risk.limits import parse_limits
from trading.risk.pack_document import parse_pack
from trading.risk.pack_limits import Change, list_unenforced


class PreviewQuery(VersionQuery):
    """Which pack, version and phase is looked at."""

    pack = serializers.CharField(max_length=80)
    phase = serializers.CharField(max_length=120, required=False)


class LeaveInput(serializers.Serializer[Any]):
    """Leaving a pack: the limits that were looked at, and the person's password."""

    number = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    password = serializers.CharField(required=False, write_only=True, trim_whitespace=False)


class BindInput(PreviewQuery, LeaveInput):
    """Putting an account under a pack: what was looked at, and the person's password where it allows more than before."""


class ChangeRow(serializers.Serializer[Any]):
    """One value that differs."""

    path = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class AccountPackRow(serializers.Serializer[Any]):
    """The rules an account is under: `pack` is null where there are none."""

    account_id = serializers.CharField()
    number = serializers.IntegerField(help_text="The version of the account's limits.")
    limits = LimitsInput()
    own_limits = LimitsInput(allow_null=True, help_text="What the account had by itself.")
    pack = PackRow(allow_null=True)
    phase = serializers.CharField()
    newest_number = serializers.IntegerField(allow_null=True, help_text="The newest valid version of that pack.")
    unenforced = serializers.ListField(
        child=serializers.CharField(), help_text="What the firm demands and no check enforces."
    )


class PreviewRow(serializers.Serializer[Any]):
    """What putting an account under a version would change."""

    pack = PackRow()
    phase = serializers.CharField()
    zone = serializers.CharField()
    reset_time = serializers.TimeField(format="%H:%M")
    number = serializers.IntegerField(help_text="Send it back when you confirm.")
    limits = LimitsInput()
    changes = ChangeRow(many=True, help_text="Of the limits.")
    pack_changes = ChangeRow(many=True, help_text="Of the pack's words, against the version it is under now.")
    unenforced = serializers.ListField(child=serializers.CharField())
    needs_password = serializers.BooleanField()


def account_pack_row(row: LimitSet) -> dict[str, Any]:
    """Return the rules an account is under, of `accounts.selectors.get_limits_in_force`."""
    version, unenforced = row.pack_version, []
    if version is not None:
        pack = parse_pack(version.document)
        unenforced = list_unenforced(pack, pack.phase(row.pack_phase))
    return {
        "account_id": row.account.public_id,
        "number": row.number,
        "limits": parse_limits(row.document).as_wire(),
        "own_limits": parse_limits(row.own_document).as_wire() if row.own_document else None,
        "pack": pack_row(version) if version else None,
        "phase": row.pack_phase,
        "newest_number": getattr(row, "newest_number", None),
        "unenforced": unenforced,
    }


def preview_row(seen: PackPreview) -> dict[str, Any]:
    """Return a preview as it is shown."""
    return {
        "pack": pack_row(seen.version),
        "phase": seen.phase,
        "zone": seen.zone,
        "reset_time": f"{seen.reset_time:%H:%M}",
        "number": seen.number,
        "limits": seen.limits.as_wire(),
        "changes": _changes(seen.changes),
        "pack_changes": _changes(seen.words),
        "unenforced": seen.unenforced,
        "needs_password": seen.needs_password,
    }


def _changes(changes: list[Change]) -> list[dict[str, Any]]:
    return [{"path": one.path, "before": to_plain(one.before), "after": to_plain(one.after)} for one in changes]
