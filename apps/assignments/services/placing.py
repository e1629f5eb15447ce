"""May this strategy be placed on this account? What its certificate says, and who trades the symbol there already."""

from __future__ import annotations

from collections.abc import Sequence

from apps.accounts.models import MarginMode
from apps.assignments.models import Assignment
from apps.assignments.selectors import find_netting_neighbour
from apps.bots.models import Bot
from apps.common.errors import Conflict
from apps.executors.models import Executor
from apps.market.models import CertificateResult
from apps.market.selectors import find_certificates


def require_certified(executors: Sequence[Executor], symbol: str) -> None:
    """
    Do nothing where no account's certificate of the symbol has failed; a symbol nobody has looked at yet may start.

    :raises Conflict: PREFLIGHT_FAILED with what was found.
    """
    found = find_certificates({executor.account_id for executor in executors}, symbol)
    for executor in executors:
        certificate = found.get(executor.account_id)
        if certificate is None or certificate.result != CertificateResult.FAIL:
            continue
        failed = [check for check in certificate.checks if check["result"] == CertificateResult.FAIL]
        message = f"{symbol} on {executor.account.code}: {'; '.join(check['message'] for check in failed)}."
        raise Conflict("PREFLIGHT_FAILED", message, "executors", {"checks": failed, "executor_id": executor.public_id})


def require_free_symbol(bot: Bot, symbol: str) -> None:
    """
    Do nothing where the bot may trade the symbol on its account. On a netting account two bots would share one position.

    The account's row is held, so that two placements see each other.

    :raises Conflict: NETTING_SYMBOL_TAKEN.
    """
    if bot.account.margin_mode != MarginMode.NETTING:
        return
    other: Assignment | None = find_netting_neighbour(bot, symbol)
    if other is not None:
        message = (
            f"{bot.account.code} nets: {other.bot.bot_id} trades {symbol} there, and both would share one position."
        )
        raise Conflict("NETTING_SYMBOL_TAKEN", message, "executors", {"assignment_id": other.public_id})
