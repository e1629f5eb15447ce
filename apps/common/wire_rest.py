"""The wire's JSON as REST framework reads and writes it. Apart from it, because REST framework loads slowly and not all processes serve."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from apps.common.codes import Code
from apps.common.wire import MAX_BODY_BYTES, parse_json, to_json


class BodyTooLarge(APIException):
    """The body is larger than the door accepts."""

    status_code = 413
    default_detail = "The body is larger than this address accepts."
    default_code = Code.BODY_TOO_LARGE


class WireJSONRenderer(BaseRenderer):
    """Renders answers with `to_json`."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else to_json(data)


class StrictJSONParser(BaseParser):
    """Reads a JSON object of at most `view.max_body_bytes` (64 KB). A view with `accepts_list = True` takes a list too."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        view = (parser_context or {}).get("view")
        raw = read_body(stream, getattr(view, "max_body_bytes", MAX_BODY_BYTES))
        try:
            value = parse_json(raw)
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body cannot be read: {error}.") from None
        if not isinstance(value, dict) and not (isinstance(value, list) and getattr(view, "accepts_list", False)):
            raise ParseError("The body must be a JSON object.")
        return value


def read_body(stream: Any, limit: int) -> bytes:
    """
    Return the stream's bytes.

    :raises BodyTooLarge: if there are more than `limit`.
    """
    raw: bytes = stream.read(limit + 1)
    if len(raw) > limit:
        raise BodyTooLarge
    return raw
