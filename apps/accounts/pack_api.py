"""REST doors of rule packs: which there are, copies for a team, and new versions of those."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import pack_serializers as serializers
from apps.accounts import selectors, services
from apps.accounts.models import RulePackVersion
from apps.common.errors import Forbidden, Impossible
from apps.common.idempotency import idempotent
from apps.teams.authentication import caller_of

VERSION = serializers.VersionQuery


class PacksApi(APIView):
    """Firms' programs: the platform's, and the team's own copies."""

    scopes = {"GET": "risk:read"}

    @extend_schema(operation_id="packs_list", responses=serializers.Packs)
    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        rows = selectors.list_packs(caller.team.pk, caller.at.date())
        return Response({"results": [serializers.pack_row(row) for row in rows]})


class PackApi(APIView):
    """One pack with its document."""

    scopes = {"GET": "risk:read"}

    @extend_schema(operation_id="packs_read", parameters=[VERSION], responses=serializers.PackDetail)
    def get(self, request: Request, pack: str) -> Response:
        return Response(serializers.pack_detail(find_version(request, pack)))


class PackCloneApi(APIView):
    """A copy of a pack that the team may edit."""

    scopes = {"POST": "risk:write"}

    @extend_schema(
        operation_id="packs_clone",
        parameters=[VERSION],
        request=serializers.PackClone,
        responses={201: serializers.PackDetail},
    )
    @idempotent
    def post(self, request: Request, pack: str) -> Response:
        version, caller = find_version(request, pack), caller_of(request)
        asked = serializers.PackClone(data=request.data)
        asked.is_valid(raise_exception=True)
        code = asked.validated_data["code"]
        made = services.clone_pack(version=version, team=caller.team, code=code, actor=caller.actor)
        return Response(serializers.pack_detail(made), status=201)


class PackVersionsApi(APIView):
    """New words of the team's own pack: a new version, the old ones stay."""

    scopes = {"POST": "risk:write"}

    @extend_schema(
        operation_id="packs_write", request=serializers.NewPackVersion, responses={201: serializers.PackDetail}
    )
    @idempotent
    def post(self, request: Request, pack: str) -> Response:
        caller = caller_of(request)
        row = selectors.get_pack(caller.team.pk, pack)
        asked = serializers.NewPackVersion(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        if row.team_id is None:
            raise Forbidden("PACK_IS_THE_PLATFORMS", "This is the platform's pack: clone it, and edit your copy.")
        if given["document"].get("id") != row.code:
            raise Impossible("PACK_INVALID", f"id must be {row.code!r}, the pack's own", "document.id")
        made = services.publish_version(
            document=given["document"],
            checked=given["checked_on"],
            valid_from=given["valid_from"],
            actor=caller.actor,
            team=caller.team,
        )
        return Response(serializers.pack_detail(made), status=201)


def find_version(request: Request, pack: str) -> RulePackVersion:
    """Return the version a request names by path and `?version=`."""
    asked = serializers.VersionQuery(data=request.query_params)
    asked.is_valid(raise_exception=True)
    caller = caller_of(request)
    return selectors.get_pack_version(caller.team.pk, pack, caller.at.date(), asked.validated_data.get("version"))
