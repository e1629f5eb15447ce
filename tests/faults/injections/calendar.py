"""Group D, the calendar: zones of the rig's own, whose clocks jump when the market comes to it, and whose rules change overnight."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.faults.injections.registry import connect, fault, one
from tests.faults.rig import Agent, Rig
from tests.journeys.running import wait_for

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
    """Days that exist stay as they are; the next one begins where the last one ends, ends by the new rules, and that is told."""
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
    with connect(rig) as connection:
        told = connection.execute(
            "select 1 from risk_riskevent e join accounts_account a on a.id = e.account_id"
            " where a.code = %s and e.event_type = 'DAY_MOVED' and e.metrics->>'zone' = %s",
            [agent.code, zone],
        ).fetchall()
    assert told, "I11 nobody was told that a day moved"


AT_ONCE = 200
TUESDAY_TO_THURSDAY = (1, 2, 3)


@fault(53, "two hundred approvals in the millisecond of the reset", "I7 I1")
def ask_as_day_turns(rig: Rig) -> None:
    """The agent's own last request, two hundred times under new keys, half of them a millisecond before the day ends, half after."""
    agent = one(rig)
    body = wait_for("a request in the journal", lambda: _read_last_request(agent), 60)
    rig.control("pause")
    try:
        ends_at = _read_turn(rig, agent)
        left_s = ends_at.timestamp() - rig.control("state")["market_at"]
        rig.control("advance", seconds=max(0.0, left_s - 1))
        moments = [ends_at + timedelta(milliseconds=1 if number % 2 else -1) for number in range(AT_ONCE)]
        rig.random.shuffle(moments)
        bodies = [
            body | {"client_request_id": f"rig-{rig.random.getrandbits(64):x}", "market_at": at.isoformat()}
            for at in moments
        ]
        told = Counter(asyncio.run(_ask_at_once(agent, bodies)))
    finally:
        rig.control("resume")
    assert set(told) <= {200, 429, 503}, f"I9 answered {told}"
    assert told[200] > AT_ONCE / 2, f"hardly any was decided: {told}"
    _check_turn(rig, agent, ends_at, [one["client_request_id"] for one in bodies])


@fault(54, "a floating loss that is within today's limit and beyond tomorrow's", "I7 I11", within_s=180)
def float_over_reset(rig: Rig) -> None:
    """A person's won trade hides a losing one until the day turns; before it does, the lots that must go are named."""
    agent = one(rig, is_hedging=True)
    rig.command(agent, "pause")
    rig.platform.wait_observed(agent.strategy, "PAUSED")
    while (ends_at := _read_turn(rig, agent)).weekday() in (5, 6, 0):  # the night before it the market is closed
        rig.advance_market(hours=(ends_at.timestamp() - rig.control("state")["market_at"]) / 3600 + 0.1)
        wait_for("the day to turn", lambda before=ends_at: _read_turn(rig, agent) > before, 60)
    rig.advance_market(hours=(ends_at.timestamp() - rig.control("state")["market_at"]) / 3600 - 0.5)
    rig.control("pause")
    try:
        _close_by_hand(rig, agent, _buy_by_hand(rig, agent, won=1_500))
        lost = _buy_by_hand(rig, agent, won=-3_500)
        sql = "select e.metrics->'cuts'->0->>'position_id' from risk_riskevent e join accounts_account a on a.id = e.account_id where a.code = %s and e.event_type = 'RESET_CLIFF_AHEAD' order by e.at desc"
        with connect(rig) as connection:
            wait_for(
                "the cliff to be told", lambda: connection.execute(sql, [agent.code]).fetchone() == (str(lost),), 60
            )
        _close_by_hand(rig, agent, lost)
        _close_by_hand(rig, agent, _buy_by_hand(rig, agent, won=2_000))
    finally:
        rig.control("resume")
    rig.command(agent, "resume")
    rig.platform.wait_observed(agent.strategy, "RUNNING")


