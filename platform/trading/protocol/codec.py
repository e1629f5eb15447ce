"""Messages to bytes and back. NaN, Infinity and numbers of insane size are refused at the door."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from trading.errors import TradingError

MessageT = TypeVar("MessageT", bound=msgspec.Struct)

_BOUND = Decimal("1e15")
_encoder = msgspec.json.Encoder(decimal_format="number")


class MalformedMessage(TradingError):
    """Raised where bytes are not the message they should be."""

    code = "MALFORMED_MESSAGE"


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """The base of all messages: frozen, fields by name."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, Decimal) and (not value.is_finite() or abs(value) >= _BOUND):
                raise ValueError(f"{name} must be a finite number below 1e15, was {value}")


def encode(message: msgspec.Struct) -> bytes:
    """
    Return the message as JSON.

    >>> encode(_Example(lots=Decimal("0.10")))
    b'{"lots":0.10}'
    """
    return _encoder.encode(message)


def decode(data: bytes, kind: type[MessageT]) -> MessageT:
    """
    Return the message of that kind.

    :raises MalformedMessage: if the bytes are no JSON, a field is missing, or a value has the wrong type or size.

    >>> decode(b'{"lots": 0.10}', _Example).lots
    Decimal('0.10')
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, ValueError, ArithmeticError) as error:
        raise MalformedMessage(str(error)) from error


def to_plain(message: msgspec.Struct) -> Any:
    """Return the message as dicts, lists, numbers and texts, for JSON columns (Decimals become text)."""
    return msgspec.to_builtins(message)


def from_plain(value: Any, kind: type[MessageT]) -> MessageT:
    """
    Return the message from what `to_plain` gave.

    :raises MalformedMessage: if it is not that message.
    """
    try:
        return msgspec.convert(value, type=kind, strict=False)
    except (msgspec.ValidationError, ValueError, ArithmeticError) as error:
        raise MalformedMessage(str(error)) from error


class _Example(Message, frozen=True, kw_only=True):
    lots: Decimal
