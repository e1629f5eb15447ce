"""The calendar of releases over HTTP. It is the platform's: imported by who runs it, read by everybody."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.common.lists import list_page, read_choice
from apps.common.schema import listed
from apps.common.serializer_fields import AwareDateTimeField
from apps.market.models import Impact, NewsRelease

FILTERS = (
    OpenApiParameter("since", str, description="From this time on, with its zone."),
    OpenApiParameter("until", str, description="Before this time, with its zone."),
    OpenApiParameter("currency", str, description="Like USD."),
    OpenApiParameter("impact", str, enum=Impact.values),
)


class NewsRow(serializers.Serializer[dict[str, Any]]):
    """A scheduled release."""

    at = serializers.DateTimeField()
    currency = serializers.CharField()
    impact = serializers.ChoiceField(Impact.values)
    title = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    imported_at = serializers.DateTimeField()


class _Span(serializers.Serializer[dict[str, Any]]):
    since = AwareDateTimeField(required=False)
    until = AwareDateTimeField(required=False)
    currency = serializers.CharField(max_length=8, required=False, default="")


class NewsApi(APIView):
    """Scheduled releases, soonest first."""

    scopes = {"GET": ("market:read", "risk:read")}

    @listed("news_list", NewsRow, *FILTERS)
    def get(self, request: Request) -> Response:
        asked = _Span(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given, impact = asked.validated_data, read_choice(request, "impact", Impact.values)
        wanted = {
            "at__gte": given.get("since"), "at__lt": given.get("until"), "currency": given["currency"].upper(), "impact": impact,
        }  # fmt: skip
        rows = NewsRelease.objects.filter(**{name: value for name, value in wanted.items() if value})
        return list_page(request, rows, ["at", "id"], news_row)


def news_row(row: NewsRelease) -> dict[str, Any]:
    """Return a release as the list shows it."""
    return {name: getattr(row, name) for name in ("at", "currency", "impact", "title", "source", "imported_at")}
