"""
The catalogue's groups A to D as a table: what is injected, how, and what holds the rest. ``python -m tests.faults.catalogue`` writes
it into the guide; a test holds guide and code equal.
"""

from __future__ import annotations

from pathlib import Path

from tests.faults.injections import FAULTS, Fault

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "faults.md"
BEGIN, END = "<!-- table: written by tests.faults.catalogue -->", "<!-- end of table -->"

TITLES = {
    1: "web killed while an approval is judged", 2: "web killed during the fan-out of a START", 3: "worker killed",
    4: "beat absent", 5: "two beats", 6: "PostgreSQL crashes under load", 7: "PostgreSQL frozen", 8: "connections exhausted",
    9: "deadlock, lock queue", 10: "serialization failure inside an approval", 11: "Valkey killed, hung, emptied",
    12: "Valkey full, evicting", 13: "disk full on the server", 14: "disk full on the agent",
    15: "journal torn, corrupted, deleted", 16: "memory or processor taken away", 17: "an old backup restored",
    18: "messages doubled", 19: "messages out of order", 20: "a START ten minutes late", 21: "all pushes dropped",
    22: "channel layer over capacity", 23: "half-open socket", 24: "reply lost after its effect", 25: "socket a day old",
    26: "sliced packets", 27: "partition between agent and server", 28: "partition one way", 29: "partition during a kill switch",
    30: "two agents with one key", 31: "a paused agent wakes after its lease", 32: "agent killed around an order",
    33: "relay killed between sending and marking", 34: "timeout: filled, not filled, no answer", 35: "partial fill",
    36: "every return code", 37: "requote storm", 38: "slippage, gap through the stop", 39: "close rejected",
    40: "stop loss lost at the broker", 41: "position opened by hand", 42: "positions unknown, empty, half",
    43: "large tickets, netting, reversal", 44: "balance operation, swap, commission", 45: "symbol changed, suffix",
    46: "another account in the terminal", 47: "server clock jumps", 48: "database clock jumps and falls back",
    49: "agent clock wrong or drifting", 50: "summer time, forward and back", 51: "midnight missing or twice",
    52: "away across one, two, nine resets", 53: "two hundred approvals at the reset", 54: "floating loss that breaches after the reset",
    55: "a new tzdata",
}  # fmt: skip
# What the rig does not inject into a running platform, or not in every part, and who holds it.
ELSEWHERE = {
    1: "after the commit and before the reply is number 24: the line swallows the answer",
    3: "at random moments, not once in each task",
    20: "some seconds late: a START is a state with a generation, not a message, so minutes change nothing (`tests/unit/executor_agent/test_wishes.py`)",
    27: "up to 28 s; what an agent does after minutes by `tests/unit/executor_agent/test_without_the_server.py`, on clocks of its own",
    32: "at random moments, in a storm hundreds of times; each point by `tests/unit/executor_agent/test_lives.py`",
    33: "at a random moment; between sending and marking by `tests/apps/common/test_relay.py` (the event id is the same)",
    38: "slippage; a gap through the stop by `tests/parity` and the simulator's tests",
    43: "every second account of the rig nets, and all tickets are beyond 2^32; averaging and reversals of every size by `tests/unit/simulator/test_accounts.py`, `tests/unit/test_trades_ledger.py`",
    50: "in zones of the rig's own; every zone there is, by property: `tests/unit/trading/risk/test_days.py`",
    51: "in zones of the rig's own; Cairo, Beirut, Santiago, Havana by `tests/unit/trading/risk/test_days.py`",
    53: "one agent's own request under two hundred keys; two hundred bots by `tests/apps/risk/test_decide_races.py`",
    54: "the law of the forecast by `tests/unit/trading/risk/test_forecast.py`",
    55: "the rules of a zone of the rig's own; a process reads a zone once, so new rules count from its next start",
}  # fmt: skip
GROUPS = ((1, "A: processes, storage"), (18, "B: messages"), (34, "C: broker and terminal"), (47, "D: time"))


def render() -> str:
    """Return the table, group after group."""
    lines = []
    for number, title in TITLES.items():
        if name := dict(GROUPS).get(number):
            lines += ["", f"**{name}**", "", "| # | fault | injected as | run | aimed at |", "|---|---|---|---|---|"]
        injected = [fault for fault in FAULTS if fault.number == number]
        aims = " ".join(dict.fromkeys(aim for fault in injected for aim in fault.aims.split()))
        names = "; ".join([*map(_name, injected), *([f"*{ELSEWHERE[number]}*"] if number in ELSEWHERE else [])])
        runs = "short" if any(fault.is_short for fault in injected) else "long" if injected else "–"
        lines.append(f"| {number} | {title} | {names} | {runs} | {aims or '–'} |")
    return "\n".join(lines).strip()


def _name(fault: Fault) -> str:
    return fault.name + (" (long)" if not fault.is_short else "")


def write_guide(path: Path = GUIDE) -> None:
    """Put the table into the guide, between its marks."""
    text = path.read_text("utf-8")
    before, rest = text.split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n\n{render()}\n\n{END}{rest.split(END)[1]}", "utf-8")


if __name__ == "__main__":
    write_guide()