def _buy_by_hand(rig: Rig, agent: Agent, *, won: int) -> int:
    """Buy one lot so far from the market that it has won so much at once, and return the ticket."""
    before = {one["ticket"] for one in rig.ledger(agent)["positions"]}
    stop = round(rig.entries(agent)[-1]["price"] - 0.02, 5)
    order = {"login": agent.login, "symbol": "EURUSD", "side": "BUY", "volume": "1", "sl": stop}
    rig.control("trade_by_hand", **order, slippage_points=-won)
    (ticket,) = [one["ticket"] for one in rig.ledger(agent)["positions"] if one["ticket"] not in before]
    return int(ticket)


def _close_by_hand(rig: Rig, agent: Agent, ticket: int) -> None:
    rig.control("trade_by_hand", login=agent.login, symbol="EURUSD", side="SELL", volume="1", position=ticket)


def _check_turn(rig: Rig, agent: Agent, ends_at: datetime, keys: list[str]) -> None:
    about = "from accounts_account a join accounts_accountrisk r on r.account_id = a.id"
    with connect(rig) as connection:
        days = connection.execute(
            "select p.day, count(*), count(*) filter (where p.approved) from risk_approval p where p.client_key = any(%s) group by p.day",
            [keys],
        ).fetchall()
        counted = connection.execute(
            f"select r.day, r.approved_today, (select count(*) from risk_approval p where p.account_id = a.id and p.day = r.day and p.approved)"
            f" {about} where a.code = %s",
            [agent.code],
        ).fetchone()
    assert ends_at in _read_days(rig, agent), "I7 the day did not turn"
    assert counted is not None
    assert counted[1] == counted[2], (
        f"I1 {counted[0]}: {counted[1]} counted, {counted[2]} approved; of the rig's {days}"
    )
    assert any(day == counted[0] for day, _, _ in days), f"I7 nobody asked on the new day: {days}"


def _read_turn(rig: Rig, agent: Agent) -> datetime:
    sql = "select r.day_ends_at from accounts_accountrisk r join accounts_account a on a.id = r.account_id where a.code = %s"
    with connect(rig) as connection:
        row = connection.execute(sql, [agent.code]).fetchone()
    assert row is not None
    turn: datetime = row[0]
    return turn.astimezone(UTC)


def _read_last_request(agent: Agent) -> dict[str, Any] | None:
    """Return what the agent asked last, as its journal keeps it: with its fence, generation and epochs."""
    rows = [
        line.split(b" ", 1)[1] for line in (agent.journal / "journal.log").read_bytes().splitlines() if b" " in line
    ]
    asked = [row["request"] for row in map(json.loads, rows) if row["row"] == "intent"]
    return dict(json.loads(asked[-1])) if asked else None


async def _ask_at_once(agent: Agent, bodies: list[dict[str, Any]]) -> list[int]:
    server = tomllib.loads((agent.folder / "agent.toml").read_text("utf-8"))["server"]
    headers = {"X-API-Key": server["api_key"], "X-API-Secret": server["api_secret"]}
    limits = httpx.Limits(max_connections=len(bodies))
    async with httpx.AsyncClient(base_url=server["url"], headers=headers, limits=limits, timeout=60) as client:
        asking = [
            client.post("/api/v1/trades/approve", json=body, headers={"Idempotency-Key": body["client_request_id"]})
            for body in bodies
        ]
        return [answer.status_code for answer in await asyncio.gather(*asking)]


def _new_zone(rig: Rig, changes: list[tuple[datetime, timedelta]]) -> str:
    assert rig.zones is not None
    return rig.zones.write(f"{rig.random.getrandbits(32):x}", changes)


def _find_midnight(rig: Rig) -> datetime:
    """
    Return a midnight to come [UTC, of the market], with an open market on the days before and after: a closed one jumps over hours.

    The next one is left out: until then the day in force may still end by an older zone.
    """
    market_at = datetime.fromtimestamp(rig.control("state")["market_at"], UTC)
    midnight = market_at.replace(hour=0, minute=0, second=0, microsecond=0) + 2 * DAY
    while midnight.weekday() not in TUESDAY_TO_THURSDAY:
        midnight += DAY
    return midnight


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
