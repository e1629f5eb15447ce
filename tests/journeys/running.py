"""The whole platform, started by its front door, for journeys: real processes, real sockets, the printed key."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
SHARED_DATA = ROOT.parent / "shared" / "data"

RULES_LONG = {
    "entry": {"type": "indicator_cross", "indicators": ["EMA_20", "EMA_50"], "direction": "above"},
    "exit": {"type": "opposite_signal", "stopLoss": 50, "takeProfit": 100},
    "risk": {"lotSize": 0.01, "maxRisk": 2, "maxDailyLoss": 5},
}
RULES_BOTH = {
    **RULES_LONG,
    "entry": {**RULES_LONG["entry"], "direction": "both"},
    "risk": {**RULES_LONG["risk"], "maxOpenTrades": 1},
}
RULES_BUSY = {
    **RULES_BOTH,
    "entry": {**RULES_BOTH["entry"], "indicators": ["EMA_3", "EMA_9"]},
    "risk": {**RULES_BOTH["risk"], "lotSize": 0.1},
}


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, look: Callable[[], Any], timeout_s: float = 120.0, every_s: float = 0.1) -> Any:
    """Return the first true answer of `look`; a connection error counts as "not yet"."""
    deadline, last = time.monotonic() + timeout_s, None
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError, httpx.HTTPStatusError):
            last = look()
            if last:
                return last
        time.sleep(every_s)
    raise AssertionError(f"waited {timeout_s:.0f} s for: {what}; last answer: {last!r}")


class Platform:
    """A running platform and a client with its printed key."""

    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any]) -> None:
        self.process = process
        self.ready = ready
        self.client = httpx.Client(
            base_url=f"{ready['url'].rstrip('/')}/api/v1/",
            headers={"Authorization": f"Bearer {ready['api_key']}"},
            timeout=30,
        )

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON at that path; :raises httpx.HTTPStatusError: for another status than 2xx."""
        answer = self.client.get(path, params=params)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        """Return the JSON answered to that POST; :raises AssertionError: with the body for another status than 2xx."""
        answer = self.client.post(path, json=body or {}, headers=headers)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def create_strategy(self, name: str, rules: dict[str, Any], symbol: str = "EURUSD", timeframe: str = "M1") -> str:
        """Return the id of a new strategy."""
        return str(
            self.post("strategies", {"name": name, "symbol": symbol, "timeframe": timeframe, "rules": rules})["id"]
        )

    def assignments(self, strategy: str) -> list[dict[str, Any]]:
        return list(self.get("assignments", strategy=strategy)["results"])

    def trades(self, strategy: str) -> list[dict[str, Any]]:
        return list(self.get("trades", strategy=strategy, limit=500)["results"])

    def wait_observed(self, strategy: str, state: str, timeout_s: float = 120) -> list[dict[str, Any]]:
        """Return the assignments once every one of them is proven to be in that state, at its own generation."""

        def look() -> list[dict[str, Any]] | None:
            rows = self.assignments(strategy)
            proven = rows and all(r["observed"] == state and r["observed_generation"] == r["generation"] for r in rows)
            return rows if proven else None

        return list(wait_for(f"{strategy} {state}", look, timeout_s))


def start(data_dir: Path, *options: str, timeout_s: float = 240) -> Platform:
    """Start `go.py run --json` and return once it says it serves."""
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    errors = (data_dir.parent / f"{data_dir.name}.stderr").open("ab")
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "go.py"), "run", "--json", "--data-dir", str(data_dir), *options],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    timer = threading.Timer(timeout_s, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
    finally:
        timer.cancel()
    if not line:
        process.kill()
        raise AssertionError(f"not ready in {timeout_s:.0f} s: {Path(errors.name).read_text()[-2000:]}")
    return Platform(process, json.loads(line))


@contextlib.contextmanager
def running(data_dir: Path, *options: str) -> Iterator[Platform]:
    """A platform for the length of a `with` block, ended by SIGTERM."""
    platform = start(data_dir, *options)
    try:
        yield platform
    finally:
        platform.client.close()
        platform.process.send_signal(signal.SIGTERM)
        try:
            platform.process.wait(60)
        except subprocess.TimeoutExpired:
            platform.process.kill()
            raise


def write_waves(path: Path, bars: int = 6000, period: int = 90, seed: int = 7) -> Path:
    """Write M1 bars that swing with that period over a seeded random walk: averages cross often. Monday 2024-01-08 on."""
    import math
    import random
    from datetime import UTC, datetime, timedelta

    random_source, price, when = random.Random(seed), 1.10000, datetime(2024, 1, 8, tzinfo=UTC)
    lines = ["time,open,high,low,close,volume"]
    for number in range(bars):
        while when.isoweekday() > 5:
            when += timedelta(days=1)
        open_ = price
        price = open_ + 0.00012 * math.cos(2 * math.pi * number / period) + random_source.gauss(0, 0.00004)
        price = round(price, 5)
        high = max(open_, price) + abs(random_source.gauss(0, 0.00003))
        low = min(open_, price) - abs(random_source.gauss(0, 0.00003))
        lines.append(
            f"{when:%Y-%m-%d %H:%M:%S},{open_:.5f},{high:.5f},{low:.5f},{price:.5f},{random_source.randint(50, 400)}"
        )
        when += timedelta(minutes=1)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
