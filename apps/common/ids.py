"""Ids: UUIDv7 inside, a prefix and 26 letters of base 32 outside (`acc_06f…`). Time-ordered, so tables stay tidy."""

from __future__ import annotations

import re
import uuid

from uuid6 import uuid7

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_LETTERS = 26  # 26 * 5 bits hold the 128 bits of a UUID
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # two letters at once: ids are made in bursts
_PAIR_SHIFTS = range(120, -1, -10)

HANDLE = re.compile(r"^[a-z0-9][a-z0-9_-]{1,63}$")


class MalformedId(ValueError):
    """Raised where a text is not a public id of the wanted kind."""


def new_id() -> uuid.UUID:
    """Return a new UUIDv7."""
    return uuid.UUID(int=uuid7().int)


def encode_base32(value: uuid.UUID) -> str:
    """
    Return the 26 letters of the UUID.

    >>> encode_base32(uuid.UUID(int=0))
    '00000000000000000000000000'
    """
    number = value.int
    return "".join([_PAIRS[number >> shift & 1023] for shift in _PAIR_SHIFTS])


def decode_base32(text: str) -> uuid.UUID:
    """
    Return the UUID of 26 letters.

    :raises MalformedId: if the text has another length, other letters, or is too large.

    >>> decode_base32(encode_base32(uuid.UUID(int=2**127 + 5))).int == 2**127 + 5
    True
    """
    if len(text) != _LETTERS or any(letter not in _VALUES for letter in text):
        raise MalformedId(f"not 26 letters of base 32: {text[:40]!r}")
    number = 0
    for letter in text:
        number = number << 5 | _VALUES[letter]
    if number >> 128:
        raise MalformedId(f"larger than any id: {text!r}")
    return uuid.UUID(int=number)


def public_id(prefix: str, value: uuid.UUID) -> str:
    """
    Return the public form of an id.

    >>> public_id("acc", uuid.UUID(int=1))
    'acc_00000000000000000000000001'
    """
    return f"{prefix}_{encode_base32(value)}"


def parse_public_id(prefix: str, text: str) -> uuid.UUID:
    """
    Return the UUID behind a public id (or behind a plain UUID's text).

    :raises MalformedId: if the prefix is another kind's, or the rest is not an id.
    """
    start, separator, rest = text.partition("_")
    if separator and start == prefix:
        return decode_base32(rest)
    try:
        return uuid.UUID(text)
    except ValueError:
        raise MalformedId(f"expected {prefix}_ and 26 letters, was {text[:60]!r}") from None
