"""Approval requests as they come in, and answers as they go out: the same bytes at every door."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

import msgspec

from apps.common.codes import Code
from apps.common.errors import Impossible, Invalid, PlatformError
from apps.common.ids import encode_base32, new_id, public_id
from apps.common.wire import MAX_BODY_BYTES, parse_json, to_json, to_wire_time
from apps.risk.services.credentials import Credential, read_credential
from trading.protocol import ApprovalAnswer, ApprovalRequest
from trading.risk.verdict import SKIPPED, Check

KEY_HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,120}")
MOST_METADATA_BYTES = 4096
_AS_THEY_ARE = frozenset({str, int, float, type(None)})
_CENT, _FINE, _ZERO = Decimal("0.01"), Decimal("0.0001"), Decimal(0)
_encoder = msgspec.json.Encoder(decimal_format="number")


class _WireAnswer(ApprovalAnswer, frozen=True, kw_only=True):
    """The answer as it is sent: times to the millisecond."""

    valid_until: str | None = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class TradeRequest:
    """One request for approval, read but not yet judged."""

    credential: Credential
    body: ApprovalRequest
    body_hash: str
    client_key: str | None
    request_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a door sends back: a denial is status 200 too."""

    status: int
    body: bytes
    approved: bool = False
    reason_code: str = ""
    replayed: bool = False
    retry_after_s: int | None = None

    def headers(self) -> dict[str, str]:
        """Return what the doors send beside the body."""
        found = {"Cache-Control": "no-store"}
        if self.status == 401:
            found["WWW-Authenticate"] = 'Bearer realm="mikrobot"'
        if self.retry_after_s is not None:
            found["Retry-After"] = str(self.retry_after_s)
        if self.replayed:
            found["Idempotent-Replay"] = "true"
        return found


def read_trade_request(
    raw: bytes, headers: Mapping[str, str], *, ip: str, request_id: str | None = None
) -> TradeRequest:
    """
    Read a request for approval.

    :param headers: names in lower case.
    :raises PlatformError: with the status and code of what is wrong with it: credential, size, JSON, fields, key.
    """
    credential = read_credential(headers, ip=ip)
    body = read_body(raw)
    key = _read_client_key(headers, body)
    request_id = request_id or public_id("req", new_id())
    return TradeRequest(credential, body, _hash_body(body), key, request_id)


def read_body(raw: bytes) -> ApprovalRequest:
    """
    Return the body.

    :raises Invalid: MALFORMED or FIELD_INVALID.
    :raises Impossible: BODY_TOO_LARGE.
    """
    if len(raw) > MAX_BODY_BYTES:
        raise _TooLarge(Code.BODY_TOO_LARGE, "The body is larger than this address accepts.")
    try:
        value = parse_json(raw)
    except (ValueError, RecursionError) as error:
        raise Invalid(Code.MALFORMED, f"The body cannot be read: {error}.") from None
    if not isinstance(value, dict):
        raise Invalid(Code.MALFORMED, "The body must be a JSON object.")
    try:
        body = msgspec.convert(value, ApprovalRequest)
    except (msgspec.ValidationError, ValueError, ArithmeticError) as error:
        raise _name_field(str(error)) from None
    _check_texts(body)
    return body


def answer_verdict(
    *,
    letters: str,
    approved: bool,
    reason_code: str,
    message: str | None,
    lots: Decimal,
    risk_amount: Decimal,
    risk_fraction: Decimal,
    warnings: tuple[str, ...],
    checks: tuple[Check, ...],
    tag: str | None = None,
    valid_until: datetime | None = None,
    valid_for_ms: int = 0,
    trailing_stop_fraction: Decimal | None = None,
) -> bytes:
    """
    Return the bytes of a verdict; the money is rounded here and nowhere before.

    :param letters: the approval's id in base 32.
    """
    answer = _WireAnswer(
        approved=approved,
        adjusted_lots=lots.normalize() + _ZERO,
        risk_amount=risk_amount.quantize(_CENT, ROUND_HALF_UP),
        risk_pct=(risk_fraction * 100).quantize(_FINE, ROUND_HALF_UP),
        warnings=list(warnings),
        request_id=f"req_{letters}",
        reason_code=reason_code,
        rejection_reason=message,
        approval_id=f"apr_{letters}",
        tag=tag,
        valid_until=to_wire_time(valid_until) if valid_until is not None else None,
        valid_for_ms=valid_for_ms,
        trailing_stop_fraction=trailing_stop_fraction,
        checks=[_write_skipped(check) if check.status == SKIPPED else plain_check(check) for check in checks],
    )
    return _encoder.encode(answer)


