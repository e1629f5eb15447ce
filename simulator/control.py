"""
The control door from outside: open accounts, script faults, move the clock, read the ground truth.

As a library (`Control(data_dir).open_account(login=…, password=…)`), and as a command
(``python -m simulator.control --data-dir D open-account --login 1001 --password-file F``). The data directory's token, which
only its owner can read, is what lets a caller in.
"""

import argparse
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from simulator import wire
from simulator.service.process import PORT_FILE, TOKEN_FILE


class ControlError(Exception):
    """A command that the simulator refused, or that did not reach it; ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Control:
    """A connection to the control door of the simulator that runs in ``data_dir``."""

    def __init__(self, data_dir: Path | str, *, host: str = "127.0.0.1", timeout_s: float = 30.0) -> None:
        folder = Path(data_dir)
        try:
            self._token = (folder / TOKEN_FILE).read_text("ascii").strip()
            port = int((folder / PORT_FILE).read_text("ascii"))
            self._socket = socket.create_connection((host, port), timeout=timeout_s)
        except (OSError, ValueError) as error:
            raise ControlError("NOT_RUNNING", f"no simulator answers for {folder}: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = port
        self.address = f"sim://{host}:{port}"

    def __enter__(self) -> "Control":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def call(self, name: str, **arguments: Any) -> Any:
        """
        Carry out the command ``name``.

        :raises ControlError: if it is refused or the simulator does not answer.
        """
        try:
            self._socket.sendall(wire.pack({"m": f"control.{name}", "a": arguments, "t": self._token}))
            answer, _ = wire.read_frame(self._socket)
        except (OSError, wire.FrameError) as error:
            raise ControlError("NOT_RUNNING", f"the simulator does not answer: {error}") from error
        if "e" in answer:
            raise ControlError(*answer["e"])
        return answer["r"]

    def open_account(self, *, login: int, password: str, **terms: Any) -> dict[str, Any]:
        """
        Open an account; a second time with the same password and terms it only says ``created: False``.

        :param terms: ``server, currency, balance, leverage, margin_mode`` (2 hedging, 0 netting), ``commission_per_lot``
            (round turn), ``commission_mode`` (in, half, out), ``margin_call_percent, stop_out_percent, limit_orders,
            fifo_close, swap_free, name``; money as text.
        :raises ControlError: ``ACCOUNT_EXISTS`` with other terms, ``INVALID`` for values out of range.
        """
        result: dict[str, Any] = self.call("open_account", login=login, password=password, **terms)
        return result

    def script_fault(self, kind: str, **values: Any) -> None:
        """
        Let something go wrong.

        Order faults ``requote, price_changed, reject`` (with ``retcode``), ``timeout_filled, timeout_unfilled`` (with
        ``reply`` none, retcode, drop or hang), ``partial_fill`` (with ``share``), ``slippage`` (with ``points``) take
        ``count`` and ``on`` (any, open, close, sltp, pending). Query faults ``positions_none, positions_empty,
        positions_half`` take ``count``. Line faults ``disconnect, server_down, hang`` take ``seconds``. All take ``login``.

        :raises ControlError: ``INVALID`` for what does not exist.
        """
        self.call("script_fault", kind=kind, **values)

    def clear_faults(self) -> None:
        """Forget every fault that has not happened yet."""
        self.call("clear_faults")

    def state(self) -> dict[str, Any]:
        """Return clock, accounts, symbols, subscriptions and counters."""
        result: dict[str, Any] = self.call("state")
        return result

    def ledger(self, login: int) -> dict[str, Any]:
        """Return balance, positions, orders and deals of an account as they are on the disk."""
        result: dict[str, Any] = self.call("ledger", login=login)
        return result

    def set_speed(self, speed: float | str) -> dict[str, Any]:
        """Set the speed: a number, ``max`` or ``auto``."""
        result: dict[str, Any] = self.call("set_speed", speed=speed)
        return result

    def pause(self) -> dict[str, Any]:
        """Let the market stand still."""
        result: dict[str, Any] = self.call("pause")
        return result

    def resume(self) -> dict[str, Any]:
        """Let the market go on."""
        result: dict[str, Any] = self.call("resume")
        return result

    def advance(self, *, seconds: float = 0.0, bars: int = 0) -> dict[str, Any]:
        """Go on at once by market seconds, then by whole base bars, whoever has not acknowledged."""
        result: dict[str, Any] = self.call("advance", seconds=seconds, bars=bars)
        return result


def open_account(data_dir: Path | str, *, login: int, password: str, **terms: Any) -> dict[str, Any]:
    """Open an account at the simulator that runs in ``data_dir``: `Control.open_account`."""
    with Control(data_dir) as control:
        return control.open_account(login=login, password=password, **terms)


def script_fault(data_dir: Path | str, kind: str, **values: Any) -> None:
    """Let something go wrong at the simulator that runs in ``data_dir``: `Control.script_fault`."""
    with Control(data_dir) as control:
        control.script_fault(kind, **values)


def main(words: list[str] | None = None) -> int:
    """Run one command and print its answer as JSON."""
    options = _read_arguments(words)
    arguments = json.loads(options.json or "{}")
    if options.login is not None:
        arguments["login"] = options.login
    if options.password_file is not None:
        arguments["password"] = options.password_file.read_text("utf-8").strip()
    elif "MIKROBOT_SIMULATOR_PASSWORD" in os.environ and options.command == "open-account":
        arguments["password"] = os.environ["MIKROBOT_SIMULATOR_PASSWORD"]
    try:
        with Control(options.data_dir) as control:
            print(json.dumps(control.call(options.command.replace("-", "_"), **arguments)))
    except ControlError as error:
        print(json.dumps({"code": error.code, "message": str(error)}), file=sys.stderr)
        return 1
    return 0


def _read_arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulator.control", description="Control a running simulator.")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument(
        "command", help="open-account, script-fault, state, ledger, set-speed, pause, resume, advance …"
    )
    parser.add_argument("--login", type=int)
    # a password on the command line would be seen by every user of the machine
    parser.add_argument("--password-file", type=Path, help="or the variable MIKROBOT_SIMULATOR_PASSWORD")
    parser.add_argument("--json", help='further arguments, as {"balance": "100000", "margin_mode": 2}')
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
