"""What every request gets: an id that follows it through answers and logs, and a policy of what its page may load."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from apps.common.ids import new_id, public_id

GetResponse = Callable[[HttpRequest], Any]

CONTENT_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)


class _Middleware:
    """A middleware for both worlds: it stays asynchronous where the rest of the chain is."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if self.is_async:
            return self._call_async(request)
        self.before(request)
        return self.after(request, self.get_response(request))

    async def _call_async(self, request: HttpRequest) -> HttpResponse:
        self.before(request)
        return self.after(request, await self.get_response(request))

    def before(self, request: HttpRequest) -> None:
        """Look at the request."""

    def after(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Finish the response."""
        return response


class RequestIdMiddleware(_Middleware):
    """Gives the request `request_id` (`req_…`) and `started_at_s` (monotonic), binds the id to its log lines."""

    def before(self, request: HttpRequest) -> None:
        request.request_id = public_id("req", new_id())  # type: ignore[attr-defined]
        request.started_at_s = time.monotonic()  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request.request_id)  # type: ignore[attr-defined]

    def after(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response


class StorableAddressMiddleware(_Middleware):
    """Refuses an address with a NUL in it: no text that is looked up by it can hold one, and the database says so loudly."""

    def before(self, request: HttpRequest) -> None:
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("a NUL in the address")


class ContentPolicyMiddleware(_Middleware):
    """Allows pages our own files only: no inline script, no inline style, no frame around us."""

    def after(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.setdefault("Content-Security-Policy", CONTENT_POLICY)
        response.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        response.setdefault("X-Content-Type-Options", "nosniff")
        if request.path.startswith("/api/"):
            response.setdefault("Cache-Control", "no-store")
        return response


def client_ip(request: HttpRequest) -> str:
    """
    Return the address the request came from.

    Behind our own proxy (`BEHIND_PROXY`) that is the last address in X-Forwarded-For: the one the proxy itself added.
    """
    if getattr(settings, "BEHIND_PROXY", False):
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", 1)[-1].strip()
        if forwarded:
            return str(forwarded)
    return str(request.META.get("REMOTE_ADDR") or "")
