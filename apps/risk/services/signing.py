"""
The key that signs: Ed25519, its private half a file only the owner may read, its public half a row that anybody may ask for.

The key's id is the first 16 letters of the SHA-256 of the public key: who has written it down elsewhere notices another key.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from apps.accounts.models import Account
from apps.common.errors import Unavailable
from apps.common.wire import parse_json
from apps.risk.models import LogAnchor, SigningKey

SIGNING_KEY_UNAVAILABLE = "SIGNING_KEY_UNAVAILABLE"
SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class Anchor:
    """A signed head, ready to be held against a log; `problem` says why it proves nothing."""

    account: str
    number: int
    head: str
    at: str
    problem: str = ""


class Signer:
    """A private key and the row of its public half."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes_raw().hex()
        self.key_id = make_key_id(self.public_key)

    def sign(self, text: str) -> str:
        """Return the signature of a text's UTF-8, 128 hexadecimal letters."""
        return self._key.sign(text.encode()).hex()


def make_key_id(public_key: str) -> str:
    """Return the short name of a public key given in hexadecimal."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:16]


def load_signer() -> Signer:
    """
    Return the signer of this installation; the key is made where there is none, and its public half is published.

    :raises Unavailable: SIGNING_KEY_UNAVAILABLE where the file cannot be read or written, or others may read it.
    """
    signer = Signer(_read_key(Path(settings.ANCHOR_KEY_FILE)))
    SigningKey.objects.get_or_create(key_id=signer.key_id, defaults={"public_key": signer.public_key})
    return signer


def _read_key(path: Path) -> Ed25519PrivateKey:
    try:
        if not path.exists():
            _make_key(path)
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise _unavailable(f"{path.name} may be read by others: its mode must be 0600.")
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text(encoding="ascii").strip()))
    except (OSError, ValueError) as error:
        raise _unavailable(f"{path.name} cannot be read: {type(error).__name__}.") from error


def _make_key(path: Path) -> None:
    """Make the file whole or not at all: two processes may be first, and the later one takes the earlier one's key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(os.urandom(SEED_BYTES).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(own, path)
    own.unlink()


def _unavailable(words: str) -> Unavailable:
    return Unavailable(SIGNING_KEY_UNAVAILABLE, f"The key that signs evidence is not there: {words}")


@lru_cache(maxsize=64)
def _public_key(public_key: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))


def is_signed(text: str, signature: str, public_key: str) -> bool:
    """Say whether this public key's owner signed exactly this text."""
    try:
        _public_key(public_key).verify(bytes.fromhex(signature), text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def list_anchors(account: Account) -> Iterator[Anchor]:
    """Return the stored anchors of an account, each checked against the key it names."""
    rows = LogAnchor.objects.filter(account=account).select_related("key").order_by("number")
    for row in rows.iterator(chunk_size=500):
        yield read_anchor(row.body, row.signature, row.key.public_key, row=(row.number, row.head))


def read_anchor(body: str, signature: str, public_key: str, *, row: tuple[int, str] | None = None) -> Anchor:
    """
    Return a signed head.

    :param row: number and head as a database says them beside the signed text: they must be the same.
    """
    try:
        said: Any = parse_json(body.encode())
        found = Anchor(str(said["account"]), int(said["number"]), str(said["head"]), str(said["at"]))
    except (KeyError, TypeError, ValueError):
        number, head = row or (0, "")
        return Anchor("", number, head, "", "its text cannot be read")
    problem = ""
    if not is_signed(body, signature, public_key):
        problem = "its signature is not of this text and key"
    elif row is not None and row != (found.number, found.head):
        problem = "the row says something else than the signed text"
        return Anchor(found.account, row[0], row[1], found.at, problem)
    return Anchor(found.account, found.number, found.head, found.at, problem)
