"""The family of refusals: `{code, message, field?, extra?}`; `apps.common.refusing` makes answers of them."""

from __future__ import annotations

from typing import Any, ClassVar


class PlatformError(Exception):
    """
    The base of every anticipated refusal.

    `code` is stable and for programs, `message` is a sentence for people, `field` is the path of the value at fault
    (`rules.entry.period`), `extra` holds what would be right.
    """

    status: ClassVar[int] = 500

    def __init__(self, code: str, message: str, field: str | None = None, extra: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.field, self.extra = str(code), message, field, extra

    def as_body(self) -> dict[str, Any]:
        """Return the error as the wire shows it, without the request's id."""
        return error_body(self.code, self.message, self.field, self.extra)


class Invalid(PlatformError):
    """What was sent is malformed."""

    status = 400


class Impossible(Invalid):
    """What was sent is well formed and cannot be."""

    status = 422


class Unauthenticated(PlatformError):
    """Nobody known is asking."""

    status = 401


class Forbidden(PlatformError):
    """Who asks is known, and may not."""

    status = 403


class NotFound(PlatformError):
    """It does not exist, or it is another team's: the answer is the same."""

    status = 404


class Conflict(PlatformError):
    """It stands against the state things are in."""

    status = 409


class RateLimited(PlatformError):
    """Too often; `extra.retry_after_s` says when again."""

    status = 429


class Unavailable(PlatformError):
    """We cannot answer now; asking again later is right."""

    status = 503


def error_body(
    code: str, message: str, field: str | None = None, extra: dict[str, Any] | None = None
) -> dict[str, Any]:
    """
    Return an error's body; absent parts are left out.

    >>> error_body("NOT_FOUND", "No such bot.")
    {'code': 'NOT_FOUND', 'message': 'No such bot.'}
    """
    body: dict[str, Any] = {"code": str(code), "message": message}
    if field:
        body["field"] = field
    if extra:
        body["extra"] = extra
    return body
