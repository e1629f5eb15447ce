"""Asks the running web process, as any client would, whether it serves."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any


def answers(url: str, *, timeout_s: float = 5.0) -> bool:
    """Tell whether a page answers 200 (after redirects)."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as response:  # noqa: S310 - our own http address
            return int(response.status) == 200
    except (OSError, ValueError):
        return False


def fetch(url: str, key: str, *, timeout_s: float = 5.0) -> dict[str, Any]:
    """Return a JSON object of the API, or an empty one while it cannot be had."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310
            found = json.load(response)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
