"""Mikrobot's envelope, for the families that the spec gives one: `strategy`, `signals`, `risk`, `performance`, `xpws`."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

VERSION = "1.0.0"


def make_envelope(request: Any, *, success: bool, data: Any, errors: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the envelope around an answer: success, timestamp, data, meta and errors."""
    plain = getattr(request, "_request", request)
    started_at_s = getattr(plain, "started_at_s", None)
    spent_ms = round((time.monotonic() - started_at_s) * 1000, 1) if started_at_s else 0
    return {
        "success": success,
        # The instant of answering: no decision hangs on it, so this machine's clock will do.
        "timestamp": dt.datetime.now(dt.UTC),
        "data": data,
        "meta": {"version": VERSION, "request_id": getattr(plain, "request_id", ""), "execution_time_ms": spent_ms},
        "errors": errors,
    }


class EnvelopeView(APIView):
    """A view of an enveloped family: it answers plainly, and the envelope is put around it on the way out."""

    def wrap_error(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the envelope of a refusal; its `errors[]` hold what a flat answer would be."""
        return make_envelope(self.request, success=False, data=None, errors=[body])

    def wrap_success(self, data: Any) -> dict[str, Any]:
        """Return the envelope of an answer."""
        return make_envelope(self.request, success=True, data=data, errors=[])

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(response, Response) and not response.exception:
            response.data = self.wrap_success(response.data)
        return super().finalize_response(request, response, *args, **kwargs)
