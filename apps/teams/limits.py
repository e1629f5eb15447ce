"""
How often one caller may ask: token buckets in this process's memory.

In memory, because the limit guards the database and must not hang on Redis: it costs no round trip, and works when
everything else does not. With n web processes a caller may ask up to n times as often (docs/decisions).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apps.teams.callers import Caller
from apps.teams.models import Tier

MAX_BUCKETS = 20_000


@dataclass(frozen=True)
class Rate:
    """Tokens come back at `per_s`; at most `burst` are kept."""

    per_s: float
    burst: float


RATES = {
    f"api:{Tier.FREE}": Rate(1_000 / 3600, 100),
    f"api:{Tier.PRO}": Rate(10_000 / 3600, 300),
    f"api:{Tier.TOP}": Rate(100_000 / 3600, 2_000),
    "browser": Rate(20, 300),
    "approve": Rate(50, 300),
    "executor": Rate(50, 500),
    "failures": Rate(1 / 3, 20),
}


class Buckets:
    """Token buckets by name, the least recently used forgotten first."""

    def __init__(self, maximum: int = MAX_BUCKETS) -> None:
        self._maximum = maximum
        self._lock = threading.Lock()
        self._levels: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, bucket: str, who: str, *, mono_s: float, tokens: float = 1.0) -> float:
        """
        Take tokens and return 0, or take none and return the seconds until there will be enough.

        `mono_s` is a monotonic clock's reading in seconds; `tokens=0` only looks whether one could be had.
        """
        rate, name = RATES[bucket], (bucket, who)
        with self._lock:
            level, seen_s = self._levels.pop(name, (rate.burst, mono_s))
            level = min(rate.burst, level + max(0.0, mono_s - seen_s) * rate.per_s)
            missing = max(tokens, 1.0) - level
            self._levels[name] = (level if missing > 0 else level - tokens, mono_s)
            while len(self._levels) > self._maximum:
                self._levels.popitem(last=False)
        return max(0.0, missing / rate.per_s)

    def forget(self) -> None:
        """Fill every bucket again."""
        with self._lock:
            self._levels.clear()


buckets = Buckets()


def take(bucket: str, who: str) -> float:
    """Take a token and return 0, or return the seconds to wait."""
    return buckets.take(bucket, who, mono_s=time.monotonic())


def peek(bucket: str, who: str) -> float:
    """Return the seconds until a token could be had, taking none."""
    return buckets.take(bucket, who, mono_s=time.monotonic(), tokens=0)


def bucket_of(caller: Caller, wanted: str) -> str:
    """Return the bucket's full name: integrations are counted by tier, people at their pages apart."""
    if wanted != "api":
        return wanted
    return "browser" if caller.user is not None else f"api:{caller.team.tier}"


class TierLimit(BaseThrottle):
    """
    Reads the view's `rate_bucket`: "api" where it says nothing, "approve", "executor", or None for never refused.

    STOP, kill and reports say None: a flood of anything else must not starve them.
    """

    def __init__(self) -> None:
        self._wait_s = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        wanted, caller = getattr(view, "rate_bucket", "api"), request.auth
        if wanted is None or not isinstance(caller, Caller):
            return True
        self._wait_s = take(bucket_of(caller, wanted), caller.actor)
        return self._wait_s <= 0

    def wait(self) -> float:
        return self._wait_s
