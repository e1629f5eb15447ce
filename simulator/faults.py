"""Faults on demand: what a test or a person may let go wrong at the broker or in the terminal."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from simulator.broker import request as wanted
from simulator.broker.desk import Conditions
from simulator.broker.request import TradeRequest

ORDER_FAULTS: Final = (
    "requote",
    "price_changed",
    "reject",
    "timeout_filled",
    "timeout_unfilled",
    "partial_fill",
    "slippage",
)
QUERY_FAULTS: Final = ("positions_none", "positions_empty", "positions_half")
LINE_FAULTS: Final = ("disconnect", "server_down", "hang")
KINDS: Final = (*ORDER_FAULTS, *QUERY_FAULTS, *LINE_FAULTS)
_REPLIES: Final = ("none", "retcode", "drop", "hang")
_ON: Final = ("any", "open", "close", "sltp", "pending")
_LONGEST_S: Final = 3600.0


class FaultError(ValueError):
    """A fault that does not exist, or a parameter that it does not take."""


@dataclass(slots=True)
class Fault:
    """One scripted fault and how often it still happens."""

    kind: str
    login: int | None
    count: int
    on: str
    retcode: int
    reply: str
    conditions: Conditions

    def fits(self, login: int, request: TradeRequest) -> bool:
        """Say whether it is meant for this request."""
        if self.login not in (None, login):
            return False
        return self.on == "any" or self.on == name_purpose(request)


class Faults:
    """The script. It lives in memory: a restarted simulator has none."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._until: dict[str, tuple[float, int | None]] = {}

    def script(self, kind: str, wall: float, login: int | None = None, **values: Any) -> None:
        """
        Add a fault.

        :raises FaultError: for an unknown kind or a parameter out of its range.
        """
        if kind not in KINDS:
            raise FaultError(f"unknown fault {kind!r}: use one of {', '.join(KINDS)}")
        if kind in LINE_FAULTS:
            seconds = float(values.pop("seconds", 5.0))
            if values or not 0 <= seconds <= _LONGEST_S:
                raise FaultError(f"{kind} takes only seconds, 0 to {_LONGEST_S:.0f}")
            self._until[kind] = (wall + seconds, login)
            return
        self._waiting.append(_read_fault(kind, login, values))

    def clear(self) -> None:
        """Forget all that has not happened yet."""
        self._waiting.clear()
        self._until.clear()

    def take_order_fault(self, login: int, request: TradeRequest) -> Fault | None:
        """Return the first fault for this request, and count it."""
        fits = (fault for fault in self._waiting if fault.kind in ORDER_FAULTS and fault.fits(login, request))
        return self._take(next(fits, None))

    def take_query_fault(self, login: int) -> Fault | None:
        """Return the first fault for a look at the positions, and count it."""
        fits = (f for f in self._waiting if f.kind in QUERY_FAULTS and f.login in (None, login))
        return self._take(next(fits, None))

    def is_on(self, kind: str, login: int | None, wall: float) -> bool:
        """Say whether a line fault is on for an account; without a login, for anybody."""
        until, meant = self._until.get(kind, (0.0, None))
        return wall < until and (meant is None or meant == login)

    def _take(self, fault: Fault | None) -> Fault | None:
        if fault is not None:
            fault.count -= 1
            if fault.count <= 0:
                self._waiting.remove(fault)
        return fault


def name_purpose(request: TradeRequest) -> str:
    """Return what a request is for, in the words of a fault's ``on``."""
    if request.action == wanted.DEAL:
        return "close" if request.position else "open"
    return {wanted.SLTP: "sltp", wanted.PENDING: "pending"}.get(request.action, "any")


def _read_fault(kind: str, login: int | None, values: dict[str, Any]) -> Fault:
    codes = {
        "requote": 10004,
        "price_changed": 10020,
        "reject": 10006,
        "timeout_filled": 10012,
        "timeout_unfilled": 10012,
    }
    fault = Fault(
        kind=kind,
        login=login,
        count=int(values.pop("count", 1)),
        on=str(values.pop("on", "any")),
        retcode=int(values.pop("retcode", codes.get(kind, 0))),
        reply=str(values.pop("reply", "none")),
        conditions=Conditions(
            slippage_points=int(values.pop("points", 0)), filled_share=Decimal(str(values.pop("share", 1)))
        ),
    )
    if values:
        raise FaultError(f"{kind} does not take {', '.join(sorted(values))}")
    if fault.count < 1 or fault.on not in _ON or fault.reply not in _REPLIES:
        raise FaultError(f"count is at least 1, on is one of {', '.join(_ON)}, reply one of {', '.join(_REPLIES)}")
    if not 0 < fault.conditions.filled_share <= 1:
        raise FaultError("share is above 0 and at most 1")
    return fault
