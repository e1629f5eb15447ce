"""REST doors of datasets and of their imports."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.selectors import get_account_of
from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Impossible, Invalid, PlatformError
from apps.common.idempotency import idempotent
from apps.common.lists import list_page
from apps.common.schema import listed
from apps.common.serializer_fields import AwareDateTimeField
from apps.market.datasets import asking, reading, selectors, serializers, store
from apps.teams.authentication import caller_of

READ, WRITE = "market:read", "backtests:write"
MOST_BARS_SHOWN = 5000
# What surrounds the file in a multipart body.
_AROUND_BYTES = 64 * 1024
_FILTERS = [OpenApiParameter("symbol", str), OpenApiParameter("timeframe", str), OpenApiParameter("search", str)]


class DatasetsApi(APIView):
    """The team's datasets; uploading a file of bars."""

    scopes = {"GET": READ, "POST": WRITE}
    parser_classes = [MultiPartParser]

    @listed("datasets_list", serializers.DatasetRow, *_FILTERS)
    def get(self, request: Request) -> Response:
        asked = {name: request.query_params.get(name, "")[:100] for name in ("symbol", "timeframe", "search")}
        rows = selectors.list_datasets(caller_of(request).team.pk, **asked)
        return list_page(request, rows, ["-created_at", "-id"], serializers.dataset_row)

    @extend_schema(
        operation_id="datasets_upload",
        request={"multipart/form-data": serializers.NewUpload},
        responses={202: serializers.ImportRow},
    )
    def post(self, request: Request) -> Response:
        """Upload a file of bars (CSV in any vendor's form, or Parquet); it is read by a worker."""
        _refuse_large(request)
        asked = serializers.NewUpload(data=request.data)
        asked.is_valid(raise_exception=True)
        caller, how = caller_of(request), dict(asked.validated_data)
        file = how.pop("file")
        job = asking.stage_upload(
            team_id=caller.team.pk, actor=caller.actor, file=file, file_name=file.name or "", size_bytes=file.size
        )
        try:
            job = asking.confirm_upload(import_id=job.pk, actor=caller.actor, **how)
        except PlatformError:
            asking.cancel_import(import_id=job.pk, actor=caller.actor, at=read_at())
            raise
        return Response(serializers.import_row(job), status=202)


class DatasetApi(APIView):
    """One dataset."""

    scopes = {"GET": READ, "PATCH": WRITE, "DELETE": WRITE}

    @extend_schema(operation_id="datasets_read", responses=serializers.DatasetDetail)
    def get(self, request: Request, dataset: str) -> Response:
        row = selectors.get_dataset(caller_of(request).team.pk, dataset)
        return Response(serializers.dataset_detail(row))

    @extend_schema(
        operation_id="datasets_rename", request=serializers.DatasetChange, responses=serializers.DatasetDetail
    )
    def patch(self, request: Request, dataset: str) -> Response:
        caller = caller_of(request)
        row = selectors.get_dataset(caller.team.pk, dataset)
        asked = serializers.DatasetChange(data=request.data)
        asked.is_valid(raise_exception=True)
        row = store.rename_dataset(dataset_id=row.pk, actor=caller.actor, name=asked.validated_data["name"])
        return Response(serializers.dataset_detail(row))

    @extend_schema(operation_id="datasets_delete", responses={204: None})
    def delete(self, request: Request, dataset: str) -> Response:
        """Delete a dataset that no result refers to."""
        caller = caller_of(request)
        row = selectors.get_dataset(caller.team.pk, dataset)
        store.delete_dataset(dataset_id=row.pk, actor=caller.actor)
        return Response(status=204)


class DatasetBarsApi(APIView):
    """Some bars of a dataset."""

    scopes = {"GET": READ}

    @extend_schema(
        operation_id="datasets_bars",
        parameters=[
            OpenApiParameter("start", OpenApiTypes.DATETIME),
            OpenApiParameter("end", OpenApiTypes.DATETIME),
            OpenApiParameter("timeframe", str, description="Coarser than the dataset's own: added up."),
            OpenApiParameter("limit", int, description=f"How many, 1 to {MOST_BARS_SHOWN}; 500 if absent."),
        ],
        responses=serializers.BarsPage,
    )
    def get(self, request: Request, dataset: str) -> Response:
        row = selectors.get_dataset(caller_of(request).team.pk, dataset)
        limit, start, end = _read_limit(request), _read_moment(request, "start"), _read_moment(request, "end")
        wanted = request.query_params.get("timeframe") or None
        bars = reading.load_page(row, timeframe=wanted, start=start, end=end, limit=limit)
        more = len(bars) > limit
        shown = bars.part(0, limit)
        body = {
            "symbol": row.symbol,
            "timeframe": str(bars.timeframe),
            "bars": serializers.bar_rows(shown),
            "next_start": bars[limit].opened_at if more else None,
        }
        return Response(body)


