"""Reads `.env` beside `go.py`, for people who keep their settings there. The environment itself wins."""

from __future__ import annotations

import os
import re
from pathlib import Path

from config.env import ConfigurationError

LINE = re.compile(r"(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(.*)")


def load_dotenv(root: Path) -> None:
    """
    Put the variables of `root/.env` into the environment, where they are not set already.

    :raises ConfigurationError: for a line that is no assignment, or a name that `.env.example` does not know: a typing
        error in DATABASE_URL must not silently start on another database.
    """
    path = root / ".env"
    if not path.exists():
        return
    known = {family_of(name) for name in parse(root / ".env.example", commented=True)}
    for name, value in parse(path).items():
        if family_of(name.removesuffix("_FILE")) not in known and name not in known:
            raise ConfigurationError(f"{path}: {name} is unknown; .env.example lists the known names")
        os.environ.setdefault(name, value)


def family_of(name: str) -> str:
    """
    Return the name under which a variable is listed; numbered ones are listed once.

    >>> family_of("KEY_PEPPER_3"), family_of("KEY_PEPPER")
    ('KEY_PEPPER_N', 'KEY_PEPPER')
    """
    return re.sub(r"_\d+$", "_N", name)


def parse(path: Path, *, commented: bool = False) -> dict[str, str]:
    """
    Return the assignments of a file; with `commented` also those behind a `#`, as an example file has them.

    :raises ConfigurationError: for a line that is neither an assignment nor a comment.
    """
    found = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        text = line.strip()
        if commented:
            text = text.lstrip("# ")
        assignment = LINE.fullmatch(text)
        if assignment:
            found[assignment[1]] = _unquoted(assignment[2])
        elif text and not text.startswith("#") and not commented:
            raise ConfigurationError(f"{path}, line {number}: expected NAME=value")
    return found


def _unquoted(text: str) -> str:
    value = text.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value.split(" #", 1)[0].rstrip()
