"""How fast the agent lives: bars a second beside the simulator at full speed, time from a closed bar's entry to its fill, STOP to flat."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tests.agents.http_server import serving
from tests.agents.process import running_agent
from tests.agents.server import AgentServer
from tests.agents.waiting import wait_for
from tests.simulation import running_simulator
from tests.unit.trading.making import cross_rules, random_bars

SECONDS = 10.0


def main() -> None:
    """Print the figures."""
    for count in (1, 20):
        with tempfile.TemporaryDirectory() as folder:
            _measure(Path(folder), count)


def _measure(folder: Path, strategies: int) -> None:
    lines = (f"{b.opened_at:%Y-%m-%d %H:%M},{b.open},{b.high},{b.low},{b.close},50" for b in random_bars(5, 20_000))
    (folder / "EURUSD_M1.csv").write_text("\n".join(lines))
    server = AgentServer()
    with running_simulator(folder, replay=folder / "EURUSD_M1.csv", speed="max") as simulator, serving(server) as url:
        simulator.open_account(1001, balance="1000000")
        for number in range(strategies):
            rules = cross_rules(f"EMA_{3 + number}", f"EMA_{20 + 2 * number}")
            server.want("RUNNING", rules, assignment_id=f"asg_{number:02d}", magic=1_000_001 + number)
        with running_agent(folder / "agent", simulator, url):
            last = f"asg_{strategies - 1:02d}"
            wait_for(server, lambda: server.status(last) is not None and server.status(last).observed == "RUNNING", 60)
            first, began = simulator.control.state()["market_at"], time.perf_counter()
            time.sleep(SECONDS)
            bars = (simulator.control.state()["market_at"] - first) / 60
            rate = bars / (time.perf_counter() - began)
            trades, health = len(server.requests), server.snapshots[-1].health
            began = time.perf_counter()
            for number in range(strategies):
                server.want("STOPPED", assignment_id=f"asg_{number:02d}")
            wait_for(server, lambda: all(server.status(name).observed == "STOPPED" for name in server.wanted), 60)
            stopped_s = time.perf_counter() - began
    print(
        f"{strategies:>3} strategies: {rate:6.0f} bars/s, {trades} entries asked, STOP to flat {stopped_s * 1000:.0f} ms, "
        f"{health.threads} threads, {health.rss_bytes / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    main()
