"""Where secrets are read from: the machine's keyring, a file that only we may read, or the configuration itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from executor_agent.errors import ConfigError
from executor_agent.permissions import remedy_for
from executor_agent.texts import read_text

SERVICE = "mikrobot-agent"


def read_secret(table: dict[str, Any], name: str, key: str, base: Path, owner: str) -> str:
    """
    Return a secret of a table: ``key = "…"``, ``key_file = "path"`` or ``key_keyring = true``.

    :param owner: whose it is in the keyring: the executor's id, the account's login.
    :raises ConfigError: where it is missing, cannot be read, or others on this machine may read its file.
    """
    if table.get(f"{key}_keyring") is True:
        return _read_keyring(name, key, owner)
    file = table.get(f"{key}_file")
    if file is not None:
        return _read_file(base / str(file), name, key)
    value = table.get(key)
    if not isinstance(value, str) or not value:
        message = f"[{name}] {key} is missing: write {key}, {key}_file or {key}_keyring = true"
        raise ConfigError(message, field=key)
    return value


def keep_secret(key: str, owner: str, text: str) -> None:
    """
    Store a secret in this machine's keyring.

    :raises ConfigError: where there is no keyring.
    """
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(SERVICE, name_of(key, owner), text)
    except KeyringError as error:
        raise ConfigError(f"this machine's keyring did not take it: {error}", field=key) from None


def name_of(key: str, owner: str) -> str:
    """
    Return the name under which the keyring holds a secret.

    >>> name_of("password", "5000001")
    'password of 5000001'
    """
    return f"{key} of {owner}"


def _read_keyring(name: str, key: str, owner: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        message = f"[{name}] {key}_keyring needs the package keyring: pip install keyring"
        raise ConfigError(message, field=f"{key}_keyring") from None
    try:
        text = keyring.get_password(SERVICE, name_of(key, owner))
    except KeyringError as error:
        raise ConfigError(f"[{name}] the keyring cannot be read: {error}", field=f"{key}_keyring") from None
    if not text:
        message = f"[{name}] the keyring has no {name_of(key, owner)!r}: run `mikrobot-agent keep --config agent.toml`"
        raise ConfigError(message, field=f"{key}_keyring")
    return text


def _read_file(path: Path, name: str, key: str) -> str:
    try:
        remedy = remedy_for(path)
        text = read_text(path).strip()
    except OSError as error:
        raise ConfigError(f"[{name}] {key}_file cannot be read: {error.strerror}", field=f"{key}_file") from None
    except UnicodeDecodeError:
        raise ConfigError(f"[{name}] {key}_file is not UTF-8 text", field=f"{key}_file") from None
    if remedy:
        message = f"[{name}] {key}_file may be read by others on this machine: {remedy}"
        raise ConfigError(message, field=f"{key}_file")
    if not text:
        raise ConfigError(f"[{name}] {key}_file is empty", field=f"{key}_file")
    return text
