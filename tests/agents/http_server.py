"""The hand-written server behind real HTTP on loopback."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import msgspec

from tests.agents.server import AgentServer
from trading.protocol import (
    ApprovalRequest,
    BarsMessage,
    FileMessage,
    Hello,
    HistoryMessage,
    LogMessage,
    Reports,
    SnapshotMessage,
    SymbolsMessage,
    decode,
    encode,
)

API_KEY, API_SECRET = "exe_test", "never-logged-secret"


@contextmanager
def serving(server: AgentServer) -> Iterator[str]:
    """Serve on a free port; yields the address."""

    class Handler(_Handler):
        brain = server

    http = _Http(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}"
    finally:
        http.shutdown()
        http.server_close()
        thread.join(5)


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # an agent that was killed is no news
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    brain: AgentServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        since, wait_s = int(query["since"][0]), int(query["wait_ms"][0]) / 1000
        until = time.monotonic() + wait_s
        with self.brain.changed:
            while self.brain.version == since and (left := until - time.monotonic()) > 0 and since:
                self.brain.changed.wait(left)
        self._answer(self.brain.desired())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if (self.headers["X-API-Key"], self.headers["X-API-Secret"]) != (API_KEY, API_SECRET):
            self._answer(None, status=401)
            return
        door = self.path.rsplit("/", 1)[-1]
        brain = self.brain
        if door == "hello":
            self._answer(brain.hello(decode(body, Hello)))
        elif door == "snapshot":
            self._answer(brain.snapshot(decode(body, SnapshotMessage)))
        elif door == "reports":
            self._answer(brain.take_reports(decode(body, Reports)))
        elif door == "approve":
            self._answer(brain.judge_request(self.headers["Idempotency-Key"], decode(body, ApprovalRequest)))
        elif door == "symbols":
            brain.take_symbols(decode(body, SymbolsMessage))
            self._answer(None)
        elif door == "bars":
            brain.take_bars(decode(body, BarsMessage))
            self._answer(None)
        elif door == "history":
            self._answer(brain.take_history(decode(body, HistoryMessage)))
        elif door == "log":
            brain.take_log(decode(body, LogMessage))
            self._answer(None)
        elif door == "files":
            brain.take_file(decode(body, FileMessage))
            self._answer(None)
        else:
            self._answer(None, status=404)

    def _answer(self, message: msgspec.Struct | None, status: int = 200) -> None:
        data = b"{}" if message is None else encode(message)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with suppress(ConnectionError):  # an agent that ended meanwhile
            self.wfile.write(data)
