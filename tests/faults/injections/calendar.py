"""Group D, the calendar: zones of the rig's own, whose clocks jump when the market comes to it, and whose rules change overnight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.faults.injections.registry import connect, fault, one
from tests.faults.rig import Agent, Rig

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def turn_day(number: int, name: str, *, jumps_at: timedelta, by: timedelta) -> None:
    @fault(number, name, "I7", needs_zones=True)
    def inject(rig: Rig) -> None:
        """The account's clock jumps so long after the midnight after the next one; that day alone is shorter or longer."""
        agent = one(rig)
        midnight = _find_midnight(rig)
        _move_to(rig, agent, _new_zone(rig, [(midnight + jumps_at, by)]))
        _go_to(rig, agent, midnight + DAY + 2 * HOUR)
        assert _read_days(rig, agent).get(midnight) == midnight + DAY - by, f"I7 {midnight}: {_read_days(rig, agent)}"


turn_day(50, "clocks forward at two", jumps_at=2 * HOUR, by=HOUR)
turn_day(50, "clocks back at three", jumps_at=3 * HOUR, by=-HOUR)
turn_day(51, "a midnight that is missing", jumps_at=timedelta(), by=HOUR)
turn_day(51, "a midnight that comes twice", jumps_at=HOUR, by=-HOUR)


@fault(55, "new rules for a zone, and the server started anew", "I7", needs_zones=True, within_s=180)
def change_rules(rig: Rig) -> None:
    """Days that exist stay as they are; the next one begins where the last one ends, and ends by the new rules."""
    agent = one(rig)
    midnight = _find_midnight(rig)
    zone = _new_zone(rig, [])
    _move_to(rig, agent, zone)
    _go_to(rig, agent, midnight + HOUR)
    before = _read_days(rig, agent)
    assert rig.zones is not None
    rig.zones.write(zone.split("/")[1], [(midnight - 9 * DAY, 3 * HOUR)])
    for name in ("web", "worker", "relay", "beat"):
        rig.kill_process(name)
    _go_to(rig, agent, midnight + DAY + 2 * HOUR)
    after = _read_days(rig, agent)
    kept = {starts_at: ends_at for starts_at, ends_at in after.items() if starts_at in before}
    assert kept == before, f"I7 days that had begun were changed: {before} {after}"
    assert after.get(midnight + DAY) == midnight + 2 * DAY - 3 * HOUR, f"I7 not by the new rules: {after}"


def _new_zone(rig: Rig, changes: list[tuple[datetime, timedelta]]) -> str:
    assert rig.zones is not None
    return rig.zones.write(f"{rig.random.getrandbits(32):x}", changes)


def _find_midnight(rig: Rig) -> datetime:
    """Return the second midnight to come [UTC, of the market]: until the first, the day in force may still end by an older zone."""
    market_at = datetime.fromtimestamp(rig.control("state")["market_at"], UTC)
    return market_at.replace(hour=0, minute=0, second=0, microsecond=0) + 2 * DAY


def _move_to(rig: Rig, agent: Agent, zone: str) -> None:
    answer = rig.platform.client.patch(f"accounts/{agent.account_id}", json={"zone": zone})
    assert answer.is_success, answer.text


def _go_to(rig: Rig, agent: Agent, market_at: datetime) -> None:
    """Let the market go on day by day until then, and the agent trade on each."""
    while (left := market_at.timestamp() - rig.control("state")["market_at"]) > 0:
        rig.advance_market(hours=min(left / 3600, 24))
        rig.wait_trading([agent])


def _read_days(rig: Rig, agent: Agent) -> dict[datetime, datetime]:
    sql = "select starts_at, ends_at from accounts_tradingday d join accounts_account a on a.id = d.account_id where a.code = %s"
    with connect(rig) as connection:
        rows = connection.execute(sql, [agent.code]).fetchall()
    return {starts_at.astimezone(UTC): ends_at.astimezone(UTC) for starts_at, ends_at in rows}
