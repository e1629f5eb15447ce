"""Protocol messages at an HTTP door: bytes in, bytes out, and their description for the OpenAPI schema."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from apps.common.codes import Code
from apps.common.errors import Invalid
from apps.common.wire_rest import BodyTooLarge
from trading.protocol import MalformedMessage, decode, encode

MessageT = TypeVar("MessageT", bound=msgspec.Struct)


def read_message(request: Request | HttpRequest, kind: type[MessageT], *, max_bytes: int) -> MessageT:
    """
    Return the request's body as a message.

    :raises BodyTooLarge: if it is larger than the door takes.
    :raises Invalid: MALFORMED, with what is wrong.
    """
    plain = request._request if isinstance(request, Request) else request
    if int(plain.headers.get("Content-Length") or 0) > max_bytes:
        raise BodyTooLarge
    try:
        return decode(plain.body.rstrip(b"\x00"), kind)
    except MalformedMessage as error:
        raise Invalid(Code.MALFORMED, f"The body is not that message: {error}.") from error


def answer_message(message: msgspec.Struct, status: int = 200) -> HttpResponse:
    """Return the message as an HTTP answer."""
    return HttpResponse(encode(message), status=status, content_type="application/json")


def describe(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schema of a message with everything it refers to written out, as OpenAPI 3.1 takes it."""
    (schema,), parts = msgspec.json.schema_components([kind], ref_template="#/{name}")
    return {**_inline(schema, parts)}


def _inline(node: Any, parts: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inline(one, parts) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inline(parts[node["$ref"].removeprefix("#/")], parts)
    if node.get("type") == "string" and node.get("format") == "decimal":
        return {"type": "number"}
    return {name: _inline(value, parts) for name, value in node.items() if name != "default"}
