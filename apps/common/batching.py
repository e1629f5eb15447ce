"""One thread that takes all that waits: a burst costs the statements of one request, not of two hundred."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import structlog
from django.db import close_old_connections

MOST_ITEMS = 256
MOST_WAITING = 4 * MOST_ITEMS

ItemT = TypeVar("ItemT")
AnswerT = TypeVar("AnswerT")
log = structlog.get_logger(__name__)


class Overloaded(Exception):
    """More waits than can be answered in time."""


class Awaiting(Protocol):
    """One that waits on a loop for an answer."""

    answered: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


WaitingT = TypeVar("WaitingT", bound=Awaiting)


@dataclass(slots=True)
class _Waiting(Generic[ItemT]):
    item: ItemT
    answered: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Batcher(Generic[ItemT, AnswerT]):
    """
    A queue and its thread. `work` gets all items that wait (at most 256) and returns an answer for each, in order.

    What spoils a batch is found by doing its items one by one: the others are answered.

    :param gather_s: how long after the beginning of a batch the next may begin. Who comes alone waits for nobody; of those who
        come in a steady stream, as many are taken together as come meanwhile.
    """

    def __init__(
        self, name: str, work: Callable[[Sequence[ItemT]], Sequence[AnswerT]], *, gather_s: float = 0.0
    ) -> None:
        self._name, self._work, self._gather_s = name, work, gather_s
        self._next_s = time.monotonic()  # when the next batch may begin
        self._queue: queue.Queue[_Waiting[ItemT]] = queue.Queue(MOST_WAITING)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    async def ask(self, item: ItemT, timeout_s: float) -> AnswerT:
        """
        Return the item's answer.

        :raises Overloaded: where its turn does not come in time.
        :raises Exception: what `work` raised for it.
        """
        self._start()
        loop = asyncio.get_running_loop()
        waiting = _Waiting(item, loop.create_future(), loop)
        try:
            self._queue.put_nowait(waiting)
            async with asyncio.timeout(timeout_s):
                answer: AnswerT = await waiting.answered
        except (queue.Full, TimeoutError) as error:
            log.warning("BATCH_OVERLOADED", batch=self._name)
            raise Overloaded(self._name) from error
        return answer

    def _start(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            batch = [one for one in self._take() if not one.answered.done()]
            try:
                answers = self._answer([one.item for one in batch])
                hand_out(list(zip(batch, answers, strict=True)), self._note_unheard)
            except Exception:
                log.exception("BATCH_FAILED", batch=self._name, items=len(batch))
            finally:
                close_old_connections()

    def _note_unheard(self, unheard: list[_Waiting[ItemT]]) -> None:
        log.info("BATCH_UNHEARD", batch=self._name, items=len(unheard))

    def _take(self) -> list[_Waiting[ItemT]]:
        batch = [self._queue.get()]
        time.sleep(max(0.0, self._next_s - time.monotonic()))
        self._next_s = time.monotonic() + self._gather_s
        while len(batch) < MOST_ITEMS:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _answer(self, items: Sequence[ItemT]) -> Sequence[AnswerT | Exception]:
        try:
            return self._work(items) if items else ()
        except Exception as error:
            if len(items) == 1:
                return [error]
            log.warning("BATCH_REDONE", batch=self._name, items=len(items), problem=repr(error)[:200])
            close_old_connections()
            return [answer for item in items for answer in self._answer([item])]


def hand_out(answers: list[tuple[WaitingT, Any]], unheard: Callable[[list[WaitingT]], None]) -> None:
    """
    Give each who waits its answer, or the exception that is its answer: one call to each loop, not one for each answer.

    `unheard` gets those whose loop is closed: nobody waits there any more.
    """
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[WaitingT, Any]]] = {}
    for waiting, answer in answers:
        by_loop.setdefault(waiting.loop, []).append((waiting, answer))
    for loop, heard in by_loop.items():
        try:
            loop.call_soon_threadsafe(_set_answers, heard)
        except RuntimeError:
            unheard([waiting for waiting, _ in heard])


def _set_answers(heard: Sequence[tuple[Awaiting, Any]]) -> None:
    for waiting, answer in heard:
        if waiting.answered.done():
            continue
        if isinstance(answer, Exception):
            waiting.answered.set_exception(answer)
        else:
            waiting.answered.set_result(answer)
