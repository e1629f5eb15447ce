"""Readers of environment variables. They fail loudly: a setting that is there but wrong stops the start."""

from __future__ import annotations

import os
from pathlib import Path


class ConfigurationError(RuntimeError):
    """Raised where an environment variable is missing or has a value that cannot be used."""


def env_text(name: str, default: str | None = None) -> str:
    """
    Return the variable's text.

    :raises ConfigurationError: if it is not set and there is no default.
    """
    value = os.environ.get(name)
    if value is not None and value != "":
        return value
    if default is None:
        raise ConfigurationError(f"{name} must be set")
    return default


def env_bool(name: str, default: bool) -> bool:
    """
    Return True for 1, true, yes, on and False for 0, false, no, off (any case).

    :raises ConfigurationError: for any other text.
    """
    value = env_text(name, "true" if default else "false").strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ConfigurationError(f"{name} must be true or false, was {value!r}")


def env_int(name: str, default: int, *, minimum: int = 0, maximum: int = 2**31 - 1) -> int:
    """
    Return a whole number between `minimum` and `maximum`.

    :raises ConfigurationError: if it is no whole number, or lies outside.
    """
    text = env_text(name, str(default))
    try:
        value = int(text)
    except ValueError:
        raise ConfigurationError(f"{name} must be a whole number, was {text!r}") from None
    if not minimum <= value <= maximum:
        raise ConfigurationError(f"{name} must be between {minimum} and {maximum}, was {value}")
    return value


def env_list(name: str, default: str = "") -> list[str]:
    """Return the comma-separated parts of the variable, stripped, without empty ones."""
    return [part.strip() for part in env_text(name, default).split(",") if part.strip()]


def env_secret(name: str, default: str | None = None) -> str:
    """
    Return a secret from NAME, or from the file that NAME_FILE points to.

    :raises ConfigurationError: if the named file cannot be read, or nothing is set and there is no default.
    """
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigurationError(
                f"{name}_FILE points to {path!r}, which cannot be read: {error.strerror}"
            ) from error
    return env_text(name, default)
