"""
Requests for approval on their way into `decide`: gathered on the loop that reads them, decided by one thread per process.

A bar's close brings two hundred requests in some milliseconds, and a batch costs its statements however small it is. So a
loop hands over when it has nothing more to read, and not with the first that comes: else one is decided while the others
fight that batch for the interpreter. Nobody waits beyond its time: what was not answered until then is refused, and if its
turn has not come it never comes.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from weakref import WeakKeyDictionary, WeakSet

import structlog
from django.db import close_old_connections

from apps.common.batching import hand_out
from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Unavailable
from apps.risk.services.credentials import API, Credential
from apps.risk.services.decide import MOST_ITEMS, decide, read_once
from apps.risk.services.wire import Answer, TradeRequest, answer_refusal
from trading.protocol import ApprovalRequest

MOST_WAITING: Final = 4 * MOST_ITEMS
PASSES: Final = 3  # of the loop in which nothing came: what was read in one of them asks in the next
PAUSE_S: Final = 0.001  # and so much longer, for what is on the wire
GATHER_AT_MOST_S: Final = 0.03
CROWD: Final = 32  # approvals at once: the close of a bar
GIVE_WAY_S: Final = 0.1

WARMING: Final = ApprovalRequest(
    bot_id="nobody",
    symbol="-",
    direction="BUY",
    entry_price=Decimal(2),
    stop_loss=Decimal(1),
    requested_lots=Decimal(1),
)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Waiting:
    """One request that waits: whose turn is over before it came is left out."""

    request: TradeRequest
    answered: asyncio.Future[Answer]
    loop: asyncio.AbstractEventLoop
    until_s: float  # monotonic


@dataclass(slots=True)
class _Gathering:
    """What one loop has read and not yet handed over. Used on that loop only."""

    arrived: queue.SimpleQueue[list[Waiting]]
    waiting: list[Waiting] = field(default_factory=list)
    unanswered: int = 0
    until_s: float = 0.0
    calm: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.calm.set()

    def add(self, one: Waiting) -> None:
        self.waiting.append(one)
        self.unanswered += 1
        if self.unanswered == CROWD:
            self.calm.clear()
        if len(self.waiting) == 1:
            self.until_s = time.monotonic() + GATHER_AT_MOST_S
            one.loop.call_soon(self._look, 1, PASSES)

    def leave(self) -> None:
        """One is answered."""
        self.unanswered -= 1
        if self.unanswered < CROWD:
            self.calm.set()

    def _look(self, seen: int, passes: int) -> None:
        """Hand over, unless more has come since `seen`, or may come within the passes left."""
        count, loop = len(self.waiting), asyncio.get_running_loop()
        if count >= MOST_ITEMS or time.monotonic() >= self.until_s:
            self._hand_over()
        elif count > seen:
            loop.call_soon(self._look, count, PASSES)
        elif passes > 0:
            loop.call_soon(self._look, count, passes - 1)
        elif passes == 0:
            loop.call_later(PAUSE_S, self._look, count, -1)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        self.arrived.put(self.waiting)
        self.waiting = []


_workers: WeakSet[Worker] = WeakSet()


def is_warm() -> bool | None:
    """Say whether the approval door of this process has gone the whole way once; None where the process has no door."""
    workers = list(_workers)
    for worker in workers:
        worker.warm_up()
    return all(worker.is_warm for worker in workers) if workers else None


class Worker:
    """The thread that decides. It starts with the first request and outlives every error."""

    def __init__(self) -> None:
        self._arrived: queue.SimpleQueue[list[Waiting]] = queue.SimpleQueue()
        self._left: list[Waiting] = []  # more than one batch: the thread's own
        self._gatherings: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gathering] = WeakKeyDictionary()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self.is_warm = False
        _workers.add(self)

    async def ask(self, request: TradeRequest, until_s: float) -> Answer:
        """Return the answer to a request, or a refusal where it does not come in time."""
        self.start()
        loop = asyncio.get_running_loop()
        gathering = self._gatherings.get(loop)
        if gathering is None:
            gathering = self._gatherings[loop] = _Gathering(self._arrived)
        if gathering.unanswered >= MOST_WAITING:
            return answer_unavailable(request.request_id)
        waiting = Waiting(request, loop.create_future(), loop, until_s)
        expiry = loop.call_later(max(0.0, until_s - time.monotonic()), _expire, waiting)
        gathering.add(waiting)
        try:
            return await waiting.answered
        finally:
            expiry.cancel()
            gathering.leave()

    async def give_way(self) -> None:
        """Let a burst of approvals go first: what begins meanwhile would share the interpreter with them."""
        gathering = self._gatherings.get(asyncio.get_running_loop())
        if gathering is not None and gathering.unanswered >= CROWD:
            with suppress(TimeoutError):
                async with asyncio.timeout(GIVE_WAY_S):
                    await gathering.calm.wait()

    def start(self) -> None:
        """Start the thread unless it runs."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="approvals", daemon=True)
                self._thread.start()

    def warm_up(self) -> None:
        """Have the thread go the way once more, where it has not come to its end yet: the database may have been away."""
        self.start()
        if not self.is_warm:
            self._arrived.put([])

    def _work(self) -> None:
        while True:
            if not self.is_warm:
                self._warm()
            batch = self._take()
            try:
                self._answer(batch)
            except Exception:
                log.exception("APPROVALS_FAILED", items=len(batch))
                refused = [(waiting, answer_unavailable(waiting.request.request_id)) for waiting in batch]
                hand_out(refused, _note_unheard)
            finally:
                close_old_connections()

    def _warm(self) -> None:
        """Connect, and go the way of a request that nobody may make: what is done once is done before it is waited for."""
        try:
            nobody = TradeRequest(Credential(API, "", "", "warming"), WARMING, "", None, "")
            (answer,) = decide([nobody], read_at())
            read_once()
            self.is_warm = answer.status < 500  # else the database could not be asked
        except Exception as error:
            log.info("APPROVALS_COLD", problem=f"{type(error).__name__}: {error}"[:200])
        finally:
            close_old_connections()

    def _take(self) -> list[Waiting]:
        """Return the next batch: all that has come, at most what one `decide` takes; nothing where it is only to warm up."""
        waiting = self._left or self._arrived.get()
        while len(waiting) < MOST_ITEMS:
            try:
                waiting += self._arrived.get_nowait()
            except queue.Empty:
                break
        self._left = waiting[MOST_ITEMS:]
        return waiting[:MOST_ITEMS]

    def _answer(self, batch: list[Waiting]) -> None:
        mono_s = time.monotonic()
        due = [waiting for waiting in batch if waiting.until_s > mono_s]
        if not due:
            return
        answers = decide([waiting.request for waiting in due], read_at())
        hand_out(list(zip(due, answers, strict=True)), _note_unheard)


def answer_unavailable(request_id: str) -> Answer:
    """Return the refusal of what was not judged in time."""
    message = "The request could not be judged in time, so it is not approved."
    return answer_refusal(Unavailable(Code.UNAVAILABLE, message), request_id)


def _expire(waiting: Waiting) -> None:
    if not waiting.answered.done():
        log.warning("APPROVAL_TIMED_OUT", request_id=waiting.request.request_id)
        waiting.answered.set_result(answer_unavailable(waiting.request.request_id))


def _note_unheard(unheard: list[Waiting]) -> None:
    log.warning("APPROVALS_UNHEARD", request_ids=[waiting.request.request_id for waiting in unheard])
