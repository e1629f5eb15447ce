"""
What the door is held against: pgbench with the statements of one approval, and a FastAPI door with the fewest of them.

pgbench: each client is a bot; prepared statements; it sends all that the service sends for a batch of one, and judges nothing.
FastAPI: finds the session, locks the risk row, keeps approval, decision, event and counters; it judges nothing either.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from django.db import connection

from apps.teams.keys import parse_session_token
from config.launch.postgres import EXE, find_binaries
from tests.bench.approve.desks import HOT, SPREAD, BenchBot
from tests.bench.approve.programs import Program, free_port
from tests.bench.approve.statements import PLACES

PREPARE_S = 4  # two hundred clients prepare three thousand statements
_PROGRESS = re.compile(r"progress: ([0-9.]+) s, ([0-9.]+) tps")
FASTAPI = ("fastapi", "uvicorn", "uvloop", "httptools", "asyncpg")
_LEAST = ("bots_botsession", "FOR NO KEY UPDATE", 'INTO "risk_approval"', 'INTO "risk_decision"', 'INTO "common_outboxevent"', 'UPDATE "accounts_accountrisk"')  # fmt: skip


class PgBench:
    """pgbench on the bench's own database."""

    def __init__(self, statements: list[str], bots: dict[str, list[BenchBot]], folder: Path) -> None:
        self._program = str(find_binaries() / f"pgbench{EXE}")
        self._script = folder / "approve.sql"
        self._script.write_text(_script(statements))
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE bench_client (n int, hot int, account uuid, bot uuid, name text, token text)")
            for hot, layout in enumerate((SPREAD, HOT)):
                for n, bot in enumerate(bots[layout]):
                    row = [n, hot, bot.account, bot.bot, bot.name, parse_session_token(bot.token)]
                    cursor.execute("INSERT INTO bench_client VALUES (%s, %s, %s, %s, %s, %s)", row)

    def rate(self, layout: str, clients: int, seconds: float) -> float:
        """Return the transactions a second, after every client has prepared its statements."""
        settings, whole_s = connection.settings_dict, PREPARE_S + int(seconds)
        words = ["-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(whole_s), "-P", "1"]
        words += ["-f", str(self._script), "-D", "ready=0", "-D", f"hot={int(layout == HOT)}"]
        words += ["-h", settings["HOST"], "-p", settings["PORT"], "-U", settings["USER"], settings["NAME"]]
        environment = {**os.environ, "PGPASSWORD": settings["PASSWORD"]}
        done = subprocess.run([self._program, *words], capture_output=True, text=True, env=environment)
        told = [(float(at), float(rate)) for at, rate in _PROGRESS.findall(done.stderr)]
        counted = [rate for at, rate in told if at > PREPARE_S]
        if done.returncode or "number of failed transactions: 0" not in done.stdout or not any(counted):
            raise RuntimeError(f"pgbench: {done.stdout[-500:]} {done.stderr[-1500:]}")
        return statistics.fmean(counted)


def _script(statements: list[str]) -> str:
    """Return the pgbench script: who the client is, once; the clock outside of the transaction, as the service reads it."""
    names = ", ".join(PLACES[:4])
    lines = ["\\if :ready", "\\else", f"SELECT {names} FROM bench_client WHERE n = :client_id AND hot = :hot \\gset"]
    lines += ["\\set ready 1", "\\endif"]
    clock, *rest = [_for_pgbench(sql) for sql in statements]
    lines += [f"{clock};", "BEGIN;"]
    for sql in rest:
        lines.append(f"{sql} \\gset risk_" if "FOR NO KEY UPDATE" in sql else f"{sql};")
    return "\n".join([*lines, "COMMIT;", ""])


def _for_pgbench(sql: str) -> str:
    sql = re.sub(r"(?<!:):(?=[A-Za-z_])", ": ", sql)  # in JSON texts: pgbench would read a variable
    sql = sql.replace("'200ms'", "'60s'").replace(
        "'1000ms'", "'60s'"
    )  # nobody would ask again for a client that gave up
    places = {name: f":{name}" for name in PLACES} | {"number": ":risk_chain_number + 1"}
    return _fill(sql, places).replace("\n", " ")


def _fill(sql: str, places: dict[str, str]) -> str:
    for name, text in places.items():
        sql = sql.replace("{" + name + "}", text)
    return sql


def start_fastapi(statements: list[str], folder: Path) -> tuple[Program, int] | None:
    """Start the FastAPI door in an environment of its own; None, and a line that says why, where it cannot be had."""
    python = _install_fastapi()
    if python is None:
        return None
    least = [next(sql for sql in statements if part in sql) for part in _LEAST]
    path, port, settings = folder / "statements.json", free_port(), connection.settings_dict
    path.write_text(json.dumps([_with_numbers(sql) for sql in least]))
    dsn = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**settings)
    words = [
        str(python),
        "-m",
        "uvicorn",
        "--port",
        str(port),
        "--log-level",
        "warning",
        "--no-access-log",
        "fastapi_door:app",
    ]
    environment = {"DSN": dsn, "STATEMENTS": str(path), "PYTHONPATH": str(Path(__file__).parent)}
    return Program(words, environment, port=port), port


def _with_numbers(sql: str) -> tuple[str, list[str]]:
    """Return the statement with $1, $2 … and which place each of them is."""
    used = [name for name in PLACES if "{" + name + "}" in sql]
    types = {"account": "::uuid", "bot": "::uuid", "number": "::bigint"}
    return _fill(sql, {name: f"${n}{types.get(name, '::text')}" for n, name in enumerate(used, 1)}), used


def _install_fastapi() -> Path | None:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mikrobot-peers"
    home = Path(os.environ.get("MIKROBOT_PEERS", cache)) / "fastapi"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        for command in ([sys.executable, "-m", "venv", home], [python, "-m", "pip", "install", "-q", *FASTAPI]):
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
            if done.returncode:
                print(
                    f"the FastAPI door is not here: {(done.stderr or 'cannot be installed').strip().splitlines()[-1]}"
                )
                return None
        (home / "ready").touch()
    return python
