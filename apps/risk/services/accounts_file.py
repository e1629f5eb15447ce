"""
`config/accounts.yaml` (TRD §9.2): read strictly, compared with what is there, and applied whole or not at all.

A file opens accounts and changes limits and settings. It never deletes, never holds a secret, and never makes another account
of one that is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import yaml
from django.db import transaction

from apps.accounts.models import Account, AccountMode, LimitSet
from apps.accounts.serializers import NewAccount
from apps.accounts.services import change_account, open_account
from apps.common.errors import Impossible
from apps.risk.services.limits import set_limits
from apps.teams.callers import Caller
from trading.errors import TradingError
from trading.risk.limits import Limits, default_limits, is_looser, parse_limits
from trading.risk.pack_limits import Change, compare_limits

FILE_INVALID = "ACCOUNTS_FILE_INVALID"
ACCOUNT_DIFFERS = "ACCOUNT_DIFFERS"
MOST_BYTES, MOST_ACCOUNTS = 1_000_000, 1000
_SECRET = re.compile(r"pass(word)?|secret|token|api_?key|credential", re.IGNORECASE)
_PERCENT = {
    "daily_loss_limit_pct": "daily_loss_fraction",
    "total_drawdown_limit_pct": "total_drawdown_fraction",
    "max_risk_per_trade_pct": "max_risk_per_trade_fraction",
    "max_daily_risk_pct": "max_daily_risk_fraction",
}
_AS_IT_IS = ("active_capital_ratio", "max_open_positions")
_NEVER_CHANGE = ("server", "login", "currency", "mode", "initial_balance", "margin_mode")
_SETTINGS = ("name", "zone", "reset_time", "leverage", "connection_loss")
_FIELDS = {"id": "code", "mt5_login": "login", "mode": "mode", "initial_balance": "initial_balance"}
_OPTIONAL = ("name", "server", "currency", "leverage", "margin_mode", "zone", "reset_time", "connection_loss")


@dataclass(frozen=True)
class Plan:
    """What the file would do to one account. `account` is None where it would be opened."""

    code: str
    account: Account | None
    opening: Mapping[str, Any]
    settings: list[Change]
    limits: list[Change]
    document: Mapping[str, Any]
    is_looser: bool

    @property
    def changes_nothing(self) -> bool:
        return self.account is not None and not self.settings and not self.limits


class _Loader(yaml.SafeLoader):
    """Plain YAML that refuses a key that stands twice: of two limits nobody could say which was meant."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str) or key in found:
            raise Impossible(FILE_INVALID, f"line {key_node.start_mark.line + 1}: {key!r} is no name, or stands twice.")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_accounts_file(text: str) -> list[dict[str, Any]]:
    """
    Return the accounts a file names, as it names them.

    :raises Impossible: ACCOUNTS_FILE_INVALID, with the account and field at fault; also for anything that looks like a secret.
    """
    if len(text) > MOST_BYTES:
        raise Impossible(FILE_INVALID, f"The file has more than {MOST_BYTES} letters.")
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise Impossible(FILE_INVALID, f"The file is no YAML: {str(error)[:300]}") from None
    rows = content.get("accounts") if isinstance(content, dict) and set(content) == {"accounts"} else None
    if not isinstance(rows, list) or not rows or len(rows) > MOST_ACCOUNTS:
        raise Impossible(
            FILE_INVALID, f"The file needs one name, accounts: a list of 1 to {MOST_ACCOUNTS}.", "accounts"
        )
    codes = [_check_row(number, row) for number, row in enumerate(rows)]
    for code in codes:
        if codes.count(code) > 1:
            raise Impossible(FILE_INVALID, f"Account {code!r} stands twice.", "id")
    return rows


def _check_row(number: int, row: Any) -> str:
    where = f"accounts[{number}]"
    if not isinstance(row, dict):
        raise Impossible(FILE_INVALID, f"{where} must be an object.", where)
    known = {*_FIELDS, *_OPTIONAL, *_PERCENT, *_AS_IT_IS}
    for name in row:
        if _SECRET.search(name):
            message = (
                f"{where}.{name}: a file of accounts holds no secrets; take it out, and change it where it was used."
            )
            raise Impossible(FILE_INVALID, message, f"{where}.{name}")
        if name not in known:
            raise Impossible(
                FILE_INVALID, f"{where}.{name} is no field.", f"{where}.{name}", {"allowed": sorted(known)}
            )
    missing = [name for name in _FIELDS if row.get(name) is None]
    if missing:
        raise Impossible(FILE_INVALID, f"{where} needs {', '.join(missing)}.", f"{where}.{missing[0]}")
    return str(row["id"])


