"""The handshake: is this the right terminal, may it trade, has it the account to itself?"""

from __future__ import annotations

from datetime import datetime

from apps.accounts.models import Account, AccountMode
from apps.common.ids import public_id
from apps.executors.models import Executor
from apps.executors.selectors import get_desired_version
from apps.executors.services.leases import take_lease
from apps.executors.services.presence import note_hello
from apps.gateway.services.desired import get_fleet_epoch
from apps.trades.selectors import get_deals_cursor_ms
from trading.protocol import PROTOCOL_VERSION, Hello, Lease, Welcome


def greet(*, executor: Executor, hello: Hello, at: datetime) -> Welcome:
    """
    Grant the account's lease where nothing speaks against it, and tell the agent how things stand.

    An agent at the wrong terminal gets no lease; one whose protocol the server does not speak may close, never open.
    """
    account = executor.account
    wrong_terminal = find_wrong_terminal(account, hello)
    wrong_version = "" if hello.protocol_version == PROTOCOL_VERSION else _wrong_version(hello)
    lease: Lease | None = None
    if not wrong_terminal:
        lease = take_lease(executor=executor, instance_id=hello.instance_id, at=at, host=hello.host)
    note_hello(executor_id=executor.pk, hello=hello, granted=lease is not None, at=at)
    account.risk.refresh_from_db(fields=["halt_epoch"])
    held = "" if lease or wrong_terminal else "Another process holds this account; ask again."
    return Welcome(
        executor_id=executor.public_id,
        account_id=public_id("acc", account.pk),
        account_code=account.code,
        account_zone=account.zone,
        account_resets=account.reset_time,
        connection_loss=account.connection_loss,
        connection_loss_after_s=account.connection_loss_after_s,
        request_budget=account.request_budget,
        server_time=at,
        protocol_version=PROTOCOL_VERSION,
        may_run=not (wrong_terminal or wrong_version),
        reason=wrong_terminal or wrong_version or held,
        lease=lease,
        desired_version=get_desired_version(executor.pk),
        fleet_epoch=get_fleet_epoch(),
        halt_epoch=account.risk.halt_epoch,
        deals_since_ms=get_deals_cursor_ms(account, at),
    )


def find_wrong_terminal(account: Account, hello: Hello) -> str:
    """Return why this terminal is not the account's, or an empty text."""
    if (hello.login, hello.broker_server) != (account.login, account.server):
        return (
            f"The terminal is logged into {hello.login} on {hello.broker_server!r}, "
            f"the account is {account.login} on {account.server!r}."
        )
    if hello.currency.upper() != account.currency.upper():
        return f"The terminal's currency is {hello.currency}, the account's {account.currency}."
    if hello.margin_mode.upper() != account.margin_mode:
        return f"The terminal's account is {hello.margin_mode}, the account here {account.margin_mode}."
    if account.mode == AccountMode.PAPER and hello.trade_mode.upper() == "REAL":
        return "A paper account must not be a real one at the broker."
    return ""


def _wrong_version(hello: Hello) -> str:
    return f"This server speaks protocol {PROTOCOL_VERSION}, the agent {hello.protocol_version}: update the agent."
