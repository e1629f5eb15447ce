"""What the doors of datasets read and show."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.common.serializer_fields import AwareDateTimeField, NumberField, StrictSerializer
from apps.market.models import Dataset, DatasetImport
from trading.data.examine import Policy
from trading.model.bars import Bars


@extend_schema_field({"type": "object"})
class LayoutField(serializers.Field):  # type: ignore[type-arg]
    """How the columns stand, as a JSON object; in a multipart body as its text."""

    default_error_messages = {"invalid": "A JSON object is needed, with columns, time_form or delimiter."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            value = json.loads(data) if isinstance(data, str) and len(data) <= 4000 else data
        except ValueError:
            self.fail("invalid")
        if not isinstance(value, dict):
            self.fail("invalid")
        return value

    def to_representation(self, value: Any) -> Any:
        return value


class HowToRead(StrictSerializer):
    """How an uploaded file is to be read."""

    symbol = serializers.CharField(max_length=32)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    zone = serializers.CharField(
        max_length=64, required=False, default="UTC", help_text="The file's clock: IANA, SERVER_NY+7 or +02:00."
    )
    policy = serializers.ChoiceField([*Policy], required=False, default=Policy.REFUSE)
    timeframe = serializers.CharField(max_length=8, required=False, allow_blank=True, default="")
    layout = LayoutField(required=False, help_text="columns, time_form, delimiter; found by itself where it can be.")


class NewUpload(HowToRead):
    """A file of bars, and how it is to be read."""

    file = serializers.FileField(allow_empty_file=True)


class FromTerminal(StrictSerializer):
    """Bars that the account's agents have sent."""

    account = serializers.CharField(max_length=80)
    symbol = serializers.CharField(max_length=32)
    timeframe = serializers.CharField(max_length=8)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")


class FromExchange(StrictSerializer):
    """Candles of a crypto exchange, by ccxt's names."""

    exchange = serializers.CharField(max_length=30)
    symbol = serializers.CharField(max_length=32)
    timeframe = serializers.CharField(max_length=8)
    start = AwareDateTimeField()
    end = AwareDateTimeField()
    name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")


class DatasetChange(StrictSerializer):
    """Another name."""

    name = serializers.CharField(max_length=120)


class FindingRow(serializers.Serializer[Any]):
    """One thing noteworthy about the bars."""

    kind = serializers.CharField()
    level = serializers.CharField(help_text="FAULT, DOUBT or NOTE.")
    count = serializers.IntegerField()
    message = serializers.CharField()
    rows = serializers.ListField(child=serializers.IntegerField(), help_text="First rows in the file, from 1.")
    at = serializers.ListField(child=serializers.CharField(), help_text="First opening times, UTC.")
    done = serializers.CharField(help_text="What was done about it; empty where the bars stand as they came.")


class DatasetRow(serializers.Serializer[Any]):
    """A dataset."""

    id = serializers.CharField()
    handle = serializers.CharField()
    name = serializers.CharField()
    symbol = serializers.CharField()
    timeframe = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    first_at = AwareDateTimeField()
    last_at = AwareDateTimeField()
    bars = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    content_hash = serializers.CharField()
    faults = serializers.IntegerField()
    doubts = serializers.IntegerField()
    created_at = AwareDateTimeField()
    created_by = serializers.CharField()


class DatasetDetail(DatasetRow):
    """A dataset with its findings, its coverage by week, and where it came from."""

    origin = serializers.DictField()
    findings = FindingRow(many=True)
    coverage = serializers.ListField(help_text="[week's start in epoch seconds, bars, bars expected]")


class ImportRow(serializers.Serializer[Any]):
    """An import: how far it is, or what came of it."""

    id = serializers.CharField()
    name = serializers.CharField()
    symbol = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    status = serializers.CharField()
    progress_fraction = NumberField()
    dataset_id = serializers.CharField(allow_null=True)
    problem = serializers.DictField(allow_null=True)
    findings = FindingRow(many=True)
    request = serializers.DictField()
    created_at = AwareDateTimeField()
    finished_at = AwareDateTimeField(allow_null=True)


class BarRow(serializers.Serializer[Any]):
    """A closed bar."""

    time = serializers.IntegerField(help_text="When it opened, epoch seconds.")
    open = serializers.FloatField()
    high = serializers.FloatField()
    low = serializers.FloatField()
    close = serializers.FloatField()
    volume = serializers.FloatField()
    spread_points = serializers.IntegerField()


class BarsPage(serializers.Serializer[Any]):
    """Bars from `start` on, and where the next ones begin."""

    symbol = serializers.CharField()
    timeframe = serializers.CharField()
    bars = BarRow(many=True)
    next_start = AwareDateTimeField(allow_null=True)


def dataset_row(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset as lists show it."""
    levels = [finding["level"] for finding in dataset.findings]
    return {
        "id": dataset.public_id,
        "handle": dataset.handle,
        "name": dataset.name,
        "symbol": dataset.symbol,
        "timeframe": dataset.timeframe,
        "source": dataset.source,
        "first_at": dataset.first_at,
        "last_at": dataset.last_at,
        "bars": dataset.bar_count,
        "size_bytes": dataset.size_bytes,
        "content_hash": dataset.content_hash,
        "faults": levels.count("FAULT"),
        "doubts": levels.count("DOUBT"),
        "created_at": dataset.created_at,
        "created_by": dataset.created_by,
    }


def dataset_detail(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset with all that is known of its bars."""
    more = {"origin": dataset.origin, "findings": dataset.findings, "coverage": dataset.coverage}
    return {**dataset_row(dataset), **more}


def import_row(job: DatasetImport) -> dict[str, Any]:
    """Return an import as it stands."""
    return {
        "id": job.public_id,
        "name": job.name,
        "symbol": job.symbol,
        "source": job.source,
        "status": job.status,
        "progress_fraction": job.progress_fraction,
        "dataset_id": job.dataset.public_id if job.dataset else None,
        "problem": job.problem,
        "findings": job.findings,
        "request": job.request,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }


def bar_rows(bars: Bars) -> list[dict[str, Any]]:
    """Return bars as they are shown."""
    names = ("time", "open", "high", "low", "close", "volume", "spread_points")
    columns = (getattr(bars, name).tolist() for name in names)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
