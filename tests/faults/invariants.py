"""What must hold at every moment and at the end; a break names itself and is kept, whatever else goes on."""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg

from config.launch import postgres
from config.launch.data_dir import DataDir
from tests.faults.rig import Agent, Rig

IN, IN_OUT = 0, 2
WORST_CASE = """
select a.code, r.reserved,
       coalesce(h.held, 0) as held
from accounts_accountrisk r
join accounts_account a on a.id = r.account_id
left join (select account_id, sum(reserved) as held from risk_approval
           where reservation in ('HELD', 'UNRESOLVED') group by account_id) h on h.account_id = r.account_id
"""
DAYS = """
select count(*) from (
  select account_id, starts_at, lag(ends_at) over (partition by account_id order by starts_at) as before
  from accounts_tradingday) d
where before is not null and before <> starts_at
"""
UNDECIDED_APPROVALS = """
select count(*) from risk_approval a join accounts_account c on c.id = a.account_id
where a.day is not null and not exists
  (select 1 from accounts_tradingday d where d.account_id = a.account_id and d.day = a.day)
"""
STRAYED_APPROVALS = """
select count(*) from risk_approval a join accounts_tradingday d on d.account_id = a.account_id and d.day = a.day
where a.market_at < d.starts_at or a.market_at >= d.ends_at
"""
CHAIN = """
select count(*) from (
  select number, previous_hash, lag(hash) over (partition by account_id order by number) as before,
         lag(number) over (partition by account_id order by number) as before_number
  from risk_decision) d
where before is not null and (previous_hash <> before or number <> before_number + 1)
"""


class Broken(AssertionError):
    """An invariant did not hold."""


class Watch:
    """Looks all the time, beside whatever is injected; remembers every break."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.breaks, self.looks = rig, list[str](), 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._client = httpx.Client(
            base_url=rig.platform.client.base_url, headers=rig.platform.client.headers, timeout=5
        )

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)
        self._client.close()

    def _run(self) -> None:
        while not self._stop.wait(0.3):
            for agent in self.rig.agents:
                try:
                    self._look(agent)
                except (httpx.HTTPError, AssertionError, KeyError, OSError, ValueError):
                    continue  # somebody is away: that is what is tested

    def _look(self, agent: Agent) -> None:
        if not agent.strategy:
            return
        rows = self._client.get("assignments", params={"strategy": agent.strategy}).raise_for_status().json()["results"]
        ledger = self.rig.ledger(agent)
        self.looks += 1
        for row in rows:
            own = [one for one in ledger["positions"] if one["magic"] == row["magic_number"]]
            if len(own) > 1:
                self._break("I3", agent, f"{len(own)} positions where one is the most")
            proven = row["observed"] == "STOPPED" and row["observed_generation"] == row["generation"]
            if proven and row["desired"] == "STOPPED" and own and self._is_still(agent, row):
                self._break("I5", agent, "STOPPED is shown and the broker holds a position")

    def _is_still(self, agent: Agent, row: dict[str, Any]) -> bool:
        answer = self._client.get("assignments", params={"strategy": agent.strategy}).raise_for_status()
        return any(
            one["id"] == row["id"] and one["generation"] == row["generation"] for one in answer.json()["results"]
        )

    def _break(self, invariant: str, agent: Agent, what: str) -> None:
        text = f"{invariant} {agent.code}: {what}"
        if text not in self.breaks:
            self.breaks.append(text)


def check_end(rig: Rig) -> list[str]:
    """Return what does not hold now that everything stands still: agents stopped flat, ledger equal, chain whole."""
    found: list[str] = []
    for agent in rig.agents:
        found += [f"{text} ({agent.code})" for text in _check_agent(rig, agent)]
    with psycopg.connect(_database(rig.data), autocommit=True) as connection:
        for sql, what in ((DAYS, "I7 trading days have gaps"), (UNDECIDED_APPROVALS, "I7 an approval without its day"),
                          (STRAYED_APPROVALS, "I7 an approval outside of its day"),
                          (CHAIN, "I12 the chain of decisions is broken")):  # fmt: skip
            row = connection.execute(sql).fetchone()
            if row and row[0]:
                found.append(f"{what}: {row[0]}")
        for code, reserved, held in connection.execute(WORST_CASE).fetchall():
            if reserved != held:
                found.append(f"I1 {code}: {reserved} counted as reserved, {held} held")
    return found


def _database(data: Path) -> str:
    opened = DataDir.open(data)
    return postgres.url(opened, opened.read("ports.json")["postgres"])


def _check_agent(rig: Rig, agent: Agent) -> list[str]:
    found: list[str] = []
    ledger, trades = rig.ledger(agent), rig.platform.trades(agent.strategy)
    deals = [deal for deal in ledger["deals"] if deal["symbol"] and not _is_a_persons(deal, ledger)]
    entries = [deal for deal in deals if deal["entry"] == 0]
    opened = {(deal["comment"], deal["position_id"]) for deal in entries}
    if len({tag for tag, _ in opened}) < len(opened):
        found.append("I2 an approval was used for two positions")
    if missing := [trade["id"] for trade in trades if not trade["approval"]]:
        found.append(f"I2 trades without an approval: {missing[:3]}")
    if ledger["positions"]:
        found.append(f"I4 not flat after STOP: {[one['ticket'] for one in ledger['positions']]}")
    ours, theirs = {trade["position_id"] for trade in trades}, {deal["position_id"] for deal in entries}
    if ours != theirs:
        found.append(f"I6 positions differ: missing {sorted(theirs - ours)[:3]}, too many {sorted(ours - theirs)[:3]}")
    booked, told = _sum(deals), sum((Decimal(str(trade["pnl"])) for trade in trades), Decimal(0))
    if round(booked, 2) != round(told, 2):
        found.append(f"I6 money differs: the broker booked {booked}, the ledger says {told}")
    return found


def _is_a_persons(deal: dict[str, Any], ledger: dict[str, Any]) -> bool:
    """Say whether a deal is of a position that a person opened at the terminal, or turned round before: of no bot's ledger."""
    same = [one for one in ledger["deals"] if one["position_id"] == deal["position_id"] and not one["magic"]]
    return any(one["entry"] == IN or (one["entry"] == IN_OUT and one["ticket"] < deal["ticket"]) for one in same)


def _sum(deals: list[dict[str, Any]]) -> Decimal:
    parts = ("profit", "commission", "swap", "fee")
    return sum((Decimal(str(deal[part])) for deal in deals for part in parts), Decimal(0))


def stop_all(rig: Rig) -> dict[str, float]:
    """Stop every strategy and return after how many seconds each was proven stopped."""
    took: dict[str, float] = {}
    for agent in rig.agents:
        rig.command(agent, "stop")
    began_s = time.monotonic()
    for agent in rig.agents:
        rig.platform.wait_observed(agent.strategy, "STOPPED", 120)
        took[agent.code] = time.monotonic() - began_s
    return took
