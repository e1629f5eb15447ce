"""The one place where refusals become HTTP: `{code, message, field?, extra?, request_id}`. Processes that serve nobody need none of it."""

from __future__ import annotations

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework import exceptions as drf
from rest_framework.response import Response

from apps.common.codes import Code
from apps.common.errors import Forbidden, Invalid, NotFound, PlatformError, RateLimited, Unavailable

log = structlog.get_logger(__name__)


def answer_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer to a refused API request; None for a bug, which stays loud."""
    refusal = to_refusal(error)
    if refusal is None:
        return None
    request = context.get("request")
    request_id = getattr(getattr(request, "_request", request), "request_id", "")
    body = {**refusal.as_body(), "request_id": request_id}
    wrap = getattr(context.get("view"), "wrap_error", None)
    response = Response(wrap(body) if wrap else body, status=refusal.status)
    _add_headers(response, error, refusal, context)
    return response


def to_refusal(error: Exception) -> PlatformError | None:
    """Return the refusal behind any anticipated exception (ours, REST framework's, Django's, the database's), or None."""
    if isinstance(error, PlatformError):
        return error
    if isinstance(error, drf.APIException):
        return _from_framework(error)
    if isinstance(error, Http404):
        return NotFound(Code.NOT_FOUND, "There is no such thing here.")
    if isinstance(error, PermissionDenied):
        return Forbidden(Code.FORBIDDEN, "You may not do this.")
    if isinstance(error, RequestDataTooBig):
        return _too_large()
    if isinstance(error, SuspiciousOperation):
        return Invalid(Code.MALFORMED, "The request cannot be used.")
    if isinstance(error, OperationalError | InterfaceError):
        return _from_database(error)
    return None


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown path: JSON for programs, a page for people."""
    return _answer_outside(request, NotFound(Code.NOT_FOUND, "There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer after a bug: the log has the story, the answer has the request's id to find it."""
    return _answer_outside(request, PlatformError(Code.INTERNAL, "Something broke on our side. It has been logged."))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django itself refused."""
    return _answer_outside(request, to_refusal(exception) or Invalid(Code.MALFORMED, "The request cannot be used."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a page request that is not allowed."""
    return _answer_outside(request, Forbidden(Code.FORBIDDEN, "You may not do this."))


def _answer_outside(request: HttpRequest, refusal: PlatformError) -> HttpResponse:
    from apps.common.wire import to_json

    body = {**refusal.as_body(), "request_id": getattr(request, "request_id", "")}
    if request.path.startswith(("/api/", "/v1/")):
        return HttpResponse(to_json(body), status=refusal.status, content_type="application/json")
    context: dict[str, Any] = {"error": body, "status": refusal.status}
    if refusal.status >= 500:
        context |= {"viewer": None, "nav": []}  # what broke may break again while the frame is read
    return render(request, "error.html", context, status=refusal.status)


_FRAMEWORK_CODES: dict[type[drf.APIException], Code] = {
    drf.ParseError: Code.MALFORMED,
    drf.NotAuthenticated: Code.NOT_AUTHENTICATED,
    drf.AuthenticationFailed: Code.NOT_AUTHENTICATED,
    drf.PermissionDenied: Code.FORBIDDEN,
    drf.NotFound: Code.NOT_FOUND,
    drf.MethodNotAllowed: Code.METHOD_NOT_ALLOWED,
    drf.UnsupportedMediaType: Code.MEDIA_TYPE_UNSUPPORTED,
    drf.NotAcceptable: Code.NOT_ACCEPTABLE,
    drf.Throttled: Code.RATE_LIMITED,
}


class _Framework(PlatformError):
    """A refusal of REST framework, with its own status."""

    def __init__(self, status: int, *parts: Any) -> None:
        super().__init__(*parts)
        self.status = status  # type: ignore[misc]


def _from_framework(error: drf.APIException) -> PlatformError:
    if isinstance(error, drf.ValidationError):
        return _from_validation(error)
    if isinstance(error, drf.Throttled):
        extra = {"retry_after_s": int(getattr(error, "wait", None) or 1)}
        return RateLimited(Code.RATE_LIMITED, "Too many requests; wait a little.", None, extra)
    code: str = _FRAMEWORK_CODES.get(type(error), Code.MALFORMED)
    given = error.get_codes()
    if isinstance(given, str) and given in Code.__members__:
        code = given
    return _Framework(error.status_code, code, str(error.detail))


def _from_validation(error: drf.ValidationError) -> PlatformError:
    problems = list(_walk_problems(error.detail, ""))
    path, detail = problems[0]
    code = Code.FIELD_REQUIRED if detail.code == "required" else Code.FIELD_INVALID
    extra = {"errors": [{"field": at, "message": str(what)} for at, what in problems]} if len(problems) > 1 else None
    return Invalid(code, str(detail), path or None, extra)


def _walk_problems(detail: Any, path: str) -> Any:
    """Give (path, detail) for every problem in the nested structure of a ValidationError."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            at = path if name == "non_field_errors" else f"{path}.{name}" if path else str(name)
            yield from _walk_problems(inner, at)
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            yield from _walk_problems(inner, f"{path}[{position}]" if isinstance(inner, dict) and inner else path)
    else:
        yield path, detail


def _from_database(error: DatabaseError | InterfaceError) -> PlatformError:
    """A lock not had in time is BUSY; a database that is gone is UNAVAILABLE. Both may be asked again."""
    state = getattr(error.__cause__, "sqlstate", None) or ""
    log.warning("DATABASE_REFUSED", sqlstate=state, problem=str(error)[:300])
    if state in {"55P03", "57014", "40001", "40P01"}:
        return Unavailable(Code.BUSY, "Others are changing the same thing; ask again.")
    return Unavailable(Code.UNAVAILABLE, "The database cannot be reached; nothing was changed.")


def _too_large() -> PlatformError:
    return _Framework(413, Code.BODY_TOO_LARGE, "The body is larger than this address accepts.")


def _add_headers(response: Response, error: Exception, refusal: PlatformError, context: dict[str, Any]) -> None:
    wait_s = (refusal.extra or {}).get("retry_after_s")
    if wait_s is None and refusal.status == 503:
        wait_s = 1
    if wait_s is not None:
        response["Retry-After"] = str(wait_s)
    if refusal.status == 401:
        response["WWW-Authenticate"] = getattr(error, "auth_header", None) or 'Bearer realm="mikrobot"'
