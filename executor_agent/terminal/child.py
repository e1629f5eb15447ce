"""
The terminal's own process: reads questions from standard input, answers on standard output, one at a time.

Frames are a length and a pickle; both ends are ours. It ends when its input ends, so it does not outlive the agent.
"""

from __future__ import annotations

import os
import pickle
import struct
import sys
from typing import Any, BinaryIO

from executor_agent.ending import ignore_endings
from executor_agent.errors import TerminalUnknown

_HEADER = struct.Struct(">I")


def write_frame(file: BinaryIO, value: Any) -> None:
    """Write one value."""
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    file.write(_HEADER.pack(len(data)) + data)
    file.flush()


def read_frame(file: BinaryIO) -> Any:
    """
    Read one value.

    :raises EOFError: where the other end is gone.
    """
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise EOFError
    (length,) = _HEADER.unpack(header)
    data = file.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)  # noqa: S301


def main() -> None:
    """Serve one terminal until the input ends."""
    # The agent decides when we end: it may still need us to finish an order in flight.
    ignore_endings()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a package prints must not disturb the frames
    questions = sys.stdin.buffer
    try:
        config, symbols = read_frame(questions)
        terminal = _start(config, symbols, answers)
        while terminal is not None:
            write_frame(answers, _ask(terminal, *read_frame(questions)))
    except (EOFError, BrokenPipeError):
        return


def _start(config: Any, symbols: dict[str, str], answers: BinaryIO) -> Any:
    try:
        from executor_agent.terminal.metatrader5 import MetaTraderTerminal

        terminal = MetaTraderTerminal(config, symbols)
    except ImportError as error:
        write_frame(answers, (False, TerminalUnknown(f"no terminal package: {error}")))
        return None
    write_frame(answers, (True, terminal.market_waits))
    return terminal


def _ask(terminal: Any, method: str, arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return True, getattr(terminal, method)(*arguments)
    except TerminalUnknown as unknown:
        return False, unknown
    except Exception as error:  # a surprise of the package is an unknown, never the end of the process
        return False, TerminalUnknown(f"{method}: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