def plan_accounts(*, team_id: UUID, rows: Sequence[Mapping[str, Any]], server: str = "") -> list[Plan]:
    """
    Return what the file would change, account by account; nothing is changed.

    :param server: the broker's server of new accounts that name none.
    :raises Impossible: ACCOUNTS_FILE_INVALID; ACCOUNT_DIFFERS where an account of that name is another one.
    """
    return [_plan(team_id, number, row, server) for number, row in enumerate(rows)]


@transaction.atomic
def apply_plans(*, plans: Sequence[Plan], caller: Caller, confirmed: bool) -> None:
    """
    Do what the plans say, all or nothing.

    :raises Forbidden: LOOSENING_NEEDS_PERSON or LOOSENING_NEEDS_PASSWORD, as for any change of limits.
    :raises PlatformError: what opening an account or setting limits refuses.
    """
    for plan in plans:
        account = plan.account
        if account is None:
            account = open_account(team_id=caller.team.pk, actor=caller.actor, **plan.opening)
        if plan.settings:
            changes = {change.path: change.after for change in plan.settings}
            change_account(account_id=account.pk, actor=caller.actor, changes=changes)
        if plan.limits:
            set_limits(account=account, caller=caller, document=plan.document, confirmed=confirmed)


def _plan(team_id: UUID, number: int, row: Mapping[str, Any], server: str) -> Plan:
    where = f"accounts[{number}]"
    account = Account.objects.filter(team_id=team_id, code=str(row["id"])).first()
    opening = _read_opening(where, row, account, server)
    if account is not None:
        _refuse_another(where, account, row, opening)
    present = _present_limits(account, opening)
    document = _read_limits(where, row)
    try:
        wanted = parse_limits({**present.as_document(), **document})
    except TradingError as error:
        raise Impossible(FILE_INVALID, f"{where}: {error.message}", f"{where}.{error.field}") from error
    return Plan(
        code=opening["code"],
        account=account,
        opening=opening,
        settings=_setting_changes(account, row, opening) if account else [],
        limits=compare_limits(present, wanted),
        document=document,
        is_looser=is_looser(wanted, present),
    )


def _read_opening(where: str, row: Mapping[str, Any], account: Account | None, server: str) -> dict[str, Any]:
    given = {_FIELDS.get(name, name): row[name] for name in (*_FIELDS, *_OPTIONAL) if row.get(name) is not None}
    given.setdefault("name", account.name if account else given["code"])
    given.setdefault("server", account.server if account else server)
    if not given["server"]:
        message = f"{where} names no server: write it in the file, or give --server."
        raise Impossible(FILE_INVALID, message, f"{where}.server")
    if isinstance(given.get("reset_time"), int):  # YAML reads 17:00 as 1020
        raise Impossible(FILE_INVALID, f'{where}.reset_time must be quoted: "17:00".', f"{where}.reset_time")
    asked = NewAccount(data={**given, "initial_balance": str(given["initial_balance"])})
    if not asked.is_valid():
        name, problems = next(iter(asked.errors.items()))
        spec_name = next((ours for ours, theirs in _FIELDS.items() if theirs == name), name)
        raise Impossible(FILE_INVALID, f"{where}.{spec_name}: {problems[0]}", f"{where}.{spec_name}")
    return dict(asked.validated_data)


def _refuse_another(where: str, account: Account, row: Mapping[str, Any], opening: Mapping[str, Any]) -> None:
    spec_names = {theirs: ours for ours, theirs in _FIELDS.items()}
    for name in _NEVER_CHANGE:
        stated = row.get(spec_names.get(name, name))
        if stated is not None and opening[name] != getattr(account, name):
            message = (
                f"{where}: {account.code} has {name} {getattr(account, name)}; with another it is another account."
            )
            raise Impossible(ACCOUNT_DIFFERS, message, f"{where}.{spec_names.get(name, name)}")


def _present_limits(account: Account | None, opening: Mapping[str, Any]) -> Limits:
    if account is None:
        return default_limits(mode=AccountMode(opening["mode"]).value, account_size=opening["initial_balance"])
    return parse_limits(LimitSet.objects.get(account=account, in_force=True).document)


def _read_limits(where: str, row: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {name: row[name] for name in _AS_IT_IS if name in row}
    for name, ours in _PERCENT.items():
        if name in row:
            document[ours] = f"{_percent(where, name, row[name]) / 100:f}"
    return document


def _percent(where: str, name: str, value: Any) -> Decimal:
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or not 0 < number <= 100:
        message = f"{where}.{name} must be percent above 0 and at most 100, was {value!r}"
        raise Impossible(FILE_INVALID, message, f"{where}.{name}")
    return number


def _setting_changes(account: Account, row: Mapping[str, Any], opening: Mapping[str, Any]) -> list[Change]:
    stated = [name for name in _SETTINGS if row.get(name) is not None]
    pairs = ((name, getattr(account, name), opening[name]) for name in stated)
    return [Change(*pair) for pair in pairs if pair[1] != pair[2]]
