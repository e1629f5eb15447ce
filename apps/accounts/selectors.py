"""Accounts as callers name them. Every question starts from the team; what is another's is not found."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request

from apps.accounts.models import Account, AccountRisk, AccountSnapshot
from apps.common.codes import Code
from apps.common.errors import Invalid, NotFound
from apps.common.refs import match_reference
from apps.teams.callers import Caller


def find_account(team_id: UUID, reference: str) -> Account | None:
    """Return the team's account of that id or code, or None."""
    return Account.objects.filter(match_reference(Account.PREFIX, reference, "code"), team_id=team_id).first()


def get_account(team_id: UUID, reference: str) -> Account:
    """
    Return the team's account of that id or code.

    :raises NotFound: also where it is another team's.
    """
    account = find_account(team_id, reference)
    if account is None:
        raise NotFound(Code.NOT_FOUND, f"No account {reference[:80]!r} in this team.", field="account_id")
    return account


def list_accounts(team_id: UUID) -> QuerySet[Account]:
    """Return the team's accounts with their last snapshot."""
    return Account.objects.filter(team_id=team_id).select_related("snapshot")


def get_account_of(caller: Caller, reference: str) -> Account:
    """
    Return the account a caller names: the team's, and the one its key is bound to, where it is bound.

    :raises NotFound: in all other cases.
    """
    account = get_account(caller.team.pk, reference)
    if caller.account_id not in (None, account.pk):
        raise NotFound(Code.NOT_FOUND, f"No account {reference[:80]!r} for this key.", "account_id")
    return account


def get_account_for(caller: Caller, request: Request, reference: str | None = None) -> Account:
    """
    Return the account a request is about: the one it names (body, query or `X-Account-Id`), else the one its key is bound to.

    :param reference: an account named by the request's body or path.
    :raises NotFound: where the named account is another's, or not the one the key is bound to.
    :raises Invalid: ACCOUNT_REQUIRED where nothing says which.
    """
    named = reference or request.headers.get("X-Account-Id") or request.query_params.get("account_id")
    if named:
        return get_account_of(caller, named)
    if caller.account_id is not None:
        return get_account(caller.team.pk, str(caller.account_id))
    message = "Say which account: send X-Account-Id with its id or code, or use a key that is bound to one."
    raise Invalid(Code.ACCOUNT_REQUIRED, message, "account_id")


def find_snapshot(account_id: UUID) -> AccountSnapshot | None:
    return AccountSnapshot.objects.filter(account_id=account_id).first()


def get_risk_row(account_id: UUID) -> AccountRisk:
    """Return the account's risk row as it is now, unlocked."""
    return AccountRisk.objects.get(account_id=account_id)
