"""What the doors of rule packs read and show."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.accounts.models import RulePackVersion
from trading.risk.pack_document import parse_pack


class VersionQuery(serializers.Serializer[Any]):
    """Which version of a pack; the newest valid one if absent."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


class PackClone(serializers.Serializer[Any]):
    """The code of a team's own copy."""

    code = serializers.RegexField(r"^[a-z0-9][a-z0-9_-]{0,63}$", max_length=64)


class NewPackVersion(serializers.Serializer[Any]):
    """New words of a team's own pack, and the day somebody held them against the source."""

    document = serializers.DictField()
    checked_on = serializers.DateField()
    valid_from = serializers.DateField()


class PackRow(serializers.Serializer[Any]):
    """A version of a rule pack: who says so, when that was checked, and what it leaves open."""

    id = serializers.CharField()
    code = serializers.CharField()
    is_own = serializers.BooleanField(help_text="Whether it is the team's own copy, which the team may edit.")
    number = serializers.IntegerField()
    firm = serializers.CharField()
    program = serializers.CharField()
    phases = serializers.ListField(child=serializers.CharField())
    gaps = serializers.ListField(child=serializers.CharField())
    assumptions = serializers.ListField(child=serializers.CharField())
    confidence = serializers.CharField()
    conflict = serializers.CharField()
    source_url = serializers.CharField()
    checked_on = serializers.DateField()
    valid_from = serializers.DateField()
    written_by = serializers.CharField()
    content_hash = serializers.CharField()


class PackDetail(PackRow):
    """A version with its document."""

    document = serializers.DictField()


class Packs(serializers.Serializer[Any]):
    """All packs a team may use."""

    results = PackRow(many=True)


def pack_row(version: RulePackVersion) -> dict[str, Any]:
    """Return a version as it is shown. Its pack is loaded."""
    pack = parse_pack(version.document)
    return {
        "id": version.pack.public_id,
        "code": version.pack.code,
        "is_own": version.pack.team_id is not None,
        "number": version.number,
        "firm": version.firm,
        "program": version.program,
        "phases": [phase.name for phase in pack.phases],
        "gaps": list(pack.gaps),
        "assumptions": list(pack.assumptions),
        "confidence": pack.confidence,
        "conflict": pack.conflict,
        "source_url": version.source_url,
        "checked_on": version.checked_on,
        "valid_from": version.valid_from,
        "written_by": version.written_by,
        "content_hash": version.content_hash,
    }


def pack_detail(version: RulePackVersion) -> dict[str, Any]:
    """Return a version with its document."""
    return {**pack_row(version), "document": version.document}
