"""How any work under a lease goes: a beat holds the lease on, and whatever goes wrong becomes the row's problem, never the worker's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from django.db import OperationalError, close_old_connections, connection

from apps.backtests.models import Leased
from apps.backtests.services import leases
from apps.backtests.services.leases import Checkpoint
from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import PlatformError
from trading.errors import TradingError

log = structlog.get_logger(__name__)

BEAT_EVERY_S = 10.0

Row = TypeVar("Row", bound=Leased)
Problem = dict[str, Any]


def work_on(
    row: Row, compute: Callable[[Row, Checkpoint], None], *, tell: Callable[[Row], None], fail: Callable[[Row, Problem], None]
) -> None:  # fmt: skip
    """
    Compute a claimed row, holding its lease meanwhile.

    :param compute: writes the one result itself; may raise `LeaseLost`.
    :param tell: says how far the row is, in the transaction that keeps it.
    :param fail: ends the row with a problem of `code`, `message` and, where known, `field` and `extra`.
    :raises OperationalError: where the database is away; the lease runs out, and the next worker has the row.
    """
    with structlog.contextvars.bound_contextvars(work=row.public_id):
        try:
            problem = _compute(row, compute, tell)
            if problem is not None:
                fail(row, problem)
        except leases.LeaseLost:
            log.info("WORK_DROPPED")


def _compute(row: Row, compute: Callable[[Row, Checkpoint], None], tell: Callable[[Row], None]) -> Problem | None:
    """Return what went wrong, or None."""
    if leases.is_worn_out(row):
        return _problem("WORKER_LOST", f"{leases.MOST_ATTEMPTS} workers ended over it without a result.")
    try:
        with _beating(row):
            compute(row, leases.make_checkpoint(row, tell))
    except (TradingError, PlatformError) as error:
        return _problem(str(error.code), error.message, error.field, error.extra)
    except (leases.LeaseLost, OperationalError):
        raise
    except MemoryError:
        log.exception("WORK_BROKE")
        return _problem("TOO_LARGE", "There is not enough memory for this: take a shorter period, or fewer points.")
    except Exception:
        log.exception("WORK_BROKE")
        return _problem(str(Code.INTERNAL), "Something broke on our side. It has been logged.")
    return None


def _problem(code: str, message: str, field: str | None = None, extra: Any = None) -> Problem:
    more = {"field": field, "extra": extra}
    return {"code": code, "message": message, **{name: value for name, value in more.items() if value}}


@contextmanager
def _beating(row: Leased) -> Iterator[None]:
    """Hold the lease while one long call computes and cannot say anything itself."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_EVERY_S):
            try:
                leases.renew(row, read_at())
            except leases.LeaseLost:
                break
            except OperationalError:
                close_old_connections()  # it is tried again; the lease is longer than a few beats
        connection.close()

    thread = threading.Thread(target=beat, name=f"lease-{row.public_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
