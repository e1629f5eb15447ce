"""REST doors of backtests."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.selectors import get_account, get_account_of
from apps.backtests import figures, selectors, serializers
from apps.backtests.file_lists import file_page
from apps.backtests.models import Run, WorkStatus
from apps.backtests.services import asking
from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Invalid, NotFound
from apps.common.idempotency import idempotent
from apps.common.lists import list_page
from apps.common.schema import listed
from apps.market.datasets.selectors import get_dataset
from apps.strategies.models import Strategy, StrategyVersion
from apps.strategies.selectors import get_latest_version, get_strategy
from apps.teams.authentication import caller_of
from apps.teams.callers import Caller

FILTERS = [
    OpenApiParameter("status", str, enum=list(WorkStatus.values)),
    OpenApiParameter("symbol", str),
    OpenApiParameter("strategy", str, description="Id or slug."),
]
ORDER = ["-created_at", "-id"]


class BacktestsApi(APIView):
    """The team's backtests."""

    scopes = {"GET": "backtests:read", "POST": "backtests:write"}

    @listed("backtests_list", serializers.BacktestRow, *FILTERS)
    def get(self, request: Request) -> Response:
        caller, asked = caller_of(request), request.query_params
        strategy = get_strategy(caller.team.pk, asked["strategy"]).pk if asked.get("strategy") else None
        rows = selectors.list_runs(
            caller.team.pk, strategy_id=strategy, status=read_status(request), symbol=asked.get("symbol", "")[:32]
        )
        return list_page(request, rows, ORDER, serializers.backtest_row)

    @extend_schema(
        operation_id="backtests_create", request=serializers.NewBacktest, responses={202: serializers.BacktestDetail}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        return ask(request, None)


class StrategyBacktestsApi(APIView):
    """The backtests of one strategy."""

    scopes = {"GET": "backtests:read", "POST": "backtests:write"}

    @listed("strategy_backtests_list", serializers.StrategyBacktestRow, FILTERS[0])
    def get(self, request: Request, strategy: str) -> Response:
        team_id = caller_of(request).team.pk
        row = get_strategy(team_id, strategy)
        rows = selectors.list_runs(team_id, strategy_id=row.pk, status=read_status(request))
        return list_page(request, rows, ORDER, serializers.backtest_row)

    @extend_schema(
        operation_id="strategy_backtests_create",
        request=serializers.NewBacktest,
        responses={202: serializers.BacktestDetail},
    )
    @idempotent
    def post(self, request: Request, strategy: str) -> Response:
        return ask(request, get_strategy(caller_of(request).team.pk, strategy))


class BacktestApi(APIView):
    """One backtest."""

    scopes = {"GET": "backtests:read", "DELETE": "backtests:write"}

    @extend_schema(operation_id="backtests_read", responses=serializers.BacktestDetail)
    def get(self, request: Request, backtest: str) -> Response:
        return Response(serializers.backtest_detail(find_run(request, backtest)))

    @extend_schema(operation_id="backtests_delete", responses={204: None})
    def delete(self, request: Request, backtest: str) -> Response:
        asking.delete_run(run_id=find_run(request, backtest).pk, actor=caller_of(request).actor)
        return Response(status=204)


class CancelBacktestApi(APIView):
    """Stopping a backtest."""

    scopes = {"POST": "backtests:write"}
    rate_bucket = None

    @extend_schema(operation_id="backtests_cancel", request=None, responses=serializers.BacktestDetail)
    def post(self, request: Request, backtest: str) -> Response:
        run = find_run(request, backtest)
        asking.cancel_run(run_id=run.pk, actor=caller_of(request).actor, at=read_at())
        return Response(serializers.backtest_detail(find_run(request, backtest)))


class RetryBacktestApi(APIView):
    """Trying a failed or cancelled backtest again."""

    scopes = {"POST": "backtests:write"}

    @extend_schema(operation_id="backtests_retry", request=None, responses={202: serializers.BacktestDetail})
    def post(self, request: Request, backtest: str) -> Response:
        asking.retry_run(run_id=find_run(request, backtest).pk, actor=caller_of(request).actor)
        return Response(serializers.backtest_detail(find_run(request, backtest)), status=202)


class BacktestTradesApi(APIView):
    """The trades of a finished backtest, in order of closing."""

    scopes = {"GET": "backtests:read"}

    @listed("backtest_trades_list", serializers.BacktestTrade)
    def get(self, request: Request, backtest: str) -> Response:
        run = find_run(request, backtest)
        return file_page(request, lambda first, count: figures.read_trades(run, first, count))


class BacktestEquityApi(APIView):
    """The equity of a finished backtest, thinned."""

    scopes = {"GET": "backtests:read"}

    @extend_schema(
        operation_id="backtest_equity_read",
        parameters=[OpenApiParameter("points", int, description="At most about so many, 10 to 20000; 2000 if absent.")],
        responses=serializers.Equity,
    )
    def get(self, request: Request, backtest: str) -> Response:
        text = request.query_params.get("points", str(figures.MOST_POINTS))
        if not text.isascii() or not text.isdigit() or not 10 <= int(text[:9]) <= 20_000:
            raise Invalid(Code.FIELD_INVALID, "points must be a whole number from 10 to 20000.", "points")
        return Response(figures.read_equity(find_run(request, backtest), int(text)))


def find_run(request: Request, reference: str) -> Run:
    """
    Return the caller's team's backtest.

    :raises NotFound: also where it is another team's.
    """
    return selectors.get_run(caller_of(request).team.pk, reference)


def read_status(request: Request) -> str:
    """
    Return `?status=`, empty if absent.

    :raises Invalid: where there is no such status.
    """
    status = request.query_params.get("status", "").upper()
    if status and status not in WorkStatus.values:
        allowed = list(WorkStatus.values)
        raise Invalid(Code.FIELD_INVALID, f"status is one of {', '.join(allowed)}.", "status", {"allowed": allowed})
    return status


def ask(request: Request, strategy: Strategy | None) -> Response:
    """Queue the backtest a request asks for; 202, as it is computed later."""
    body = serializers.NewBacktest(data=request.data)
    body.is_valid(raise_exception=True)
    caller = caller_of(request)
    run = asking.ask_run(team=caller.team, actor=caller.actor, asked=_read_asked(caller, body.validated_data, strategy))
    return Response(serializers.backtest_detail(run), status=202)


def _read_asked(caller: Caller, given: dict[str, Any], strategy: Strategy | None) -> asking.Asked:
    data = dict(given)
    named, number, account_ref = data.pop("strategy", None), data.pop("version", None), data.pop("account_id", None)
    if strategy is None and named:
        strategy = get_strategy(caller.team.pk, named)
    dataset_ref = data.pop("dataset", None)
    dataset = get_dataset(caller.team.pk, dataset_ref) if dataset_ref else None
    data["others"] = {symbol: get_dataset(caller.team.pk, name) for symbol, name in data.get("others", {}).items()}
    account = get_account_of(caller, account_ref) if account_ref else None
    if account is None and caller.account_id is not None:
        account = get_account(caller.team.pk, str(caller.account_id))
    version = _find_version(strategy, number) if strategy else None
    return asking.Asked(strategy=strategy, version=version, account=account, dataset=dataset, **data)


def _find_version(strategy: Strategy, number: int | None) -> StrategyVersion:
    if number is None:
        return get_latest_version(strategy.pk)
    version = StrategyVersion.objects.filter(strategy=strategy, number=number).first()
    if version is None:
        raise NotFound(Code.NOT_FOUND, f"{strategy.name!r} has no version {number}.", "version")
    return version
