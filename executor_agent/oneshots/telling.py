"""What an agent answers from what it knows: a fresh snapshot, the terminal's facts, which version it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from executor_agent import AGENT_VERSION
from executor_agent.errors import TerminalUnknown
from executor_agent.journal import CommandRow
from executor_agent.oneshots.outcome import Done, executed, failed
from executor_agent.terminal.ports import Terminal, TerminalIdentity
from executor_agent.watch import Watch

_MOST_SYMBOLS = 60


class Tellings:
    """Handlers of SNAPSHOT, PREFLIGHT and UPGRADE."""

    def __init__(
        self,
        terminal: Terminal,
        watch: Watch,
        snapshot_now: Callable[[], None],
        find_identity: Callable[[], TerminalIdentity | None],
        probe_again: Callable[[], None],
    ) -> None:
        self._terminal, self._watch, self._snapshot_now = terminal, watch, snapshot_now
        self._find_identity, self._probe_again = find_identity, probe_again

    def snapshot(self, row: CommandRow) -> Done | None:
        """Look at the terminal and send what is seen at once."""
        self._watch.refresh()
        self._snapshot_now()
        return executed()

    def preflight(self, row: CommandRow) -> Done | None:
        """
        Answer with what the terminal says of itself, its account and its symbols; nothing is traded.

        The symbols in use are probed anew as well, and their certificates made of that.
        """
        identity, look = self._find_identity(), self._watch.refresh()
        if identity is None or look is None:
            return None
        self._probe_again()
        named = row.payload.get("symbols") or []
        names = sorted({*self._watch.symbols, *(name for name in named if isinstance(name, str))})[:_MOST_SYMBOLS]
        return executed(
            agent_version=AGENT_VERSION,
            login=identity.login,
            broker_server=identity.server,
            currency=identity.currency,
            leverage=identity.leverage,
            margin_mode=identity.margin_mode,
            trade_mode=identity.trade_mode,
            trade_allowed=look.trade_allowed,
            connected=look.is_connected,
            complete=look.is_complete,
            market_at=look.market.market_at.isoformat(),
            server_offset_s=look.market.server_offset_s,
            positions=None if look.positions is None else len(look.positions),
            orders=None if look.orders is None else len(look.orders),
            symbols={name: self._describe(name) for name in names},
        )

    def upgrade(self, row: CommandRow) -> Done | None:
        """Say whether this is the wanted version; a running agent does not replace itself, and says how it is done."""
        wanted = str(row.payload.get("version", ""))
        if wanted == AGENT_VERSION:
            return executed(version=AGENT_VERSION)
        recipe = [
            "stop the agent (its positions keep their stops)",
            f"install version {wanted} from the wheel or the release on its machine",
            "start the agent with the same agent.toml and data folder",
        ]
        message = f"this agent is {AGENT_VERSION} and does not replace itself by {wanted}: a person does, by the recipe"
        return failed("UNSUPPORTED", message, version=AGENT_VERSION, wanted=wanted, recipe=recipe)

    def _describe(self, name: str) -> dict[str, Any]:
        try:
            spec = self._terminal.read_symbol(name).spec
        except TerminalUnknown as unknown:
            return {"problem": unknown.message}
        shown = (
            "broker_symbol", "digits", "point", "tick_size", "tick_value", "contract_size", "volume_min", "volume_max",
            "volume_step", "stops_level_points", "freeze_level_points", "filling_mode", "trade_mode",
        )  # fmt: skip
        return {field: _plain(getattr(spec, field)) for field in shown}


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, str)) else float(value)
