"""REST doors of what is asked of many at once, and of flattening an account."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.selectors import get_account
from apps.assignments.models import Desired
from apps.assignments.selectors import get_assignment, list_assignments
from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Invalid, NotFound
from apps.common.idempotency import idempotent
from apps.common.serializer_fields import AwareDateTimeField, StrictSerializer
from apps.executors.models import CommandBatch
from apps.executors.payloads import PAYLOADS, read_payload
from apps.executors.selectors import get_batch, get_executor
from apps.executors.serializers import CommandRow, command_row
from apps.risk.api import AccountDoor
from apps.risk.batches import Item, Progress, read_progress
from apps.risk.services import bulk
from apps.risk.services.flatten import flatten_account
from apps.risk.watch_schema import HaltInput
from apps.strategies.selectors import get_strategy
from apps.teams.authentication import caller_of
from apps.teams.callers import Caller

MOST = 200


def _references() -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=80), max_length=MOST, required=False, default=list
    )


class BulkInput(StrictSerializer):
    """
    One act on many.

    PAUSE, RESUME, STOP, UPDATE: the live assignments of these strategies (on these executors, where any is named), of these
    executors, and these assignments. ACTIVATE: every strategy on every executor. FLATTEN: these accounts, and the executors'.
    All else: these executors.
    """

    act = serializers.ChoiceField(list(bulk.ACTS))
    strategies = _references()
    executors = _references()
    accounts = _references()
    assignments = _references()
    payload = serializers.DictField(required=False, default=dict, help_text="Of a one-shot, as for one executor.")
    reason = serializers.CharField(max_length=150, required=False, default="", allow_blank=True)


class BulkItem(serializers.Serializer[Any]):
    """One target: what was said at once, and how it stands."""

    target = serializers.CharField()
    name = serializers.CharField()
    status = serializers.CharField(help_text="ASKED, UNCHANGED or REFUSED.")
    state = serializers.CharField(help_text="How it stands now.")
    code = serializers.CharField()
    message = serializers.CharField()
    commands = serializers.ListField(child=serializers.CharField())


class BulkRow(serializers.Serializer[Any]):
    """What was asked of many, and how far it is by their commands."""

    id = serializers.CharField()
    act = serializers.CharField()
    asked_by = serializers.CharField()
    created_at = AwareDateTimeField()
    items = BulkItem(many=True)
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Items by their state now.")
    done = serializers.IntegerField(help_text="How many have come to an end, whichever.")
    is_over = serializers.BooleanField()


class FlattenOutput(serializers.Serializer[Any]):
    """An account that shall be flat: halted from now on; flat when a command is EXECUTED, by a snapshot's proof."""

    account_id = serializers.CharField()
    halted = serializers.BooleanField()
    halt_epoch = serializers.IntegerField()
    paused = serializers.ListField(child=serializers.CharField(), help_text="Assignments that were paused.")
    commands = CommandRow(many=True, help_text="One an executor; none where nobody serves the account.")


class BulkApi(APIView):
    """Ask many at once: 202 and a result for each. Never refused for rate: stopping is among it."""

    scopes = {"POST": "assignments:write"}
    rate_bucket = None

    @extend_schema(operation_id="bulk_create", request=BulkInput, responses={202: BulkRow})
    @idempotent
    def post(self, request: Request) -> Response:
        asked = BulkInput(data=request.data)
        asked.is_valid(raise_exception=True)
        caller, given = caller_of(request), asked.validated_data
        if given["act"] == bulk.FLATTEN:
            caller.refuse_without("risk:halt")
        targets = _choose(caller, given)
        batch = bulk.ask_many(act=given["act"], targets=targets, team_id=caller.team.pk, actor=caller.actor)
        return Response(bulk_row(read_progress(batch)), status=202)


class BulkProgressApi(APIView):
    """How far it is."""

    scopes = {"GET": "assignments:read"}

    @extend_schema(operation_id="bulk_read", responses=BulkRow)
    def get(self, request: Request, batch: str) -> Response:
        return Response(bulk_row(read_progress(_get_batch(caller_of(request), batch))))


class AccountFlattenApi(AccountDoor):
    """Close and cancel whatever an account holds, whoever placed it, and let nothing in until a person lifts the halt."""

    rate_bucket = None
    scopes = {"POST": ("risk:halt", "risk:write")}

    @extend_schema(operation_id="account_flatten", request=HaltInput, responses={202: FlattenOutput})
    @idempotent
    def post(self, request: Request, account: str) -> Response:
        caller, found = self.get_account(request, account)
        asked = HaltInput(data=request.data)
        asked.is_valid(raise_exception=True)
        reason = asked.validated_data.get("reason") or "asked by hand"
        done = flatten_account(account=found, reason=reason, actor=caller.actor, at=caller.at)
        body = {
            "account_id": found.public_id,
            "halted": True,
            "halt_epoch": done.risk.halt_epoch,
            "paused": [row.public_id for row in done.paused],
            "commands": [command_row(command) for command in done.commands],
        }
        return Response(body, status=202)


