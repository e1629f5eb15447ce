"""The one connection of a Python process to its simulated terminal, and its last error."""

import contextlib
import os
import socket
from typing import Any, Final
from urllib.parse import urlsplit

from simulator import wire

SUCCESS: Final = (1, "Success")
NEVER_ASKED: Final = (0, "")
NO_CONNECTION: Final = -10004
ERROR_TEXTS: Final[dict[int, str]] = {
    -1: "Terminal: Call failed",
    -2: "Terminal: Invalid params",
    -3: "Terminal: Out of memory",
    -4: "Terminal: Not found",
    -5: "Terminal: Incompatible versions, please install the latest version of Terminal and Python module",
    -6: "Terminal: Authorization failed",
    -7: "Terminal: Unsupported function",
    -8: "Auto-Trading using Python API disabled in Terminal",
    -10000: "IPC call failed",
    -10001: "IPC send failed",
    -10002: "IPC recv failed",
    -10003: "IPC initialize failed, MetaTrader 5 x64 not found",
    -10004: "No IPC connection",
    -10005: "IPC timeout",
}


class CallFailed(Exception):
    """A call that ends with an error code instead of a result."""

    def __init__(self, code: int, text: str | None = None) -> None:
        self.error = (code, text or ERROR_TEXTS.get(code, ""))
        super().__init__(*self.error)


class TerminalLink:
    """Holds the socket. A call has no timeout: a terminal that hangs, hangs its caller, as the real one does."""

    def __init__(self) -> None:
        self.last_error: tuple[int, str] = NEVER_ASKED
        self._socket: socket.socket | None = None
        self._pid = 0

    def open(self, path: str | None, timeout_s: float, credentials: dict[str, Any]) -> None:
        """
        Connect to the simulator at ``path`` (``sim://host:port``) and log in.

        :raises CallFailed: if it is not there, does not answer in time, or refuses the account.
        """
        self.close()
        host, port = find_address(path)
        try:
            connection = socket.create_connection((host, port), timeout=timeout_s)
        except TimeoutError:
            raise CallFailed(-10005) from None
        except OSError as error:
            raise CallFailed(-10003, f"IPC initialize failed, {error.strerror or error}") from None
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket, self._pid = connection, os.getpid()
        try:
            self.call("initialize", credentials)
        except CallFailed as failure:
            self.close()
            if failure.error[0] in (-10001, -10002, -10004):
                raise CallFailed(-10005) from None
            raise
        connection.settimeout(None)

    def close(self) -> None:
        """Close the connection if there is one."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def call(self, method: str, arguments: Any = None) -> tuple[Any, bytes]:
        """
        Return the result of ``method`` and its binary part.

        :raises CallFailed: if the terminal refuses, or the connection is not there or is lost.
        """
        connection = self._socket
        # A forked child must not answer on its parent's socket.
        if connection is None or self._pid != os.getpid():
            raise CallFailed(NO_CONNECTION)
        try:
            connection.sendall(wire.pack({"m": method, "a": arguments}))
        except OSError:
            self.close()
            raise CallFailed(-10001) from None
        try:
            answer, blob = wire.read_frame(connection)
        except TimeoutError:
            self.close()
            raise CallFailed(-10005) from None
        except (OSError, wire.FrameError):
            self.close()
            raise CallFailed(-10002) from None
        if "e" in answer:
            raise CallFailed(*answer["e"])
        return answer["r"], blob


def find_address(path: str | None) -> tuple[str, int]:
    """
    Return host and port of the simulator that ``path`` names.

    :raises CallFailed: if there is no simulator path.
    """
    if path and not path.startswith("sim:"):
        raise CallFailed(-10003, f"IPC initialize failed, Process create failed '{path}'")
    parts = urlsplit(path or os.environ.get("MIKROBOT_SIMULATOR", ""))
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "sim" or not parts.hostname or not port:
        raise CallFailed(-10003)
    return parts.hostname, port
