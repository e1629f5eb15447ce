"""The words for orders and positions: sides, reasons, outcomes. No numpy here: the judge reads these too."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """The direction of an order or position."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The side that closes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @classmethod
    def from_sign(cls, sign: int) -> Side:
        """
        Return BUY for +1 and SELL for -1.

        :raises ValueError: for any other number.
        """
        if sign not in (1, -1):
            raise ValueError(f"a side is +1 or -1, not {sign}")
        return cls.BUY if sign == 1 else cls.SELL


class ExitReason(StrEnum):
    """Why a position was closed."""

    STOP_LOSS = "STOP_LOSS"
    TRAILING_STOP = "TRAILING_STOP"
    TAKE_PROFIT = "TAKE_PROFIT"
    OPPOSITE_SIGNAL = "OPPOSITE_SIGNAL"
    SIGNAL = "SIGNAL"
    PARTIAL_EXIT = "PARTIAL_EXIT"
    TIME_EXIT = "TIME_EXIT"
    SESSION_END = "SESSION_END"
    STRATEGY_STOPPED = "STRATEGY_STOPPED"
    MANUAL = "MANUAL"
    SLIPPAGE = "SLIPPAGE"
    UNAPPROVED = "UNAPPROVED"
    KILL_SWITCH = "KILL_SWITCH"
    STOP_OUT = "STOP_OUT"
    END_OF_DATA = "END_OF_DATA"
    UNKNOWN = "UNKNOWN"


class IntentKind(StrEnum):
    """What a strategy wants done."""

    OPEN = "OPEN"
    CLOSE = "CLOSE"
    PARTIAL = "PARTIAL"
    MOVE_STOP = "MOVE_STOP"


class OrderOutcome(StrEnum):
    """
    What became of an order we wanted.

    *Denied* is our own no, *rejected* the broker's, *unresolved* means that nobody knows yet.
    """

    REQUESTED = "REQUESTED"
    DENIED = "DENIED"
    APPROVED = "APPROVED"
    SENT = "SENT"
    PLACED = "PLACED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    REJECTED = "REJECTED"
    UNRESOLVED = "UNRESOLVED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
