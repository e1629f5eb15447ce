"""REST doors of teams and keys."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.common.idempotency import idempotent
from apps.common.lists import list_page
from apps.common.schema import listed
from apps.teams import selectors, serializers, services
from apps.teams.authentication import caller_of
from apps.teams.models import ApiKey


class MeApi(APIView):
    """Who asks, for which team, and what they may do."""

    scopes = {"GET": None}

    @extend_schema(operation_id="teams_me", responses=serializers.Me)
    def get(self, request: Request) -> Response:
        return Response(serializers.me_row(caller_of(request)))


class MembersApi(APIView):
    """The team's people."""

    scopes = {"GET": "team:read"}

    @listed("members_list", serializers.Member)
    def get(self, request: Request) -> Response:
        members = selectors.list_members(caller_of(request).team)
        return list_page(request, members, ["created_at", "id"], serializers.member_row)


class AuditApi(APIView):
    """Who did what in the team."""

    scopes = {"GET": "team:manage"}

    @listed("audit_list", serializers.Deed)
    def get(self, request: Request) -> Response:
        deeds = selectors.list_audit(caller_of(request).team)
        return list_page(request, deeds, ["-created_at", "-id"], serializers.deed_row)


class KeysApi(APIView):
    """The team's API keys."""

    scopes = {"GET": "keys:manage", "POST": "keys:manage"}

    @listed("keys_list", serializers.Key)
    def get(self, request: Request) -> Response:
        return list_page(
            request, selectors.list_keys(caller_of(request).team), ["-created_at", "-id"], serializers.key_row
        )

    @extend_schema(operation_id="keys_create", request=serializers.NewKey, responses={201: serializers.FreshKey})
    @idempotent
    def post(self, request: Request) -> Response:
        asked = serializers.NewKey(data=request.data)
        asked.is_valid(raise_exception=True)
        return _show_once(*services.create_key(caller=caller_of(request), **asked.validated_data))


class KeyApi(APIView):
    """One API key."""

    scopes = {"GET": "keys:manage", "DELETE": "keys:manage"}

    @extend_schema(operation_id="keys_read", responses=serializers.Key)
    def get(self, request: Request, key_id: str) -> Response:
        return Response(serializers.key_row(selectors.get_key(caller_of(request).team, key_id)))

    @extend_schema(operation_id="keys_revoke", responses=serializers.Key)
    def delete(self, request: Request, key_id: str) -> Response:
        key = services.revoke_key(caller=caller_of(request), key=selectors.get_key(caller_of(request).team, key_id))
        return Response(serializers.key_row(key))


class RotateKeyApi(APIView):
    """A successor for an API key; the old one serves for another day."""

    scopes = {"POST": "keys:manage"}

    @extend_schema(operation_id="keys_rotate", request=None, responses={201: serializers.FreshKey})
    @idempotent
    def post(self, request: Request, key_id: str) -> Response:
        key = selectors.get_key(caller_of(request).team, key_id)
        return _show_once(*services.rotate_key(caller=caller_of(request), key=key))


def _show_once(key: ApiKey, text: str) -> Response:
    body: dict[str, Any] = {**serializers.key_row(key), "key": text}
    response = Response(body, status=201)
    response.shows_secret = True  # type: ignore[attr-defined]
    return response