def answer_refusal(refusal: PlatformError, request_id: str) -> Answer:
    """Return the answer to a request that was not judged at all; it says `approved: false` beside the error."""
    body = {**refusal.as_body(), "request_id": request_id, "approved": False}
    wait_s = (refusal.extra or {}).get("retry_after_s", 1 if refusal.status == 503 else None)
    return Answer(refusal.status, to_json(body), reason_code=refusal.code, retry_after_s=wait_s)


def answer_busy(request: TradeRequest, code: str, message: str) -> Answer:
    """Return a denial that is kept nowhere: the same key may ask again."""
    body = answer_verdict(
        letters=encode_base32(new_id()),
        approved=False,
        reason_code=code,
        message=message,
        lots=Decimal(0),
        risk_amount=Decimal(0),
        risk_fraction=Decimal(0),
        warnings=(),
        checks=(),
    )
    return Answer(200, body, reason_code=code)


def plain_check(check: Check) -> dict[str, Any]:
    """Return a check as JSON shows it."""
    shape: dict[str, Any] = {"check": check.name, "status": check.status}
    for name, value in check.figures.items():
        if type(value) is Decimal and value.is_finite():
            shape[name] = _short(value)
        else:
            shape[name] = value if type(value) in _AS_THEY_ARE else _plain(value)
    return shape


def _write_skipped(check: Check) -> Any:
    """Return a skipped check, whose only figure is why, as it is written: they are the same in every answer."""
    figures = check.figures
    if len(figures) != ("why" in figures):
        return plain_check(check)
    return _skipped_json(check.name, figures.get("why", ""))


@lru_cache(maxsize=512)
def _skipped_json(name: str, why: object) -> msgspec.Raw:
    shape = {"check": name, "status": SKIPPED, **({"why": why} if why else {})}
    return msgspec.Raw(_encoder.encode(shape))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return _short(value) if value.is_finite() else str(value)
    return value if isinstance(value, int | float | str | None) else str(value)


@lru_cache(maxsize=4096)  # a burst says the same limits hundreds of times
def _short(value: Decimal) -> Decimal:
    return round(value, 8).normalize() + _ZERO


class _TooLarge(PlatformError):
    status = 413


def _name_field(problem: str) -> Invalid:
    """Turn msgspec's sentence, which ends in "- at `$.field`", into ours."""
    sentence, _, path = problem.partition(" - at `$")
    missing = re.search(r"missing required field `(\w+)`", sentence)
    field = missing[1] if missing else path.strip("`.") or None
    if field is None and (named := re.match(r"(\w+) must be", sentence)):
        field = named[1]
    code = Code.FIELD_REQUIRED if missing else Code.FIELD_INVALID
    return Invalid(code, sentence, field)


def _check_texts(body: ApprovalRequest) -> None:
    for name, most in (("bot_id", 64), ("symbol", 32), ("direction", 5)):
        if not 1 <= len(getattr(body, name)) <= most:
            raise Invalid(Code.FIELD_INVALID, f"{name} must have 1 to {most} characters.", name)
    if body.direction.upper() not in ("BUY", "SELL"):
        raise Invalid(Code.FIELD_INVALID, "direction must be BUY or SELL.", "direction", {"allowed": ["BUY", "SELL"]})
    for name in ("generation", "fence", "halt_epoch"):
        number = getattr(body, name)
        if number is not None and not 0 <= number < 2**63:
            raise Invalid(Code.FIELD_INVALID, f"{name} must be from 0 to 2^63.", name)
    if body.market_at is not None and body.market_at.tzinfo is None:
        raise Invalid(Code.FIELD_INVALID, "market_at must have a zone.", "market_at")
    if body.metadata and len(to_json(body.metadata)) > MOST_METADATA_BYTES:
        raise Invalid(Code.FIELD_INVALID, f"metadata may have at most {MOST_METADATA_BYTES} bytes.", "metadata")


def _read_client_key(headers: Mapping[str, str], body: ApprovalRequest) -> str | None:
    header, inside = headers.get(KEY_HEADER), body.client_request_id
    if header is not None and inside is not None and header != inside:
        raise Impossible(Code.IMPOSSIBLE, "Idempotency-Key and client_request_id differ.", "client_request_id")
    key = header if header is not None else inside
    if key is not None and not _KEY.fullmatch(key):
        name = "Idempotency-Key" if header is not None else "client_request_id"
        raise Invalid(Code.FIELD_INVALID, f"{name} must be 1 to 120 visible ASCII letters.", name)
    return key


def _hash_body(body: ApprovalRequest) -> str:
    shape = msgspec.structs.asdict(body)
    del shape["client_request_id"]  # the same key may come in the header
    return hashlib.sha256(to_json(dict(sorted(shape.items())))).hexdigest()
