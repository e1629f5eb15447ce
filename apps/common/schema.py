"""How lists and errors stand in the OpenAPI description."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers

LIST_PARAMETERS = [
    OpenApiParameter("limit", int, description="How many, 1 to 500; 50 if absent."),
    OpenApiParameter("cursor", str, description="`next` or `previous` of another page."),
]


def listed(
    operation_id: str, row: type[serializers.Serializer[Any]], *parameters: OpenApiParameter, **more: Any
) -> Callable[[Any], Any]:
    """Describe a view's `get` as a list of `row`, with its filters."""
    page = inline_serializer(
        f"{row.__name__}List",
        {
            "results": row(many=True),
            "next": serializers.CharField(allow_null=True),
            "previous": serializers.CharField(allow_null=True),
            "count": serializers.IntegerField(),
            "count_is_estimate": serializers.BooleanField(required=False),
        },
    )
    return extend_schema(operation_id=operation_id, parameters=[*LIST_PARAMETERS, *parameters], responses=page, **more)


def leave_out_aliases(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Return the endpoints without the specs' other paths to views that have a path of ours."""
    ours = {callback.cls for path, _, _, callback in endpoints if path.startswith("/api/v1/")}
    return [one for one in endpoints if one[0].startswith("/api/v1/") or one[3].cls not in ours]
