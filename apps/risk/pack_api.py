"""REST doors of an account's rule pack: what it is under, what another would change, and the change itself."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.models import Account, RulePackVersion
from apps.accounts.selectors import get_limits_in_force, get_pack_version
from apps.risk import pack_serializers as serializers
from apps.risk.api import AccountDoor
from apps.risk.services.packs import leave_pack, preview_pack, put_under_pack, read_phase
from apps.teams.authentication import BrowserSessionAuthentication
from apps.teams.callers import Caller
from apps.teams.services import confirm_person


class AccountPackApi(AccountDoor):
    """The firm's rules an account is under."""

    scopes = {"GET": ("accounts:read", "risk:read")}

    @extend_schema(operation_id="account_pack", responses=serializers.AccountPackRow)
    def get(self, request: Request, account: str) -> Response:
        caller, found = self.get_account(request, account)
        return _answer(caller, found)


class AccountPackPreviewApi(AccountDoor):
    """What putting the account under a pack would change. Nothing is changed."""

    scopes = {"GET": ("accounts:read", "risk:read")}

    @extend_schema(
        operation_id="account_pack_preview", parameters=[serializers.PreviewQuery], responses=serializers.PreviewRow
    )
    def get(self, request: Request, account: str) -> Response:
        caller, found = self.get_account(request, account)
        asked = serializers.PreviewQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        version, phase = _wanted(caller, asked.validated_data)
        present = get_limits_in_force(found, caller.at.date())
        seen = preview_pack(account=found, present=present, version=version, phase=phase)
        return Response(serializers.preview_row(seen))


class AccountPackBindApi(AccountDoor):
    """Put the account under a version of a pack: a signed-in owner only, who has seen the difference."""

    authentication_classes = [BrowserSessionAuthentication]
    scopes = {"POST": "risk:write"}

    @extend_schema(
        operation_id="account_pack_bind", request=serializers.BindInput, responses=serializers.AccountPackRow
    )
    def post(self, request: Request, account: str) -> Response:
        caller, found = self.get_account(request, account)
        asked = serializers.BindInput(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        version, phase = _wanted(caller, given)
        put_under_pack(
            account=found,
            caller=caller,
            version=version,
            phase=phase,
            number=given["number"],
            confirmed=confirm_person(caller=caller, password=given.get("password")),
        )
        return _answer(caller, found)


class AccountPackLeaveApi(AccountDoor):
    """Take the account out of its firm's rules: a signed-in owner only, with their password."""

    authentication_classes = [BrowserSessionAuthentication]
    scopes = {"POST": "risk:write"}

    @extend_schema(
        operation_id="account_pack_leave", request=serializers.LeaveInput, responses=serializers.AccountPackRow
    )
    def post(self, request: Request, account: str) -> Response:
        caller, found = self.get_account(request, account)
        asked = serializers.LeaveInput(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        confirmed = confirm_person(caller=caller, password=given.get("password"))
        leave_pack(account=found, caller=caller, number=given["number"], confirmed=confirmed)
        return _answer(caller, found)


def _wanted(caller: Caller, given: dict[str, Any]) -> tuple[RulePackVersion, str]:
    version = get_pack_version(caller.team.pk, given["pack"], caller.at.date(), given.get("version"))
    return version, read_phase(version.document, given.get("phase"))


def _answer(caller: Caller, account: Account) -> Response:
    return Response(serializers.account_pack_row(get_limits_in_force(account, caller.at.date())))
