"""What the person, or the program, that started us gets to read."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from config.launch.data_dir import DataDir
from config.launch.demo import Demo
from config.launch.fleet import Fleet
from config.launch.options import RunOptions


def say(words: str, options: RunOptions) -> None:
    """Say a line on stderr; stdout belongs to the result."""
    if words and not options.json:
        print(f"go.py: {words}", file=sys.stderr, flush=True)


def ready(options: RunOptions, data: DataDir, fleet: Fleet, shown: Demo, pids: Mapping[str, int]) -> None:
    """Print the one line of JSON, or the block for a person."""
    text = as_json(data, fleet, shown, pids) if options.json else as_block(data, fleet, shown, pids)
    print(text, flush=True)


def as_json(data: DataDir, fleet: Fleet, shown: Demo, pids: Mapping[str, int]) -> str:
    """Return everything a program needs to go on, in one line."""
    return json.dumps(
        {
            "event": "ready",
            "url": fleet.local_url,
            "email": shown.email,
            "password": shown.password,
            "api_key": shown.api_key,
            "account_id": shown.account_id,
            "executor_id": shown.executor_id,
            "simulator": shown.simulator,
            "data_dir": str(data.root),
            "pids": dict(pids),
        }
    )


def as_block(data: DataDir, fleet: Fleet, shown: Demo, pids: Mapping[str, int]) -> str:
    """Return a short text: where to go, how to sign in, what runs, how to stop."""
    lines = ["", f"  Mikrobot runs at {fleet.url}", ""]
    if shown.email:
        password = shown.password or "the one you have set"
        lines += [f"  sign in    {shown.email}", f"  password   {password}", f"  API key    {shown.api_key}", ""]
    else:
        lines += [f"  sign up    {fleet.url}/accounts/signup/", ""]
    lines += [
        f"  running    {', '.join(pids)}",
        f"  data       {data.root}   (logs in {data.logs.name}/)",
        "  stop       Ctrl-C",
        "",
    ]
    return "\n".join(lines)
