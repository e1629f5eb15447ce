"""
Keys and tokens: `<prefix>_<id><secret><check>` in base 62.

The check (a CRC-32 of all before it) turns junk away before the database is asked. Only the id and an HMAC-SHA256 of
the whole text under a numbered pepper are kept: the secret has 256 bits, so a fast hash is enough, and a stolen
database alone opens nothing.
"""

from __future__ import annotations

import hmac
import re
import secrets
import zlib
from dataclasses import dataclass

from django.conf import settings

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SECRET_LETTERS = 43  # 43 * log2(62) > 256 bits
CHECK_LETTERS = 6
API_KEY_ID_LETTERS = 8
SESSION_ID_LETTERS = 16
EXECUTOR_ID_LETTERS = 24
_API_KEY = re.compile(r"mk_[a-z]{2,8}_[0-9A-Za-z]{57}")
_SESSION = re.compile(r"mks_[0-9A-Za-z]{65}")
_EXECUTOR_KEY = re.compile(r"exe_[0-9A-Za-z]{24}")
_EXECUTOR_SECRET = re.compile(r"[0-9A-Za-z]{49}")


@dataclass(frozen=True)
class Minted:
    """A new key: `text` is shown once, the rest is kept."""

    text: str
    key_id: str
    digest: str
    pepper_number: int


def mint_api_key() -> Minted:
    """Return a new key for an integration: `mk_<environment>_…`."""
    return _mint(f"mk_{settings.KEY_ENVIRONMENT}_", API_KEY_ID_LETTERS)


def mint_session_token() -> Minted:
    """Return a new token for a bot's session: `mks_…`; its `key_id` is the token's id."""
    return _mint("mks_", SESSION_ID_LETTERS)


def mint_executor_key() -> Minted:
    """Return a new pair for an executor: `key_id` is the X-API-Key (`exe_…`, kept as it is), `text` the X-API-Secret."""
    key_id = f"exe_{_draw(EXECUTOR_ID_LETTERS)}"
    secret = _draw(SECRET_LETTERS)
    text = secret + _check(key_id + secret)
    digest, number = digest_of(key_id + text)
    return Minted(text, key_id, digest, number)


def parse_api_key(text: str) -> str | None:
    """Return the id inside an API key, or None if this is none (wrong form or wrong check)."""
    if not _API_KEY.fullmatch(text) or not _is_checked(text):
        return None
    return text.rsplit("_", 1)[1][:API_KEY_ID_LETTERS]


def parse_session_token(text: str) -> str | None:
    """Return the id inside a session token, or None if this is none."""
    if not _SESSION.fullmatch(text) or not _is_checked(text):
        return None
    return text[4 : 4 + SESSION_ID_LETTERS]


def is_executor_pair(key_id: str, secret: str) -> bool:
    """Tell whether the two have the form of an executor's key and secret, check included."""
    if not _EXECUTOR_KEY.fullmatch(key_id) or not _EXECUTOR_SECRET.fullmatch(secret):
        return False
    return _is_checked(key_id + secret)


def digest_of(text: str, pepper_number: int | None = None) -> tuple[str, int]:
    """
    Return (HMAC-SHA256 in hex, number of the pepper used). For an executor `text` is key id and secret together.

    :raises KeyError: if there is no such pepper.
    """
    number = settings.KEY_PEPPER_NUMBER if pepper_number is None else pepper_number
    pepper = settings.KEY_PEPPERS[number].encode()
    return hmac.digest(pepper, text.encode(), "sha256").hex(), number


def is_secret(text: str, digest: str, pepper_number: int) -> bool:
    """Tell in constant time whether the text is the one behind the digest. A pepper that is gone opens nothing."""
    if pepper_number not in settings.KEY_PEPPERS:
        return False
    return hmac.compare_digest(digest_of(text, pepper_number)[0], digest)


def _mint(prefix: str, id_letters: int) -> Minted:
    key_id = _draw(id_letters)
    start = prefix + key_id + _draw(SECRET_LETTERS)
    text = start + _check(start)
    digest, number = digest_of(text)
    return Minted(text, key_id, digest, number)


def _draw(letters: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(letters))


def _is_checked(text: str) -> bool:
    return hmac.compare_digest(_check(text[:-CHECK_LETTERS]), text[-CHECK_LETTERS:])


def _check(text: str) -> str:
    number, letters = zlib.crc32(text.encode()), []
    for _ in range(CHECK_LETTERS):
        number, rest = divmod(number, 62)
        letters.append(_ALPHABET[rest])
    return "".join(reversed(letters))