class DatasetExportApi(APIView):
    """A dataset as a file."""

    scopes = {"GET": READ}

    @extend_schema(
        operation_id="datasets_export",
        parameters=[OpenApiParameter("kind", str, enum=["csv", "parquet"], description="csv if absent.")],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, dataset: str) -> FileResponse:
        row = selectors.get_dataset(caller_of(request).team.pk, dataset)
        return answer_export(row, request.query_params.get("kind", "csv"))


class DatasetsFromTerminalApi(APIView):
    """A dataset of the bars that agents have sent."""

    scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="datasets_from_terminal",
        request=serializers.FromTerminal,
        responses={202: serializers.ImportRow},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = serializers.FromTerminal(data=request.data)
        asked.is_valid(raise_exception=True)
        caller, wanted = caller_of(request), dict(asked.validated_data)
        account = get_account_of(caller, wanted.pop("account"))
        job = asking.ask_from_terminal(account=account, actor=caller.actor, **wanted)
        return Response(serializers.import_row(job), status=202)


class DatasetsFromExchangeApi(APIView):
    """A dataset of a crypto exchange's candles."""

    scopes = {"POST": WRITE}

    @extend_schema(
        operation_id="datasets_from_exchange",
        request=serializers.FromExchange,
        responses={202: serializers.ImportRow},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = serializers.FromExchange(data=request.data)
        asked.is_valid(raise_exception=True)
        caller = caller_of(request)
        job = asking.ask_from_exchange(team_id=caller.team.pk, actor=caller.actor, at=read_at(), **asked.validated_data)
        return Response(serializers.import_row(job), status=202)


class DatasetImportsApi(APIView):
    """The team's imports, newest first."""

    scopes = {"GET": READ}

    @listed("dataset_imports_list", serializers.ImportRow, OpenApiParameter("status", str))
    def get(self, request: Request) -> Response:
        rows = selectors.list_imports(caller_of(request).team.pk, status=request.query_params.get("status", "")[:20])
        return list_page(request, rows, ["-created_at", "-id"], serializers.import_row)


class DatasetImportApi(APIView):
    """One import: how far it is; asking it to end."""

    scopes = {"GET": READ, "DELETE": WRITE}

    @extend_schema(operation_id="dataset_imports_read", responses=serializers.ImportRow)
    def get(self, request: Request, dataset_import: str) -> Response:
        return Response(serializers.import_row(selectors.get_import(caller_of(request).team.pk, dataset_import)))

    @extend_schema(operation_id="dataset_imports_cancel", responses=serializers.ImportRow)
    def delete(self, request: Request, dataset_import: str) -> Response:
        """Cancel the import: at once while it waits, at its next block while it is being read."""
        caller = caller_of(request)
        job = selectors.get_import(caller.team.pk, dataset_import)
        job = asking.cancel_import(import_id=job.pk, actor=caller.actor, at=read_at())
        return Response(serializers.import_row(job))


def answer_export(dataset: Any, kind: str) -> FileResponse:
    """Return the dataset as an attachment, ``csv`` or ``parquet``."""
    file = reading.open_export(dataset, kind)
    name = f"{dataset.handle}-{dataset.timeframe}.{kind}"
    types = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
    response = FileResponse(file, as_attachment=True, filename=name, content_type=types[kind])
    response["Cache-Control"] = "private, no-store"
    return response


def _refuse_large(request: Request) -> None:
    """Look at the length before the body is read into a file."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > asking.MOST_UPLOAD_BYTES + _AROUND_BYTES:
        limit = {"limit_bytes": asking.MOST_UPLOAD_BYTES}
        message = f"At most {asking.MOST_UPLOAD_BYTES:,} bytes in one file: bring it as Parquet or in parts."
        raise Impossible("DATA_TOO_LARGE", message, "file", limit)


def _read_limit(request: Request) -> int:
    text = request.query_params.get("limit", "500")
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MOST_BARS_SHOWN:
        raise Invalid(Code.FIELD_INVALID, f"limit must be a whole number from 1 to {MOST_BARS_SHOWN}.", "limit")
    return int(text)


def _read_moment(request: Request, name: str) -> dt.datetime | None:
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        # A plus in an address is a space until somebody encodes it.
        return AwareDateTimeField().to_internal_value(text.replace(" ", "+"))
    except ValidationError as error:
        raise Invalid(Code.FIELD_INVALID, "An instant with its zone is needed: 2026-01-27T14:30:22Z.", name) from error
