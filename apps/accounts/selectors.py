"""Accounts as callers name them. Every question starts from the team; what is another's is not found."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from rest_framework.request import Request

from apps.accounts.models import (
    Account,
    AccountRisk,
    AccountSnapshot,
    ConnectionLossPolicy,
    LimitSet,
    RulePack,
    RulePackVersion,
)
from apps.common.codes import Code
from apps.common.errors import Invalid, NotFound
from apps.common.refs import match_reference
from apps.teams.callers import Caller
from trading.risk.limits import parse_limits

LEASE_S = 15  # how long an agent may trade on its last word from the server


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


def find_trailing_stop(account: Account) -> Decimal | None:
    """Return what approvals on the account ask for where a strategy names no trailing stop [of the entry price]."""
    row = LimitSet.objects.filter(account=account, in_force=True).first()
    return parse_limits(row.document).trailing_in_force if row else None


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


def list_packs(team_id: UUID, on: date) -> list[RulePackVersion]:
    """Return the newest version valid on a day of every pack a team may use: the platform's, and its own."""
    rows = _versions(team_id, on).order_by("pack_id", "-number").distinct("pack_id")
    return sorted(rows, key=lambda row: (row.pack.team_id is not None, row.firm.lower(), row.pack.code))


def get_pack(team_id: UUID, reference: str) -> RulePack:
    """
    Return a pack of the platform or the team by its id or code.

    :raises NotFound: also where it is another team's.
    """
    found = RulePack.objects.filter(_usable_by(team_id) & match_reference(RulePack.PREFIX, reference, "code")).first()
    if found is None:
        raise NotFound(Code.NOT_FOUND, f"No rule pack {reference[:80]!r} for this team.", field="pack")
    return found


def get_pack_version(team_id: UUID, reference: str, on: date, number: int | None = None) -> RulePackVersion:
    """
    Return a version of a pack that is valid on a day; the newest where no number is given.

    :raises NotFound: where there is none, or the pack is another team's.
    """
    pack = get_pack(team_id, reference)
    rows = _versions(team_id, on).filter(pack=pack)
    found = (rows if number is None else rows.filter(number=number)).order_by("-number").first()
    if found is None:
        what = f"{pack.code} has no version {number}" if number else f"{pack.code} has no version yet"
        raise NotFound(Code.NOT_FOUND, f"{what} that is valid on {on.isoformat()}.", field="version")
    return found


def get_limits_in_force(account: Account, on: date) -> LimitSet:
    """Return the limits in force with the pack version they were made under; `newest_number` is its newest valid version."""
    newer = RulePackVersion.objects.filter(pack=OuterRef("pack_version__pack"), valid_from__lte=on).order_by("-number")
    rows = LimitSet.objects.select_related("pack_version__pack", "account")
    return rows.annotate(newest_number=Subquery(newer.values("number")[:1])).get(account=account, in_force=True)


def _versions(team_id: UUID, on: date) -> QuerySet[RulePackVersion]:
    rows = RulePackVersion.objects.filter(_usable_by(team_id, "pack__"), valid_from__lte=on)
    return rows.select_related("pack")


def _usable_by(team_id: UUID, path: str = "") -> Q:
    return Q(**{f"{path}team": None}) | Q(**{f"{path}team_id": team_id})


def tell_connection_loss(account: Account) -> str:
    """
    Return what happens on the account when agent and server lose each other, as it is said before anything is started.

    >>> tell_connection_loss(Account(connection_loss="HOLD"))
    'Without a connection nothing is opened, strategies pause, waiting orders are cancelled; open positions stay with their stops at the broker.'
    """
    before = "Without a connection nothing is opened, strategies pause, waiting orders are cancelled;"
    if account.connection_loss == ConnectionLossPolicy.HOLD:
        return f"{before} open positions stay with their stops at the broker."
    seconds = account.connection_loss_after_s + LEASE_S
    return (
        f"{before} after {seconds} s the agent closes every position of ours by itself, at once where the account's day ends "
        "within ten minutes, and enters again only when everything is told and agrees."
    )
