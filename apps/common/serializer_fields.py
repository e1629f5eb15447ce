"""Serializer fields that refuse at the door what the platform cannot use."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.common.fields import BOUND
from apps.common.ids import HANDLE, MalformedId, parse_public_id, public_id

DECIMALS = Decimal("1e-8")
_PLAIN_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,20})?")


class StrictSerializer(serializers.Serializer[Any]):
    """
    Refuses a field it does not know, by its name: `override` for `overrides` must not run a strategy with other lots.

    For bodies whose fields all have an effect on money; reports of machines keep the lenient kind.
    """

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, Mapping) else []
        if unknown:
            problem = f"This field is not known: use {', '.join(self.fields)}."
            raise serializers.ValidationError({str(name)[:80]: [problem] for name in unknown})
        return super().to_internal_value(data)


@extend_schema_field({"type": "number"})
class NumberField(serializers.Field):  # type: ignore[type-arg]
    """
    A finite number as Decimal, rounded to 8 decimals; bounds are inclusive, `above` is not.

    Takes a JSON number, or its plain text ("0.10") from clients that keep Decimals.
    """

    default_error_messages = {
        "invalid": "A finite number is needed.",
        "range": "Must be {what}.",
    }

    def __init__(
        self, *, minimum: Any = None, maximum: Any = None, above: Any = None, below: Any = None, **kwargs: Any
    ) -> None:
        self.minimum = Decimal(str(minimum)) if minimum is not None else None
        self.maximum = Decimal(str(maximum)) if maximum is not None else None
        self.above = Decimal(str(above)) if above is not None else None
        self.below = Decimal(str(below)) if below is not None else None
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        value = self._read(data)
        if not value.is_finite() or abs(value) >= BOUND:
            self.fail("invalid")
        value = value.quantize(DECIMALS)
        self._refuse_outside(value)
        return value

    def to_representation(self, value: Any) -> Any:
        return value if isinstance(value, Decimal) else Decimal(str(value))

    def _read(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, int | float | Decimal | str):
            self.fail("invalid")
        if isinstance(data, str) and not _PLAIN_NUMBER.fullmatch(data):
            self.fail("invalid")
        try:
            return Decimal(str(data)) if isinstance(data, float) else Decimal(data)
        except InvalidOperation:
            self.fail("invalid")

    def _refuse_outside(self, value: Decimal) -> None:
        if self.minimum is not None and value < self.minimum:
            self.fail("range", what=f"{self.minimum} or more")
        if self.maximum is not None and value > self.maximum:
            self.fail("range", what=f"{self.maximum} or less")
        if self.above is not None and value <= self.above:
            self.fail("range", what=f"more than {self.above}")
        if self.below is not None and value >= self.below:
            self.fail("range", what=f"less than {self.below}")


@extend_schema_field({"type": "number", "exclusiveMinimum": 0})
class PriceField(NumberField):
    """A price: a number above zero."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("above", 0)
        super().__init__(**kwargs)


@extend_schema_field({"type": "integer", "format": "int64"})
class BigNumberField(serializers.Field):  # type: ignore[type-arg]
    """A ticket, a magic number, a login: a whole number of 64 bits, given as integer or as digits."""

    default_error_messages = {"invalid": "A whole number, or its digits, is needed.", "range": "Must be {what}."}

    def __init__(self, *, minimum: int = 0, **kwargs: Any) -> None:
        self.minimum = minimum
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str) and re.fullmatch(r"\d{1,19}", data):
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        if not self.minimum <= data < 2**63:
            self.fail("range", what=f"{self.minimum} or more, in 64 bits")
        return data

    def to_representation(self, value: Any) -> int:
        return int(value)


@extend_schema_field({"type": "string", "format": "date-time"})
class AwareDateTimeField(serializers.Field):  # type: ignore[type-arg]
    """An instant with its zone, `2026-01-27T14:30:22Z` or with an offset; a naive one is refused."""

    default_error_messages = {
        "invalid": "An instant in ISO 8601 with a zone is needed, such as 2026-01-27T14:30:22Z.",
        "naive": "The zone is missing: 2026-01-27T14:30:22Z or …+02:00.",
    }

    def to_internal_value(self, data: Any) -> dt.datetime:
        if not isinstance(data, str) or len(data) > 40:
            self.fail("invalid")
        try:
            at = dt.datetime.fromisoformat(data)
        except ValueError:
            self.fail("invalid")
        if at.tzinfo is None:
            self.fail("naive")
        try:
            return at.astimezone(dt.UTC)
        except (OverflowError, ValueError):
            self.fail("invalid")

    def to_representation(self, value: dt.datetime) -> dt.datetime:
        return value


@extend_schema_field({"type": "string", "pattern": HANDLE.pattern})
class HandleField(serializers.CharField):
    """A handle, unique in its team: lower-case letters, digits, `-` and `_`, 2 to 64 of them."""

    default_error_messages = {
        "handle": "2 to 64 lower-case letters, digits, - or _; the first a letter or digit.",
    }

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not HANDLE.match(text):
            self.fail("handle")
        return text


@extend_schema_field({"type": "string"})
class PublicIdField(serializers.Field):  # type: ignore[type-arg]
    """A public id of one kind (`acc_…`) as its UUID."""

    default_error_messages = {"invalid": "An id such as {prefix}_… is needed."}

    def __init__(self, prefix: str, **kwargs: Any) -> None:
        self.prefix = prefix
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> uuid.UUID:
        try:
            return parse_public_id(self.prefix, data if isinstance(data, str) else "")
        except MalformedId:
            self.fail("invalid", prefix=self.prefix)

    def to_representation(self, value: uuid.UUID) -> str:
        return public_id(self.prefix, value)
