"""What the agent can fail at, by name."""

from __future__ import annotations

from trading.errors import TradingError


class ConfigError(TradingError):
    """The configuration file cannot be used; the message says which value and what would be right."""

    code = "AGENT_CONFIG"


class AlreadyRunning(TradingError):
    """Another agent of this machine holds the same data directory."""

    code = "AGENT_ALREADY_RUNNING"


class TerminalUnknown(TradingError):
    """
    The terminal did not say. Not "none": nobody knows.

    :param number: MetaTrader's `last_error` number, None where the terminal's process itself went silent.
    """

    code = "TERMINAL_UNKNOWN"

    def __init__(self, message: str, *, number: int | None = None) -> None:
        super().__init__(message)
        self.number = number

    def __reduce__(self) -> tuple[object, ...]:
        # Travels through a pipe between our two processes.
        return (_rebuild_unknown, (self.message, self.number))


class SymbolUnknown(TerminalUnknown):
    """The terminal was asked and has no such symbol: known, and for a person to mend."""

    code = "SYMBOL_UNKNOWN"

    def __reduce__(self) -> tuple[object, ...]:
        return (SymbolUnknown, (self.message,))


def _rebuild_unknown(message: str, number: int | None) -> TerminalUnknown:
    return TerminalUnknown(message, number=number)
