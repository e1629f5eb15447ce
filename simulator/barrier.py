"""What the market waits for: bars that are not acknowledged yet, and holds. Wall time is handed in."""

from dataclasses import dataclass, field
from typing import Final

ACKNOWLEDGE_WITHIN_S: Final = 5.0
LONGEST_HOLD_S: Final = 10.0


@dataclass(slots=True)
class Subscription:
    """One program's wish to see each closed bar of a symbol and timeframe before the market goes on."""

    login: int
    symbol: str
    timeframe: int
    owner: int | None
    """The connection, ``None`` for a while after it broke."""
    forming_open: int
    """When the forming bar opened [server clock]."""
    pending: int | None = None
    """Opening time of the closed bar that is not acknowledged yet."""
    wait_until: float = 0.0
    gone_until: float = 0.0

    @property
    def key(self) -> tuple[int, str, int]:
        """What a program that comes back is known by."""
        return self.login, self.symbol, self.timeframe


@dataclass(slots=True)
class Barrier:
    """All subscriptions and holds. The market moves only while nothing blocks."""

    subscriptions: list[Subscription] = field(default_factory=list)
    _holds: dict[int, float] = field(default_factory=dict)

    def subscribe(self, login: int, symbol: str, timeframe: int, owner: int, forming_open: int) -> None:
        """Add a subscription; a program that comes back in time takes its own over, with the bar it still owes."""
        key = (login, symbol, timeframe)
        for subscription in self.subscriptions:
            if subscription.key == key and subscription.owner in (None, owner):
                subscription.owner = owner
                return
        self.subscriptions.append(Subscription(login, symbol, timeframe, owner, forming_open))

    def unsubscribe(self, owner: int, symbol: str, timeframe: int) -> None:
        """Remove one subscription."""
        gone = (owner, symbol, timeframe)
        self.subscriptions = [s for s in self.subscriptions if (s.owner, s.symbol, s.timeframe) != gone]

    def acknowledge(self, owner: int, closed_bar: int, symbol: str | None, timeframe: int | None) -> None:
        """Let the market go on, as far as the bars that opened at ``closed_bar`` or before are concerned."""
        for subscription in self.list_of(owner):
            if symbol not in (None, subscription.symbol) or timeframe not in (None, subscription.timeframe):
                continue
            if subscription.pending is not None and subscription.pending <= closed_bar:
                subscription.pending = None

    def list_of(self, owner: int) -> list[Subscription]:
        """Return the subscriptions of a connection."""
        return [subscription for subscription in self.subscriptions if subscription.owner == owner]

    def mark_closed(self, subscription: Subscription, forming_open: int, wall: float) -> None:
        """Note that a bar has closed and the next one forms."""
        subscription.pending, subscription.forming_open = subscription.forming_open, forming_open
        subscription.wait_until = wall + ACKNOWLEDGE_WITHIN_S

    def hold(self, owner: int, seconds: float, wall: float) -> None:
        """Let the market stand still for a connection, but never long."""
        self._holds[owner] = wall + min(max(seconds, 0.0), LONGEST_HOLD_S)

    def release(self, owner: int) -> None:
        """End the hold of a connection."""
        self._holds.pop(owner, None)

    def leave(self, owner: int, wall: float, *, orderly: bool) -> None:
        """Forget a connection: at once if it said goodbye, else only when it has not come back in time."""
        self.release(owner)
        if orderly:
            self.subscriptions = [s for s in self.subscriptions if s.owner != owner]
            return
        for subscription in self.list_of(owner):
            subscription.owner, subscription.gone_until = None, wall + ACKNOWLEDGE_WITHIN_S

    def find_block(self, wall: float) -> float | None:
        """Return until when the market must stand still at most, ``None`` if it may go on."""
        self._holds = {owner: until for owner, until in self._holds.items() if until > wall}
        self.subscriptions = [s for s in self.subscriptions if s.owner is not None or s.gone_until > wall]
        waits = [s.wait_until for s in self.subscriptions if s.pending is not None and s.wait_until > wall]
        return max((*waits, *self._holds.values()), default=None)
