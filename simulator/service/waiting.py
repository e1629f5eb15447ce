"""Calls of the simulated market itself: its clock, and who it waits for."""

from typing import Any

from simulator.market.feed import NoBars
from simulator.service.calls import Answer, Calls, Refusal


class WaitCalls(Calls):
    """The words with the prefix ``sim_``."""

    def sim_clock(self, _: Any) -> Answer:
        """Return the market's clock."""
        return self._host.describe_clock(), b""

    def sim_subscribe(self, arguments: list[Any]) -> Answer:
        """Let the market wait for this program at each closed bar."""
        symbol, timeframe = arguments
        account = self._get_account()
        try:
            self._exchange.feed.read_rates(symbol, timeframe, self._at, 1)
        except NoBars:
            raise Refusal(-1) from None
        self._host.subscribe(account.login, symbol, timeframe, self._state.number)
        return True, b""

    def sim_unsubscribe(self, arguments: list[Any]) -> Answer:
        """Take a subscription back."""
        self._host.unsubscribe(self._state.number, *arguments)
        return True, b""

    def sim_ack(self, arguments: list[Any]) -> Answer:
        """Acknowledge a closed bar."""
        self._host.acknowledge(self._state.number, *arguments)
        return True, b""

    def sim_hold(self, seconds: float) -> Answer:
        """Let the market stand still."""
        self._host.hold(self._state.number, seconds)
        return True, b""

    def sim_release(self, _: Any) -> Answer:
        """Let the market go on."""
        self._host.release(self._state.number)
        return True, b""
