"""How the agent is told to end: signals, and on Windows the console's own events."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable

# Windows ends a process five seconds after its window was closed, or sooner when the handler returns.
_WINDOW_WAITS_S = 4.5
_WINDOW_CLOSES = frozenset({2, 5, 6})  # CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT
_kept: list[object] = []


def list_ending_signals() -> list[signal.Signals]:
    """Return the signals that ask a process to end here: Ctrl-C, SIGTERM, and Ctrl-Break where there is one."""
    names = ("SIGINT", "SIGTERM", "SIGBREAK")
    return [signal.Signals[name] for name in names if name in signal.Signals.__members__]


def stop_when_told(stop: Callable[[], None], ended: threading.Event) -> None:
    """
    Call ``stop`` when somebody wants the process to end; on Windows also when its window is closed or the user signs out, which
    then wait a moment for ``ended``. From the main thread only.
    """
    for number in list_ending_signals():
        signal.signal(number, lambda *_: stop())
    if sys.platform == "win32":
        _stop_with_the_window(stop, ended)


def ignore_endings() -> None:
    """Let whoever started this process decide about its end. From the main thread only."""
    for number in list_ending_signals():
        signal.signal(number, signal.SIG_IGN)


def answer_window(event: int, stop: Callable[[], None], ended: threading.Event) -> bool:
    """Answer a console event: True where it is dealt with. Ctrl-C and Ctrl-Break stay signals."""
    if event not in _WINDOW_CLOSES:
        return False
    stop()
    ended.wait(_WINDOW_WAITS_S)
    return True


def _stop_with_the_window(stop: Callable[[], None], ended: threading.Event) -> None:
    import ctypes

    make = getattr(ctypes, "WINFUNCTYPE")(ctypes.c_int, ctypes.c_ulong)  # noqa: B009  (exists on Windows only)
    handler = make(lambda event: answer_window(int(event), stop, ended))
    _kept.append(handler)  # Windows calls it; Python must not forget it
    getattr(ctypes, "WinDLL")("kernel32").SetConsoleCtrlHandler(handler, 1)  # noqa: B009
