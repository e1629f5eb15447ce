"""Connections over loopback TCP: frames in, frames out."""

import asyncio
import itertools
from typing import Any

from simulator import wire
from simulator.broker.ledger import LedgerError
from simulator.service.calls import Drop, Refusal, Silence
from simulator.service.commands import CommandError, Commands
from simulator.service.host import Host
from simulator.service.session import TerminalSession

_CONTROL = "control."
_MAX_QUESTION_BYTES = 1024 * 1024
EXIT_LEDGER = 70


class Connection(asyncio.Protocol):
    """One client: a terminal, or the control door."""

    _numbers = itertools.count(1)

    def __init__(self, host: Host, commands: Commands, everyone: "set[Connection]") -> None:
        self._host, self._commands, self._everyone = host, commands, everyone
        self.session = TerminalSession(host, next(self._numbers))
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._everyone.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone, with or without a goodbye."""
        self._everyone.discard(self)
        self._host.leave(self.session.state.number, orderly=False)

    def close(self) -> None:
        """Break the connection."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer each whole frame."""
        self._buffer += data
        try:
            while (message := self._take_frame()) is not None:
                self._answer(message)
        except wire.FrameError:
            self.close()
        except LedgerError as error:
            # the books in memory are ahead of the disk: only a restart from the file is safe
            self._host.log("ledger_failed", error=str(error))
            raise SystemExit(EXIT_LEDGER) from error

    def _take_frame(self) -> Any:
        size = wire.HEAD.size
        if len(self._buffer) < size:
            return None
        text_length, blob_length = wire.unpack_head(bytes(self._buffer[:size]), _MAX_QUESTION_BYTES, 0)
        end = size + text_length + blob_length
        if len(self._buffer) < end:
            return None
        message = wire.parse(bytes(self._buffer[size : size + text_length]))
        del self._buffer[:end]
        if not isinstance(message, dict) or not isinstance(message.get("m"), str):
            raise wire.FrameError("no method")
        return message

    def _answer(self, message: dict[str, Any]) -> None:
        method, arguments = message["m"], message.get("a")
        if method.startswith(_CONTROL):
            self._control(method.removeprefix(_CONTROL), message)
            return
        faults, login = self._host.faults, self.session.state.login
        if login is not None and faults.is_on("hang", login, self._host.wall()):
            self._host.log("fault", kind="hang", method=method)
            return
        if method == "sim_wait" and isinstance(arguments, (int, float)):
            self._host.wait(self.session.state.number, arguments).add_done_callback(self._send_result)
            return
        self._call(method, arguments)

    def _send_result(self, future: "asyncio.Future[Any]") -> None:
        if not future.cancelled():
            self._send({"r": future.result()})

    def _call(self, method: str, arguments: Any) -> None:
        handler = self.session.find_handler(method)
        if handler is None:
            self._send({"e": [-7, None]})
            return
        try:
            result, blob = handler(arguments)
        except Refusal as refusal:
            self._send({"e": refusal.error})
        except Silence:
            return
        except Drop:
            self.close()
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            # a bug or a stray client: the terminal fails the call, the market lives on
            self._host.log("call_failed", method=method, error=repr(error))
            self._send({"e": [-1, None]})
        else:
            self._send({"r": result}, blob)

    def _control(self, name: str, message: dict[str, Any]) -> None:
        try:
            result = self._commands.run(name, message.get("a") or {}, str(message.get("t", "")))
        except CommandError as error:
            self._send({"e": [error.code, str(error)]})
        else:
            self._send({"r": result})

    def _send(self, message: Any, blob: bytes = b"") -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(wire.pack(message, blob))
