"""`go.py run`: bring everything up, say where it is, keep it up, take it down."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence

from config.env import ConfigurationError
from config.launch import data_dir, demo, report
from config.launch.data_dir import DataDir
from config.launch.doors import answers
from config.launch.dotenv import load_dotenv
from config.launch.errors import LaunchError, StopRequested
from config.launch.fleet import STOP_ORDER, Fleet
from config.launch.journal import LaunchJournal
from config.launch.migrations import migrate
from config.launch.options import ROOT, RunOptions, parse
from config.launch.processes import end_leftovers, note_of, write_note
from config.launch.services import start_services
from config.launch.supervisor import Supervisor

START_LIMIT_S = 90.0


def main(argv: Sequence[str]) -> int:
    """Run until asked to stop; 0 after an orderly end, 1 with a sentence when something does not start."""
    try:
        load_dotenv(ROOT)
        options = parse(argv)
        data = DataDir.open(options.data_dir)
        with data_dir.lock(data):
            return run_locked(options, data)
    except (LaunchError, ConfigurationError) as problem:
        print(f"go.py: {problem}", file=sys.stderr)
        return 1


def run_locked(options: RunOptions, data: DataDir) -> int:
    """Run in a data directory that is ours alone."""
    journal = LaunchJournal(data.log_of("launcher"))
    supervisor = Supervisor(data, journal)
    supervisor.listen_for_signals()
    try:
        if left := end_leftovers(data):
            journal.write("LEFTOVERS_ENDED", processes=left)
        write_note(note_of(data, "launcher"), os.getpid())
        bring_up(options, data, supervisor, journal)
        supervisor.watch()
    except StopRequested:
        pass
    except LaunchError as problem:
        journal.write("START_FAILED", reason=str(problem))
        supervisor.request_stop("START_FAILED")
        raise
    except BaseException as problem:  # whatever it is, the journal says why everything ended; nothing is swallowed
        supervisor.request_stop(f"{type(problem).__name__}: {problem}")
        raise
    finally:
        report.say("stopping" if not options.json else "", options)
        supervisor.stop_all(STOP_ORDER)
        note_of(data, "launcher").unlink(missing_ok=True)
        journal.close()
    return 0


def bring_up(options: RunOptions, data: DataDir, supervisor: Supervisor, journal: LaunchJournal) -> None:
    """
    Start in the order that shows the first page soonest: services, tables, web; then all the rest.

    :raises LaunchError: if a part does not come up.
    """
    started_s = time.monotonic()
    port = _web_port(options.port)
    services = start_services(data, supervisor)
    journal.write("SERVICES_READY", after_s=_since(started_s), embedded=services.embedded)
    fleet = Fleet(data, services, options.host, port)
    looked = migrate(data, fleet)
    journal.write("TABLES_READY", after_s=_since(started_s), looked=looked)
    with contextlib.ExitStack() as errands:
        seeding = errands.enter_context(demo.seed(options, data, fleet)) if options.demo else None
        web = supervisor.start(fleet.web())
        supervisor.wait_until(lambda: answers(f"{fleet.local_url}/"), of=web, timeout_s=START_LIMIT_S)
        journal.write("FIRST_PAGE", after_s=_since(started_s))
        report.say(f"first page after {_since(started_s):.1f} s: {fleet.url}", options)
        needed = [supervisor.start(spec) for spec in fleet.needed()]
        shown = demo.start(options, data, fleet, supervisor, seeding) if seeding else demo.Demo()
    supervisor.wait_until(lambda: all(child.works() for child in needed), timeout_s=START_LIMIT_S)
    if options.demo:
        demo.wait_for_agent(shown, fleet, supervisor)
    for spec in fleet.later():
        supervisor.start(spec)
    journal.write("READY", after_s=_since(started_s), pids=supervisor.pids())
    report.ready(options, data, fleet, shown, supervisor.pids())


def _web_port(wanted: int) -> int:
    if wanted == 0:
        return data_dir.free_port()
    if not data_dir.is_free(wanted):
        raise LaunchError(f"Port {wanted} is in use by another program; choose one with --port (0 takes a free one).")
    return wanted


def _since(started_s: float) -> float:
    return round(time.monotonic() - started_s, 2)
