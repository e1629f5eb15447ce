"""The server's answers to trade requests: their codes and their words."""

from dataclasses import dataclass
from typing import Final

DONE, DONE_PARTIAL, PLACED, TIMEOUT = 10009, 10010, 10008, 10012

COMMENTS: Final[dict[int, str]] = {
    0: "Done",
    10004: "Requote",
    10006: "Request rejected",
    10007: "Request canceled",
    10008: "Order placed",
    10009: "Request executed",
    10010: "Request executed partially",
    10011: "Request processing error",
    10012: "Request timed out",
    10013: "Invalid request",
    10014: "Invalid volume",
    10015: "Invalid price",
    10016: "Invalid stops",
    10017: "Trade disabled",
    10018: "Market closed",
    10019: "No money",
    10020: "Price changed",
    10021: "No prices",
    10022: "Invalid expiration",
    10023: "Order changed",
    10024: "Too many requests",
    10025: "No changes",
    10026: "AutoTrading disabled by server",
    10027: "AutoTrading disabled by client",
    10028: "Request locked",
    10029: "Modification failed due to order or position being close to market",
    10030: "Unsupported filling mode",
    10031: "No connection",
    10032: "Only real accounts allowed",
    10033: "Limit of pending orders reached",
    10034: "Volume limit reached",
    10035: "Invalid order",
    10036: "Position doesn't exist",
    10038: "Invalid close volume",
    10039: "Close order already exists",
    10040: "Limit of positions reached",
    10041: "Pending order activation rejected",
    10042: "Only long positions are allowed",
    10043: "Only short positions are allowed",
    10044: "Only position closing is allowed",
    10045: "Position closing only by FIFO rule",
    10046: "Hedging is prohibited",
}


class Refused(Exception):
    """The server does not do what was asked; nothing has changed."""

    def __init__(self, retcode: int) -> None:
        self.retcode = retcode
        super().__init__(f"{retcode} {COMMENTS.get(retcode, '')}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trade request."""

    retcode: int
    deal: int = 0
    order: int = 0
    volume: float = 0.0
    price: float = 0.0

    @property
    def comment(self) -> str:
        """The code in words."""
        return COMMENTS.get(self.retcode, "")
