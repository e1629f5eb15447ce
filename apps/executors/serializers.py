"""What the executors' doors read and show."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.common.serializer_fields import AwareDateTimeField, BigNumberField, HandleField, NumberField
from apps.executors.models import Command, Executor, ExecutorKey
from apps.executors.services.presence import presence_of


class NewExecutor(serializers.Serializer[Any]):
    """An agent beside one terminal, logged into one account."""

    code = HandleField()
    name = serializers.CharField(max_length=120)
    account_id = serializers.CharField(max_length=80, required=False, help_text="Id or code; else X-Account-Id.")


class ClosePosition(serializers.Serializer[Any]):
    ticket = BigNumberField(minimum=1)
    volume_lots = NumberField(above=0, required=False)


class NewCommand(serializers.Serializer[Any]):
    """A one-shot command; edits of what runs are wishes on strategies and assignments."""

    kind = serializers.ChoiceField(["CLOSE_POSITION", "SNAPSHOT"])
    payload = serializers.DictField(required=False, default=dict)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] == "CLOSE_POSITION":
            closing = ClosePosition(data=attrs["payload"])
            if not closing.is_valid():
                raise serializers.ValidationError({"payload": closing.errors})
            lots = closing.validated_data.get("volume_lots")
            attrs["payload"] = {
                "ticket": closing.validated_data["ticket"],
                **({"volume_lots": str(lots)} if lots else {}),
            }
        else:
            attrs["payload"] = {}
        return attrs


class KeyRow(serializers.Serializer[Any]):
    """An executor's key: never its secret."""

    api_key = serializers.CharField()
    created_at = AwareDateTimeField()
    last_used_at = AwareDateTimeField(allow_null=True)
    expires_at = AwareDateTimeField(allow_null=True)
    revoked_at = AwareDateTimeField(allow_null=True)


class ExecutorRow(serializers.Serializer[Any]):
    """An executor and how it is."""

    id = serializers.CharField()
    code = serializers.CharField()
    name = serializers.CharField()
    account_id = serializers.CharField()
    account = serializers.CharField(help_text="The account's code.")
    state = serializers.CharField(help_text="ONLINE, STALE or OFFLINE.")
    last_seen_at = AwareDateTimeField(allow_null=True)
    age_s = serializers.FloatField(allow_null=True)
    agent_version = serializers.CharField()
    protocol_version = serializers.IntegerField(allow_null=True)
    desired_version = serializers.IntegerField()
    terminal = serializers.DictField()
    health = serializers.DictField()
    problem = serializers.CharField()
    created_at = AwareDateTimeField()
    retired_at = AwareDateTimeField(allow_null=True)


class ExecutorDetail(ExecutorRow):
    """An executor with its keys."""

    keys = KeyRow(many=True)


class FreshExecutorKey(serializers.Serializer[Any]):
    """A key just made: the secret is shown this once."""

    api_key = serializers.CharField()
    api_secret = serializers.CharField()


class FreshExecutor(ExecutorRow):
    """An executor just entered, with its key; the secret is shown this once."""

    api_key = serializers.CharField()
    api_secret = serializers.CharField()


class CommandRow(serializers.Serializer[Any]):
    """What was asked of an executor."""

    id = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.CharField()
    payload = serializers.DictField()
    generation = serializers.IntegerField(allow_null=True)
    asked_by = serializers.CharField()
    attempts = serializers.IntegerField()
    result = serializers.DictField()
    created_at = AwareDateTimeField()
    expires_at = AwareDateTimeField(allow_null=True)
    acknowledged_at = AwareDateTimeField(allow_null=True)
    ended_at = AwareDateTimeField(allow_null=True)


def executor_row(row: Executor, at: datetime) -> dict[str, Any]:
    """Return an executor as it is shown."""
    return {
        "id": row.public_id,
        "code": row.code,
        "name": row.name,
        "account_id": row.account.public_id,
        "account": row.account.code,
        "state": presence_of(row.last_seen_at, at),
        "last_seen_at": row.last_seen_at,
        "age_s": round((at - row.last_seen_at).total_seconds(), 3) if row.last_seen_at else None,
        "agent_version": row.agent_version,
        "protocol_version": row.protocol_version,
        "desired_version": row.desired_version,
        "terminal": row.terminal,
        "health": row.health,
        "problem": row.problem,
        "created_at": row.created_at,
        "retired_at": row.retired_at,
    }


def key_row(key: ExecutorKey) -> dict[str, Any]:
    """Return a key as it is shown."""
    return {
        "api_key": key.key_id,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }


def command_row(row: Command) -> dict[str, Any]:
    """Return a command as it is shown."""
    names = (
        "kind", "state", "payload", "generation", "asked_by", "attempts", "result",
        "created_at", "expires_at", "acknowledged_at", "ended_at",
    )  # fmt: skip
    return {"id": row.public_id, **{name: getattr(row, name) for name in names}}
