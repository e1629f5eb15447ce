"""What the executors' doors read and show."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.common.ids import public_id
from apps.common.serializer_fields import AwareDateTimeField, HandleField
from apps.executors.models import Command, Executor, ExecutorFile, ExecutorKey, ExecutorLog
from apps.executors.services.presence import presence_of


class NewExecutor(serializers.Serializer[Any]):
    """An agent beside one terminal, logged into one account."""

    code = HandleField()
    name = serializers.CharField(max_length=120)
    account_id = serializers.CharField(max_length=80, required=False, help_text="Id or code; else X-Account-Id.")


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
    rival = serializers.DictField(help_text="The last one that was refused the account, and when.")
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
    executor_id = serializers.CharField()
    executor = serializers.CharField(help_text="The executor's code.")
    account_id = serializers.CharField()
    assignment_id = serializers.CharField(allow_null=True)
    batch_id = serializers.CharField(allow_null=True)
    client_request_id = serializers.CharField(allow_null=True)
    kind = serializers.CharField()
    state = serializers.CharField()
    payload = serializers.DictField()
    generation = serializers.IntegerField(allow_null=True)
    asked_by = serializers.CharField()
    attempts = serializers.IntegerField()
    result = serializers.DictField()
    created_at = AwareDateTimeField()
    expires_at = AwareDateTimeField(allow_null=True)
    fetched_at = AwareDateTimeField(allow_null=True, help_text="First handed to the agent.")
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
        "rival": row.rival,
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
        "created_at", "expires_at", "fetched_at", "acknowledged_at", "ended_at",
    )  # fmt: skip
    owners = {
        "id": row.public_id,
        "executor_id": row.executor.public_id,
        "executor": row.executor.code,
        "account_id": public_id("acc", row.executor.account_id),
        "assignment_id": public_id("asg", row.assignment_id) if row.assignment_id else None,
        "batch_id": public_id("bat", row.batch_id) if row.batch_id else None,
        "client_request_id": row.client_key,
    }
    return {**owners, **{name: getattr(row, name) for name in names}}


class LogLineRow(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    text = serializers.CharField(help_text="One event as JSON.")


class LogTail(serializers.Serializer[Any]):
    """The last lines of an agent's log. Reading asks for more: the agent sends them for another half minute."""

    executor_id = serializers.CharField()
    instance_id = serializers.CharField()
    received_at = AwareDateTimeField(allow_null=True)
    lines = LogLineRow(many=True)


class FileRow(serializers.Serializer[Any]):
    """A file an agent sent when it was asked."""

    id = serializers.CharField()
    name = serializers.CharField()
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    command_id = serializers.CharField()
    created_at = AwareDateTimeField()


def log_tail(executor: Executor, log: ExecutorLog | None) -> dict[str, Any]:
    """Return the last lines as they are shown."""
    lines = [{"number": number, "text": text} for number, text in log.lines] if log else []
    return {
        "executor_id": executor.public_id,
        "instance_id": log.instance_id if log else "",
        "received_at": log.received_at if log else None,
        "lines": lines,
    }


def file_row(row: ExecutorFile) -> dict[str, Any]:
    """Return a file as it is shown."""
    return {
        "id": row.public_id,
        "name": row.name,
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "command_id": public_id("cmd", row.command_id),
        "created_at": row.created_at,
    }
