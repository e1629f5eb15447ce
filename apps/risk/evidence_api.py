"""The doors to evidence: the public keys, and the signed dispute pack of an account's day."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.risk.models import SigningKey


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
