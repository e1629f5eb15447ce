"""
Ten pages over HTTP, as a signed-in trader's browser asks for them, on a platform started by its front door.

Sockets, the web server, sessions, the database and the templates are all in the figure; drawing in the browser is not.
"""

from __future__ import annotations

import json
import os
import platform as machine
import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.running import Platform, running

ROUNDS = 30
PASSES = 2  # untimed looks at each page at first


def main() -> None:
    """
    This function will print the median and the 95th percentile of each page [ms] as one JSON line.

    BENCH_PLATFORM, the ready line of `go.py --json`, names a platform that runs already.
    """
    if line := os.environ.get("BENCH_PLATFORM"):
        return report(Platform(None, json.loads(line)))  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data", "--port", "8479") as started:
        report(started)


def report(started: Platform) -> None:
    """Sign in, read every page again and again, page by page in turn, and print."""
    with httpx.Client(base_url=started.ready["url"], follow_redirects=True, timeout=30) as person:
        sign_in(person, started.ready["email"], started.ready["password"])
        paths = list_paths(started)
        for path in paths * PASSES:
            look(person, path)
        taken: dict[str, list[float]] = {path: [] for path in paths}
        for _ in range(ROUNDS):
            for path in paths:
                taken[path].append(look(person, path))
    whole = [each for values in taken.values() for each in values]
    pages = {path: describe(values) for path, values in taken.items()}
    print(json.dumps({"cpus": os.cpu_count(), "load_1min": os.getloadavg()[0], "python": machine.python_version(),
                      "rounds": ROUNDS, "all": describe(whole), "pages": pages}))  # fmt: skip


def sign_in(person: httpx.Client, email: str, password: str) -> None:
    form = person.get("/accounts/login/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token is not None, "the sign-in has a form"
    fields = {"csrfmiddlewaretoken": token[1], "login": email, "password": password}
    answer = person.post("/accounts/login/", data=fields, headers={"Referer": str(person.base_url)})
    assert answer.status_code == 200, f"not signed in: {answer.status_code}"
    assert "/accounts/" not in answer.url.path, f"not signed in: {answer.url}"


def list_paths(started: Platform) -> list[str]:
    """Return ten pages, rows of the demo among them."""

    def first(what: str, name: str) -> Any:
        return started.get(what)["results"][0][name]

    strategy, executor, account = first("strategies", "slug"), first("executors", "code"), first("accounts", "code")
    return [
        "/", "/strategies", f"/strategies/{strategy}", f"/strategies/{strategy}/activate", "/fleet", f"/fleet/{executor}",
        "/risk", f"/risk/{account}", "/trades", "/halt",
    ]  # fmt: skip


def look(person: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    answer = person.get(path)
    taken_ms = (time.perf_counter() - began) * 1000
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    assert answer.url.path == path, f"{path}: sent to {answer.url}"
    return taken_ms


def describe(values: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(statistics.median(values), 1),
        "p95_ms": round(statistics.quantiles(values, n=20)[-1], 1),
        "max_ms": round(max(values), 1),
    }


if __name__ == "__main__":
    main()
