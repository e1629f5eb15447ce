"""The codes of refused requests. A code is a promise: programs compare it, so it is never renamed."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Every code an HTTP error of the platform may carry (reasons of denied trades are a table of their own)."""

    # who asks
    NOT_AUTHENTICATED = "NOT_AUTHENTICATED"
    KEY_INVALID = "KEY_INVALID"
    KEY_EXPIRED = "KEY_EXPIRED"
    KEY_REVOKED = "KEY_REVOKED"
    ADDRESS_NOT_ALLOWED = "ADDRESS_NOT_ALLOWED"
    FORBIDDEN = "FORBIDDEN"
    SCOPE_MISSING = "SCOPE_MISSING"
    NO_TEAM = "NO_TEAM"
    CSRF_FAILED = "CSRF_FAILED"
    RATE_LIMITED = "RATE_LIMITED"
    # what is asked
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    MEDIA_TYPE_UNSUPPORTED = "MEDIA_TYPE_UNSUPPORTED"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    MALFORMED = "MALFORMED"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    FIELD_INVALID = "FIELD_INVALID"
    FIELD_REQUIRED = "FIELD_REQUIRED"
    CURSOR_INVALID = "CURSOR_INVALID"
    ACCOUNT_REQUIRED = "ACCOUNT_REQUIRED"
    IMPOSSIBLE = "IMPOSSIBLE"
    # what stands against it
    CONFLICT = "CONFLICT"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    SHOWN_ONCE = "SHOWN_ONCE"
    # what is wrong with us
    BUSY = "BUSY"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"
