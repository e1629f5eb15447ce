"""
`mikrobot-agent [run | check | status | logs | keep] --config agent.toml`, or `python -m executor_agent …`.

``run`` (the default) trades until it is told to stop; ``check`` connects to terminal and server, says what it found and trades nothing;
``status`` says what the journal of an agent holds; ``logs`` shows the last lines of its log; ``keep`` asks for the secrets and stores
them in this machine's keyring.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import io
import json
import sys
import threading
from pathlib import Path
from typing import Any

from executor_agent import AGENT_VERSION
from executor_agent.agent import Agent
from executor_agent.clocks import SystemClocks
from executor_agent.config import AgentConfig, read_config, read_tables
from executor_agent.ending import stop_when_told
from executor_agent.errors import AlreadyRunning, ConfigError, TerminalUnknown
from executor_agent.journal import AssignmentRow, IntentRow, Journal, PositionRow, ReportRow
from executor_agent.journal.rows import OPEN_STATES
from executor_agent.lock import DirectoryLock
from executor_agent.logs import configure_logs, tail
from executor_agent.secrets import keep_secret
from executor_agent.server.courier import HttpCourier
from executor_agent.server.doors import Doors
from executor_agent.server.ports import Answered
from executor_agent.terminal.supervised import SupervisedTerminal


def run_agent(config: AgentConfig) -> None:
    """
    Run one agent until it is told to stop (`ending.stop_when_told`); it ends after the step it is in.

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
    ended = threading.Event()
    stop_when_told(agent.stop, ended)
    try:
        agent.run()
    finally:
        lock.release()
        ended.set()


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


def show_logs(config: AgentConfig, *, lines: int, follow: bool) -> int:
    """
    Print the last lines of the log, and with ``follow`` what comes after, until interrupted.

    :raises ConfigError: where the configuration names no log file.
    """
    if config.log_file is None:
        raise ConfigError("[agent] log_file is not set: the log goes to standard error only", field="log_file")
    with contextlib.suppress(KeyboardInterrupt):
        for line in tail(config.log_file, lines, follow=follow):
            try:
                print(line, flush=True)
            except OSError:  # whoever read along has gone: a broken pipe, on Windows an invalid argument
                break
    return 0


def keep_secrets(path: Path) -> int:
    """
    Ask for the secrets that the configuration expects in the keyring, and store them there.

    :raises ConfigError: where it expects none, or there is no keyring.
    """
    tables = read_tables(path)
    owners = {"server": ("executor_id", ("api_key", "api_secret")), "terminal": ("login", ("password",))}
    kept = 0
    for name, (owner, keys) in owners.items():
        for key in keys:
            if tables.get(name, {}).get(f"{key}_keyring") is True:
                keep_secret(key, str(tables[name].get(owner)), getpass.getpass(f"[{name}] {key}: "))
                kept += 1
    if not kept:
        raise ConfigError("no …_keyring = true in the configuration: nothing to keep", field="config")
    print(f"kept {kept} in this machine's keyring")
    return 0


def main(words: list[str] | None = None) -> int:
    """Return the exit code of a call with those words."""
    about = (__doc__ or "").strip()
    parser = argparse.ArgumentParser(
        prog="mikrobot-agent", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", nargs="?", default="run", choices=("run", "check", "status", "logs", "keep"))
    parser.add_argument("--config", required=True, type=Path, help="the agent.toml")
    parser.add_argument("--lines", type=int, default=50, help="logs: how many (50)")
    parser.add_argument("--follow", action="store_true", help="logs: go on until interrupted")
    parser.add_argument("--version", action="version", version=AGENT_VERSION)
    options = parser.parse_args(words)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a Windows code page has few of our letters
    try:
        if options.verb == "keep":
            return keep_secrets(options.config)
        config = read_config(options.config)
        if options.verb == "logs":
            return show_logs(config, lines=options.lines, follow=options.follow)
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
