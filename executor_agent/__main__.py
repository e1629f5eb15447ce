"""
`python -m executor_agent --config agent.toml [run | check | status]`.

``run`` (the default) trades until it is told to stop; ``check`` connects to terminal and server, says what it found and trades nothing;
``status`` says what the journal of an agent holds.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from executor_agent import AGENT_VERSION
from executor_agent.agent import Agent
from executor_agent.clocks import SystemClocks
from executor_agent.config import AgentConfig, read_config
from executor_agent.errors import AlreadyRunning, ConfigError, TerminalUnknown
from executor_agent.journal import AssignmentRow, IntentRow, Journal, PositionRow, ReportRow
from executor_agent.journal.rows import OPEN_STATES
from executor_agent.lock import DirectoryLock
from executor_agent.logs import configure_logs
from executor_agent.server.courier import HttpCourier
from executor_agent.server.doors import Doors
from executor_agent.server.ports import Answered
from executor_agent.terminal.supervised import SupervisedTerminal


def run_agent(config: AgentConfig) -> None:
    """
    Run one agent until SIGTERM or SIGINT; it ends after the step it is in.

    :raises AlreadyRunning: if another agent has the data directory.
    """
    lock = DirectoryLock(config.data_dir)
    configure_logs(config.log_file, secrets=(config.server.api_secret, config.server.api_key, config.terminal.password))
    clocks = SystemClocks()
    agent = Agent(
        clocks,
        SupervisedTerminal(config.terminal, config.symbols, clocks),
        HttpCourier(config.server),
        Journal(config.data_dir),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    try:
        agent.run()
    finally:
        lock.release()


def check_agent(config: AgentConfig) -> int:
    """Connect to terminal and server, print what was found; 0 where both answered."""
    found: dict[str, Any] = {"version": AGENT_VERSION}
    terminal = SupervisedTerminal(config.terminal, config.symbols, SystemClocks())
    try:
        identity = terminal.connect()
        found["terminal"] = {
            "login": identity.login,
            "server": identity.server,
            "trade_allowed": identity.trade_allowed,
        }
    except TerminalUnknown as unknown:
        found["terminal"] = {"problem": unknown.message}
    finally:
        terminal.close()
    doors = Doors(config.server, AGENT_VERSION)
    event = doors.pull(0, 0)
    doors.close()
    is_heard = isinstance(event, Answered)
    found["server"] = {"desired_version": event.message.desired_version} if is_heard else {"problem": event.problem}  # type: ignore[union-attr]
    print(json.dumps(found, indent=2))
    return 0 if is_heard and "problem" not in found["terminal"] else 1


def show_status(config: AgentConfig) -> int:
    """
    Print what the journal holds; only while no agent runs on it.

    :raises AlreadyRunning: while one does.
    """
    lock = DirectoryLock(config.data_dir)
    journal = Journal(config.data_dir)
    rows = journal.list_rows(AssignmentRow)
    shown = {
        "damage": journal.damage.kind if journal.damage else None,
        "assignments": [
            {
                name: getattr(row, name)
                for name in ("assignment_id", "generation", "desired", "observed", "problem_code")
            }
            for row in rows
        ],
        "positions": [row.position_id for row in journal.list_rows(PositionRow)],
        "unresolved_orders": [row.tag for row in journal.list_rows(IntentRow) if row.state in OPEN_STATES],
        "reports_waiting": journal.count(ReportRow),
    }
    print(json.dumps(shown, indent=2))
    journal.close()
    lock.release()
    return 0


def main(words: list[str] | None = None) -> int:
    """Return the exit code of a call with those words."""
    parser = argparse.ArgumentParser(prog="executor_agent", description=__doc__)
    parser.add_argument("verb", nargs="?", default="run", choices=("run", "check", "status"))
    parser.add_argument("--config", required=True, type=Path, help="the agent.toml")
    options = parser.parse_args(words)
    try:
        config = read_config(options.config)
        if options.verb == "check":
            return check_agent(config)
        if options.verb == "status":
            return show_status(config)
        run_agent(config)
    except (ConfigError, AlreadyRunning) as error:
        print(error.message, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
