"""The doors to evidence: the public keys, and the signed dispute pack of an account's day."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.selectors import get_account_of
from apps.common.lists import list_page
from apps.common.schema import listed
from apps.risk.dispute.handing import answer_with_archive, answer_with_pack
from apps.risk.models import LogArchive, SigningKey
from apps.teams.authentication import caller_of


class SigningKeyRow(serializers.Serializer[dict[str, Any]]):
    key_id = serializers.CharField()
    algorithm = serializers.CharField()
    public_key = serializers.CharField()
    created_at = serializers.DateTimeField()


class SigningKeysOutput(serializers.Serializer[dict[str, Any]]):
    keys = SigningKeyRow(many=True)


class SigningKeysApi(APIView):
    """
    The public keys that heads of logs and dispute packs are signed with, newest first. Open to everybody: a firm's auditor
    needs no account here. Write a key down elsewhere on the day you begin, and compare.
    """

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(operation_id="evidence_keys", responses=SigningKeysOutput)
    def get(self, request: Request) -> Response:
        rows = SigningKey.objects.order_by("-created_at", "key_id")[:100]
        keys = [
            {"key_id": row.key_id, "algorithm": "Ed25519", "public_key": row.public_key, "created_at": row.created_at}
            for row in rows
        ]
        return Response({"keys": keys})


class DisputePackApi(APIView):
    """
    The signed evidence of one trading day, as a ZIP file: decisions, answers, deals, positions, equity, limits, and a
    script that checks it without us. An owner's; each one handed out is recorded.
    """

    scopes = {"GET": "risk:write"}

    @extend_schema(
        operation_id="account_dispute_pack",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
        parameters=[OpenApiParameter("day", OpenApiTypes.DATE, OpenApiParameter.PATH)],
    )
    def get(self, request: Request, account: str, day: str) -> FileResponse:
        caller = caller_of(request)
        return answer_with_pack(get_account_of(caller, account), day, actor=caller.actor, at=caller.at)


class LogArchiveRow(serializers.Serializer[dict[str, Any]]):
    """A signed file with lines of the log; `verify.py` inside checks it."""

    id = serializers.CharField()
    month = serializers.CharField()
    part = serializers.IntegerField()
    first = serializers.IntegerField(help_text="Numbers of its lines.")
    last = serializers.IntegerField()
    head = serializers.CharField(help_text="Hash of the last line: the next file begins with it.")
    sha256 = serializers.CharField()
    created_at = serializers.DateTimeField()


class LogArchivesApi(APIView):
    """The signed monthly archives of an account's decision log, newest first. An owner's."""

    scopes = {"GET": "risk:write"}

    @listed("account_archives_list", LogArchiveRow)
    def get(self, request: Request, account: str) -> Response:
        found = get_account_of(caller_of(request), account)
        rows = LogArchive.objects.filter(account=found)
        return list_page(request, rows, ["-first"], archive_row)


class LogArchiveApi(APIView):
    """One archive, as a ZIP file. An owner's; each one handed out is recorded."""

    scopes = {"GET": "risk:write"}

    @extend_schema(operation_id="account_archives_read", responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, account: str, archive: str) -> FileResponse:
        caller = caller_of(request)
        return answer_with_archive(get_account_of(caller, account), archive, actor=caller.actor)


def archive_row(row: LogArchive) -> dict[str, Any]:
    """Return an archive as the list shows it."""
    same = ("part", "first", "last", "head", "sha256", "created_at")
    return {"id": row.public_id, "month": f"{row.month:%Y-%m}", **{name: getattr(row, name) for name in same}}
