"""Account passwords: kept only as salted hashes."""

import hashlib
import hmac
import os

_ROUNDS = 20_000


def hash_password(password: str) -> str:
    """Return what is kept of a password."""
    salt = os.urandom(16)
    return f"{salt.hex()}${_derive(password, salt)}"


def is_password(password: str, kept: str) -> bool:
    """Say whether ``password`` is the one that `hash_password` was given."""
    salt, _, derived = kept.partition("$")
    return hmac.compare_digest(_derive(password, bytes.fromhex(salt)), derived)


def _derive(password: str, salt: bytes) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode("utf-8", "surrogatepass"), salt, _ROUNDS).hex()
