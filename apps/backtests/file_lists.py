"""Lists that stand in a file: the same answer as other lists, with a cursor that is a place."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.codes import Code
from apps.common.errors import Invalid
from apps.common.lists import read_limit


def file_page(request: Request, read: Callable[[int, int], tuple[list[dict[str, Any]], int]]) -> Response:
    """
    Return one page of a list that never changes.

    :param read: takes the first place and how many, returns the rows and how many there are in all.
    :raises Invalid: CURSOR_INVALID or FIELD_INVALID for a cursor or limit that cannot be used.
    """
    limit, first = read_limit(request), _read_place(request.query_params.get("cursor"))
    rows, total = read(first, limit)
    return Response(
        {
            "results": rows,
            "next": _write_place(first + limit) if first + limit < total else None,
            "previous": _write_place(max(0, first - limit)) if first else None,
            "count": total,
        }
    )


def _write_place(place: int) -> str:
    return base64.urlsafe_b64encode(f"at:{place}".encode()).decode().rstrip("=")


def _read_place(text: str | None) -> int:
    if text is None:
        return 0
    try:
        raw = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode()
        place = int(raw.removeprefix("at:"))
    except (ValueError, binascii.Error):
        place = -1
    if not 0 <= place < 2**31:
        raise Invalid(Code.CURSOR_INVALID, "This cursor is not one of this list.", "cursor")
    return place
