"""
The demo: a person, a team, a paper account, an executor with its key, and an API key. Made once, found afterwards.

What cannot be read back from the database (password, key, secret) is kept in the data directory, for its owner only.
Nothing a person has changed is changed back: a new password stays theirs, and is then not shown.
"""

from __future__ import annotations

import json
import os
import secrets
import tomllib
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction

from apps.accounts.models import Account, AccountMode
from apps.accounts.services.opening import open_account
from apps.assignments.models import Assignment
from apps.assignments.services.activation import activate
from apps.common.errors import PlatformError
from apps.executors.authentication import get_executor_caller
from apps.executors.models import Executor
from apps.executors.services.registry import create_executor, rotate_key
from apps.strategies.models import Strategy
from apps.strategies.services import create_strategy
from apps.teams.callers import get_key_caller, system_caller
from apps.teams.models import Membership, Team, Tier, User
from apps.teams.scopes import GRANTABLE
from apps.teams.services import create_key, create_team

EMAIL = "demo@mikrobot.local"
TEAM_SLUG = "demo"
ACCOUNT_CODE, EXECUTOR_CODE, STRATEGY_SLUG = "paper-1", "paper-agent", "ema-20-50"
SERVER, LOGIN, BALANCE = "Mikrobot-Sim", 5_000_001, Decimal(100_000)
RULES: dict[str, Any] = {
    "entry": {"type": "indicator_cross", "indicators": ["EMA_20", "EMA_50"], "direction": "both"},
    "exit": {"type": "opposite_signal", "stopLoss": 15, "takeProfit": 30},
    "risk": {"lotSize": 0.1, "maxRisk": 1, "maxDailyLoss": 4, "maxOpenTrades": 1},
}


@dataclass(frozen=True)
class Secrets:
    """What is kept in demo.json."""

    password: str = ""
    api_key: str = ""
    simulator_password: str = ""


def seed_demo(*, data_dir: Path, server_url: str, at: datetime, with_strategy: bool) -> dict[str, Any]:
    """Make what of the demo is missing; return what a person and the launcher need to know."""
    note, config = data_dir / "demo.json", data_dir / "agent.toml"
    kept = _read_secrets(note)
    user, team = _make_team(kept)
    account = _make_account(team)
    executor = _make_executor(account, kept, config, server_url, at)
    kept = _with_api_key(kept, team, at, note)
    if with_strategy:
        _make_strategy(team, executor, at)
    return {
        "email": user.email,
        "password": kept.password if user.check_password(kept.password) else None,
        "api_key": kept.api_key,
        "account_id": account.public_id,
        "executor_id": executor.public_id,
        "agent_config": str(config),
        "simulator_login": account.login,
        "simulator_password": kept.simulator_password,
        "simulator_server": account.server,
    }


@transaction.atomic
def _make_team(kept: Secrets) -> tuple[User, Team]:
    user = User.objects.filter(email=EMAIL).first()
    if user is None:
        user = User.objects.create_user(EMAIL, kept.password, name="Demo")
    team = Team.objects.filter(slug=TEAM_SLUG).first()
    if team is None:
        team = create_team(name="Demo", owner=user, tier=Tier.TOP)
    elif not Membership.objects.filter(team=team, user=user).exists():
        Membership.objects.create(team=team, user=user, role="OWNER")
    return user, team


def _make_account(team: Team) -> Account:
    account = Account.objects.filter(team=team, server=SERVER, login=LOGIN).first()
    return account or open_account(
        team_id=team.pk,
        actor="system",
        code=ACCOUNT_CODE,
        name="Paper account",
        mode=AccountMode.PAPER,
        server=SERVER,
        login=LOGIN,
        initial_balance=BALANCE,
    )


def _make_executor(account: Account, kept: Secrets, config: Path, server_url: str, at: datetime) -> Executor:
    """Return the executor; its configuration is written anew only where the key in it does not open."""
    executor = Executor.objects.filter(team_id=account.team_id, code=EXECUTOR_CODE).first()
    if executor is None:
        executor, key, secret = create_executor(
            account=account, actor="system", code=EXECUTOR_CODE, name="Simulated terminal"
        )
    elif _opens(config, executor):
        return executor
    else:
        key, secret = rotate_key(executor_id=executor.pk, actor="system", at=at)
    _write_private(config, _agent_config(executor, key.key_id, secret, kept, config.parent, server_url))
    return executor


def _with_api_key(kept: Secrets, team: Team, at: datetime, note: Path) -> Secrets:
    try:
        if get_key_caller(kept.api_key, ip="127.0.0.1").team == team:
            return kept
    except PlatformError:
        pass
    _, text = create_key(caller=system_caller(team, at), name="Demo", scopes=GRANTABLE)
    kept = replace(kept, api_key=text)
    _write_private(note, json.dumps(asdict(kept), indent=2) + "\n")
    return kept


def _make_strategy(team: Team, executor: Executor, at: datetime) -> None:
    """Create and activate the strategy once; somebody who stopped it wants it stopped."""
    strategy = Strategy.objects.filter(team=team, slug=STRATEGY_SLUG).first() or create_strategy(
        team_id=team.pk,
        actor="system",
        name="EMA 20/50 cross",
        slug=STRATEGY_SLUG,
        symbol="EURUSD",
        timeframe="M1",
        rules=RULES,
        description="Trades both crossings of two moving averages, often and small.",
    )
    if not Assignment.objects.filter(strategy=strategy).exists():
        activate(strategy=strategy, references=[executor.code], actor="system", at=at)


def _opens(config: Path, executor: Executor) -> bool:
    try:
        server = tomllib.loads(config.read_text("utf-8"))["server"]
        caller = get_executor_caller(server["api_key"], server["api_secret"])
    except (OSError, ValueError, KeyError, TypeError, PlatformError):
        return False
    return caller.executor_id == executor.pk and server.get("executor_id") == executor.public_id


def _read_secrets(note: Path) -> Secrets:
    """Return what was kept; what is missing is drawn and written before anything is made with it."""
    try:
        found = json.loads(note.read_text("utf-8"))
        kept = Secrets(**{name: str(found.get(name) or "") for name in Secrets.__dataclass_fields__})
    except (OSError, ValueError, AttributeError):
        kept = Secrets()
    full = replace(
        kept,
        password=kept.password or secrets.token_urlsafe(12),
        simulator_password=kept.simulator_password or secrets.token_urlsafe(12),
    )
    if full != kept:
        _write_private(note, json.dumps(asdict(full), indent=2) + "\n")
    return full


def _agent_config(executor: Executor, key_id: str, secret: str, kept: Secrets, data_dir: Path, server_url: str) -> str:
    home = data_dir / "agent"
    tables: dict[str, dict[str, Any]] = {
        "server": {
            "url": server_url,
            "api_key": key_id,
            "api_secret": secret,
            "executor_id": executor.public_id,
            "transports": ["websocket", "long_poll"],
        },
        "terminal": {
            "module": "simulator.mt5",
            "path": "sim://127.0.0.1:0",  # the launcher writes the port of the day
            "login": LOGIN,
            "password": kept.simulator_password,
            "server": SERVER,
        },
        "symbols": {},
        "agent": {"data_dir": str(home), "log_file": str(home / "agent.log")},
    }
    lines = []
    for table, values in tables.items():
        # JSON's strings, numbers and lists of strings are TOML's as well.
        lines += [f"[{table}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items()), ""]
    return "\n".join(lines)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
