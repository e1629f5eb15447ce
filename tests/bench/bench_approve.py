# ruff: noqa: E402 - models may not load before Django is up
"""
Approvals under load, on two cores with fsync: `go.py bench approve`.

Durable in every figure: approval with reservation, decision log, event, counters. Meanwhile the agents of all accounts send
snapshots and reports, and the relay publishes. Clients are a process of their own. Cells take turns, and what is compared
was measured in the same run; `BENCH_ROUNDS` and `BENCH_SECONDS` make it shorter or longer, `BENCH_CELLS` names some of
`bursts,sustained,paced`.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from tests.bench.approve.desks import HOT, SPREAD, BenchDesks, forget_reservations, make_desks
from tests.bench.approve.programs import ROOT, Program, free_port, module
from tests.bench.approve.references import PgBench, start_fastapi
from tests.bench.approve.statements import catch_statements
from tests.bench.approve.telling import Cell, Report

BURSTS = int(os.environ.get("BENCH_BURSTS", "10"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
CELLS = os.environ.get("BENCH_CELLS", "bursts,sustained,paced").split(",")
CLIENTS = (8, 32, 200)
DASHBOARDS, PER_S, PACED_S = 50, 33.3, 15.0
BURST_TARGET_MS = {"uvicorn": 100, "daphne": 200}


def main() -> None:
    """Measure and print."""
    call_command("migrate", verbosity=0)
    report = Report()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(make_desks(), Path(folder), stack)
        report.begin(bench.durability(), len(bench.statements))
        for cell in CELLS:
            {"bursts": bench.measure_bursts, "sustained": bench.measure_sustained, "paced": bench.measure_paced}[cell](
                report
            )
    report.end()


class Bench:
    """The platform's processes, the bots, and the references, all up for the whole run."""

    def __init__(self, desks: BenchDesks, folder: Path, stack: ExitStack) -> None:
        self._desks, self._stack = desks, stack
        self.statements = catch_statements(desks.bots[SPREAD][0])
        self._pgbench = PgBench(self.statements, desks.bots, folder)
        self._ports = {name: self._serve(name) for name in BURST_TARGET_MS}
        fastapi = start_fastapi(self.statements, folder)
        if fastapi is not None:
            stack.callback(fastapi[0].stop)
            self._ports["fastapi"] = fastapi[1]
        self._start([sys.executable, str(ROOT / "manage.py"), "relay"])
        self._bots = self._start(module("tests.bench.approve.clients"))
        self._bots.tell(desks.plain_bots())

    def durability(self) -> str:
        """Return how durable the database is, in its own words."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT version(), current_setting('fsync'), current_setting('synchronous_commit')")
            version, fsync, commit = cursor.fetchone()
        return f"{version.split(' on ')[0]}, fsync {fsync}, synchronous_commit {commit}"

    def measure_bursts(self, report: Report) -> None:
        """200 bots in the same instant, in turns over servers and layouts."""
        for server, target_ms in BURST_TARGET_MS.items():
            with self._flowing(server):
                for layout in (SPREAD, HOT):
                    order = {"kind": "burst", "layout": layout, "connections": 200}
                    self._ask(server, order)  # warms up
                    rounds = [self._ask(server, order) for _ in range(BURSTS)]
                    report.add_burst(server, layout, rounds, target_ms)

    def measure_sustained(self, report: Report) -> None:
        """As fast as answers come, beside pgbench and FastAPI."""
        rates: dict[tuple[str, str, int], list[float]] = {}
        with self._flowing("uvicorn"):
            for _ in range(ROUNDS):
                for clients in CLIENTS:
                    for who, layout in self._contestants():
                        rates.setdefault((who, layout, clients), []).append(self._rate(who, layout, clients))
        medians = {name: statistics.median(values) for name, values in rates.items()}
        report.add_sustained(medians, CLIENTS)

    def measure_paced(self, report: Report) -> None:
        """The spec's load, without dashboards and with; then with agents and dashboards on a web process of their own."""
        self._ports["beside"] = self._serve("uvicorn")
        for dashboards, beside in ((0, "uvicorn"), (DASHBOARDS, "uvicorn"), (DASHBOARDS, "beside")):
            watchers = self._watch(self._ports[beside], dashboards)
            with self._flowing(beside):
                order = {"kind": "pace", "layout": SPREAD, "connections": 200, "per_s": PER_S, "seconds": PACED_S}
                cell = self._ask("uvicorn", order)
            watchers.process.terminate()
            heard, lost = watchers.hear().split()
            where = "one web process" if beside == "uvicorn" else "approvals on their own"
            report.add_paced(cell, f"33/s, {dashboards} dashboards, {where}", int(heard), int(lost))

    def _watch(self, port: int, dashboards: int) -> Program:
        program = self._start(
            module("tests.bench.approve.watchers", str(port), self._desks.watcher_key, str(dashboards))
        )
        program.hear()
        return program

    def _contestants(self) -> list[tuple[str, str]]:
        fastapi = [("fastapi", SPREAD)] if "fastapi" in self._ports else []
        return [("uvicorn", SPREAD), ("pgbench", SPREAD), ("uvicorn", HOT), ("pgbench", HOT), *fastapi]

    def _rate(self, who: str, layout: str, clients: int) -> float:
        if who == "pgbench":
            forget_reservations()
            return self._pgbench.rate(layout, clients, SECONDS)
        order = {"kind": "sustain", "layout": layout, "connections": clients, "warm_s": 1.0, "seconds": SECONDS}
        return self._ask(who, order).rate()

    def _ask(self, server: str, order: dict[str, object]) -> Cell:
        forget_reservations()
        self._bots.tell({"port": self._ports[server], **order})
        cell = Cell(**json.loads(self._bots.hear()))
        if cell.other and server != "fastapi":
            print(
                f"    {server} {order['layout']} {order['kind']}: not approved of {len(cell.times_ms)}: {cell.reasons}"
            )
        return cell

    @contextmanager
    def _flowing(self, server: str) -> Iterator[None]:
        flow = self._start(module("tests.bench.approve.flow", str(self._ports[server])))
        flow.tell(self._desks.agents)
        flow.hear()
        yield
        if flow.process.poll() is not None:
            raise RuntimeError("snapshots and reports stopped flowing")
        flow.stop()

    def _serve(self, server: str) -> int:
        port = free_port()
        words = module("config.launch.web", "127.0.0.1", str(port), server)
        secrets = {"API_SECRET_KEY": "bench" * 10, "KEY_PEPPER": settings.KEY_PEPPERS[settings.KEY_PEPPER_NUMBER]}
        program = Program(words, secrets, port=port)
        self._stack.callback(program.stop)
        return port

    def _start(self, words: list[str]) -> Program:
        program = Program(words)
        self._stack.callback(program.stop)
        return program


if __name__ == "__main__":
    main()
