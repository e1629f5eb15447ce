"""What an agent sends because it was asked: old deals, log lines, its journal. Each may come twice and counts once."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db import transaction

from apps.assignments.selectors import list_origins
from apps.common.codes import Code
from apps.common.errors import Conflict, Invalid, NotFound
from apps.common.ids import MalformedId, parse_public_id
from apps.executors.models import Command, CommandKind, Executor
from apps.executors.services import files, logs
from apps.executors.services.commands import BEGUN
from apps.executors.services.leases import is_holder, require_fence
from apps.gateway.services.risk_side import find_approvals
from apps.trades.services.deals import apply_deals, find_fresh
from apps.trades.services.origins import Origins
from trading.protocol import FileMessage, HistoryAnswer, HistoryMessage, LogMessage
from trading.protocol.sending import LARGEST_FILE_BYTES, MOST_DEALS


def take_history(*, executor: Executor, message: HistoryMessage, at: datetime) -> HistoryAnswer:
    """
    Book old deals that are not booked yet; in whatever order they come, each counts once.

    :raises Conflict: FENCED, COMMAND_ENDED.
    :raises Invalid: TOO_MANY.
    """
    require_fence(executor=executor, instance_id=message.instance_id, fence=message.fence)
    _get_command(executor, message.command_id, CommandKind.PULL_HISTORY)
    if len(message.deals) > MOST_DEALS:
        raise Invalid(Code.FIELD_INVALID, f"At most {MOST_DEALS} deals at a time.", "deals")
    return HistoryAnswer(booked=_book(executor, message, at))


@transaction.atomic
def _book(executor: Executor, message: HistoryMessage, at: datetime) -> int:
    account = executor.account
    fresh = find_fresh(account, list({deal.ticket: deal for deal in message.deals}.values()))
    if not fresh:
        return 0
    bots = list_origins(account)
    origins = Origins(by_magic=bots, by_deal=find_approvals(account, fresh, bots))
    return apply_deals(account=account, deals=fresh, origins=origins, at=at).new_deals


def take_log(*, executor: Executor, message: LogMessage, at: datetime) -> None:
    """
    Keep the newest lines of the agent's log.

    :raises Conflict: FENCED where another process holds the account.
    """
    if not is_holder(executor=executor, instance_id=message.instance_id):
        raise Conflict("FENCED", "Another process holds the account; its log is the one that is read.")
    logs.keep_lines(executor_id=executor.pk, instance_id=message.instance_id, lines=message.lines, at=at)


def take_file(*, executor: Executor, message: FileMessage) -> None:
    """
    Keep the file that a command asked for; sent again it is the same one.

    :raises Conflict: FENCED, COMMAND_ENDED.
    :raises Invalid: FIELD_INVALID where its hash is not that of its bytes.
    """
    require_fence(executor=executor, instance_id=message.instance_id, fence=message.fence)
    command = _get_command(executor, message.command_id, CommandKind.SEND_JOURNAL)
    if len(message.content) > LARGEST_FILE_BYTES:
        raise Invalid(Code.FIELD_INVALID, f"At most {LARGEST_FILE_BYTES} bytes.", "content")
    if hashlib.sha256(message.content).hexdigest() != message.sha256:
        raise Invalid(Code.FIELD_INVALID, "The hash is not that of the bytes.", "sha256")
    files.keep_file(command=command, name=message.name, content=message.content)


def _get_command(executor: Executor, reference: str, kind: str) -> Command:
    try:
        key = parse_public_id(Command.PREFIX, reference)
    except MalformedId:
        key = None
    command = Command.objects.filter(pk=key, executor=executor, kind=kind).first() if key else None
    if command is None:
        raise NotFound(Code.NOT_FOUND, f"No such command {reference[:80]!r} of this executor.", "command_id")
    if command.state not in BEGUN:
        raise Conflict("COMMAND_ENDED", f"The command is {command.state} already.", "command_id")
    return command
