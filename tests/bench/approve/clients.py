"""
The bots: one process, many keep-alive sockets, nothing but the standard library. `python -m tests.bench.approve.clients`.

Reads one JSON order a line and answers each with one JSON line. A time runs from the first byte sent (for a paced request
from the instant it was due) to the last byte of the answer.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

PATH = "/api/v1/trades/approve"
LONGEST_WAIT_S = 30.0
_CODE = re.compile(rb'"(?:reason_code|code)":"(\w+)"')


@dataclass
class Line:
    """One connection: whose turn it is, when it sent, what it has read of the answer."""

    sock: socket.socket
    bots: list[int]
    turn: int = 0
    sent_s: float = 0.0
    waiting: bool = False
    read: bytearray = field(default_factory=bytearray)


class Bots:
    """Many connections to one port, each asking for its own bots in turn."""

    def __init__(self, port: int, bots: list[dict[str, str]], connections: int) -> None:
        self._heads = [_head(bot) for bot in bots]
        self._bodies = [make_body(bot) for bot in bots]
        self._selector = selectors.DefaultSelector()
        self.lines = [self._connect(port, list(range(n, len(bots), connections))) for n in range(connections)]
        self.times: list[float] = []
        self.approved = self.other = 0
        self.reasons: Counter[str] = Counter()

    def burst(self) -> None:
        """Every connection asks once, in the same instant."""
        for line in self.lines:
            self.ask(line)
        self._wait(until_s=time.perf_counter() + LONGEST_WAIT_S, again=False)

    def sustain(self, warm_s: float, seconds: float) -> float:
        """Every connection asks again as soon as it is answered; return over how many seconds was counted."""
        for line in self.lines:
            self.ask(line)
        self._wait(until_s=time.perf_counter() + warm_s, again=True)
        self.times.clear()
        self.reasons.clear()
        self.approved = self.other = 0
        started_s = time.perf_counter()
        self._wait(until_s=started_s + seconds, again=True)
        counted_s, counts = time.perf_counter() - started_s, (list(self.times), self.approved, self.other)
        self._wait(until_s=time.perf_counter() + LONGEST_WAIT_S, again=False)
        self.times, self.approved, self.other = counts
        return counted_s

    def pace(self, per_s: float, seconds: float) -> None:
        """One request every 1/per_s, whatever became of the one before."""
        begun_s = time.perf_counter()
        for number in range(int(per_s * seconds)):
            due_s = begun_s + number / per_s
            self._wait(until_s=due_s, again=False, to_the_end=True)
            self.ask(self.lines[number % len(self.lines)], due_s)
        self._wait(until_s=time.perf_counter() + LONGEST_WAIT_S, again=False)

    def ask(self, line: Line, due_s: float | None = None) -> None:
        if line.waiting:
            raise RuntimeError("a bot was asked for before it was answered: too few connections for this pace")
        bot = line.bots[line.turn % len(line.bots)]
        line.turn += 1
        request = self._heads[bot] % uuid.uuid4().hex.encode() + self._bodies[bot]
        line.sent_s, line.waiting = due_s or time.perf_counter(), True
        line.sock.sendall(request)

    def close(self) -> None:
        for line in self.lines:
            line.sock.close()
        self._selector.close()

    def _connect(self, port: int, bots: list[int]) -> Line:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = Line(sock, bots)
        self._selector.register(sock, selectors.EVENT_READ, line)
        return line

    def _wait(self, *, until_s: float, again: bool, to_the_end: bool = False) -> None:
        """Read answers until the time, or until nobody waits any more."""
        while (left_s := until_s - time.perf_counter()) > 0:
            if not (again or to_the_end) and not any(line.waiting for line in self.lines):
                return
            for key, _ in self._selector.select(left_s):
                if self._take(key.data) and again:
                    self.ask(key.data)

    def _take(self, line: Line) -> bool:
        """Read what has come; say whether an answer is whole."""
        piece = line.sock.recv(65_536)
        if not piece:
            raise RuntimeError("the server closed a connection")
        line.read += piece
        end = line.read.find(b"\r\n\r\n")
        if end < 0 or len(line.read) < end + 4 + _length(line.read[:end]):
            return False
        self.times.append(time.perf_counter() - line.sent_s)
        if b'"approved":true' in line.read:
            self.approved += 1
        else:
            self.other += 1
            told = _CODE.search(line.read)
            self.reasons[told[1].decode() if told else "?"] += 1
        line.read.clear()
        line.waiting = False
        return True


def _head(bot: dict[str, str]) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {bot['token']}\r\n"
    more = f"Content-Type: application/json\r\nContent-Length: {len(make_body(bot))}\r\nIdempotency-Key: "
    return (head + more).encode() + b"%b\r\n\r\n"


def make_body(bot: dict[str, str]) -> bytes:
    return json.dumps(
        {
            "bot_id": bot["name"],
            "symbol": "EURUSD",
            "direction": "BUY",
            "entry_price": 1.10000,
            "stop_loss": 1.09800,
            "requested_lots": 0.10,
        }
    ).encode()


def _length(head: bytearray) -> int:
    line = next(line for line in bytes(head).lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(line.partition(b":")[2])


def run(order: dict[str, Any], bots: list[dict[str, str]]) -> dict[str, Any]:
    """Carry out one order; return its times in milliseconds and what was answered."""
    connections = Bots(order["port"], bots, order["connections"])
    time.sleep(0.3)  # the server has accepted all of them
    counted_s = 0.0
    try:
        if order["kind"] == "burst":
            connections.burst()
        elif order["kind"] == "sustain":
            counted_s = connections.sustain(order["warm_s"], order["seconds"])
        else:
            connections.pace(order["per_s"], order["seconds"])
        times_ms = [taken_s * 1000 for taken_s in connections.times]
        return {
            "times_ms": times_ms,
            "approved": connections.approved,
            "other": connections.other,
            "reasons": dict(connections.reasons),
            "counted_s": counted_s,
        }
    finally:
        connections.close()


def main() -> None:
    """Read the bots by layout from the first line, then orders until the input ends."""
    layouts = json.loads(sys.stdin.readline())
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(run(order, layouts[order["layout"]])), flush=True)


if __name__ == "__main__":
    main()