def bulk_row(progress: Progress) -> dict[str, Any]:
    """Return a batch as it is shown."""
    batch = progress.batch
    return {
        "id": batch.public_id,
        "act": batch.act,
        "asked_by": batch.asked_by,
        "created_at": batch.created_at,
        "items": [_item_row(item) for item in progress.items],
        "counts": progress.counts,
        "done": progress.done,
        "is_over": progress.is_over,
    }


def _item_row(item: Item) -> dict[str, Any]:
    names = ("target", "name", "status", "state", "code", "message")
    return {**{name: getattr(item, name) for name in names}, "commands": [each.public_id for each in item.commands]}


def _get_batch(caller: Caller, reference: str) -> CommandBatch:
    batch = get_batch(caller.team.pk, reference)
    if caller.account_id and batch.commands.exclude(executor__account_id=caller.account_id).exists():
        raise NotFound(Code.NOT_FOUND, f"No batch {reference[:80]!r} for this key.", "batch")
    return batch


def _choose(caller: Caller, given: dict[str, Any]) -> list[bulk.Target]:
    """
    Return what is meant, each once, in the order of names given.

    :raises Invalid: NOTHING_MEANT, TOO_MANY; a name that is not the team's is NOT_FOUND, and nobody is asked.
    """
    act = given["act"]
    if act in bulk.WISHES:
        targets = _wishes(caller, given)
    elif act == bulk.ACTIVATE:
        targets = _activations(caller, given)
    elif act == bulk.FLATTEN:
        targets = _flattenings(caller, given)
    else:
        payload = read_payload(act, given["payload"]) if act in PAYLOADS else {}
        rows = [get_executor(caller.team.pk, each, account_id=caller.account_id) for each in given["executors"]]
        targets = [bulk.one_shot_of(row, act, payload, actor=caller.actor, at=caller.at) for row in _once(rows)]
    if not targets:
        raise Invalid("NOTHING_MEANT", "Nothing that this act could be asked of is named.", "act")
    if len(targets) > MOST:
        raise Invalid("TOO_MANY", f"{len(targets)} targets; at most {MOST} at a time.", "act")
    return targets


def _wishes(caller: Caller, given: dict[str, Any]) -> list[bulk.Target]:
    team_id, act = caller.team.pk, given["act"]
    found = [get_assignment(team_id, each, account_id=caller.account_id) for each in given["assignments"]]
    strategies: list[UUID | None] = [get_strategy(team_id, each).pk for each in given["strategies"]]
    executors: list[UUID | None] = [
        get_executor(team_id, each, account_id=caller.account_id).pk for each in given["executors"]
    ]
    if strategies or executors:
        for strategy_id in strategies or [None]:
            for executor_id in executors or [None]:
                rows = list_assignments(
                    team_id, strategy_id=strategy_id, executor_id=executor_id, account_id=caller.account_id
                )
                found += list(rows.exclude(desired=Desired.STOPPED).order_by("pk"))
    return [bulk.wish_of(row, act, actor=caller.actor, at=caller.at) for row in _once(found)]


def _activations(caller: Caller, given: dict[str, Any]) -> list[bulk.Target]:
    team_id = caller.team.pk
    executors = _once([get_executor(team_id, each, account_id=caller.account_id) for each in given["executors"]])
    strategies = _once([get_strategy(team_id, each) for each in given["strategies"]])
    return [
        bulk.activation_of(strategy, executor, actor=caller.actor, at=caller.at)
        for strategy in strategies
        for executor in executors
    ]


def _flattenings(caller: Caller, given: dict[str, Any]) -> list[bulk.Target]:
    team_id = caller.team.pk
    accounts = [get_account(team_id, each) for each in given["accounts"]]
    if any(caller.account_id not in (None, account.pk) for account in accounts):
        raise NotFound("ACCOUNT_NOT_FOUND", "A named account is not this key's.", "accounts")
    accounts += [get_executor(team_id, each, account_id=caller.account_id).account for each in given["executors"]]
    reason = given["reason"] or "asked of many"
    return [bulk.flattening_of(account, reason, actor=caller.actor, at=read_at()) for account in _once(accounts)]


def _once(rows: list[Any]) -> list[Any]:
    return list({row.pk: row for row in rows}.values())
