"""What is held against the broker's ledger: all the time while it storms, and once everything stands still."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from decimal import Decimal

import psycopg

from apps.common.ids import decode_base32
from tests.faults.invariants import CHAIN, DAYS, UNDECIDED_APPROVALS, WORST_CASE
from tests.faults.rig import Agent, Rig
from tests.faults.storm.counts import Counts
from tests.faults.storm.drivers import KINDS, Driver
from tests.faults.storm.sources import Broker, Store

STOPPED = """
select a.login, b.magic, s.id, s.generation from assignments_assignment s
join accounts_account a on a.id = s.account_id join bots_bot b on b.id = s.bot_id
where s.live and s.desired = 'STOPPED' and s.observed = 'STOPPED' and s.observed_generation = s.generation
  and a.login = any(%s)
"""
STOPS = """
select count(*) filter (where s.observed = 'STOPPED' and s.observed_generation >= c.generation), count(*)
from executors_command c join assignments_assignment s on s.id = c.assignment_id
where c.kind = 'STOP_STRATEGY' and c.executor_id = any(%s)
"""
# Judged before the STOP was committed, an approval may be kept just after it: the margin is what a statement may take.
LATE_APPROVALS = """
select count(*) from risk_approval a join executors_command c on c.assignment_id = a.assignment_id
where c.kind = 'STOP_STRATEGY' and a.approved and a.at > c.created_at + interval '2 seconds'
"""
COMMANDS = """
select kind, count(*) from executors_command
where kind like '%%_STRATEGY' and executor_id = any(%s) group by kind
"""
UNCOUNTED = """
select count(*) from assignments_assignment s where s.generation <>
  (select count(*) from executors_command c where c.assignment_id = s.id and c.kind like '%_STRATEGY')
"""
# What a stopped assignment does to the positions of the one that was started after it.
STOPPED_UNASKED = """
select count(*) from trades_trade t where t.exit_reason = 'STRATEGY_STOPPED' and not exists (
  select 1 from executors_command c
  where c.assignment_id = t.assignment_id and c.kind = 'STOP_STRATEGY' and c.created_at <= t.updated_at)
"""
KEPT = "select assignment_id, generation, kind from executors_command where executor_id = any(%s)"
APPROVED = """
select a.tag, a.adjusted_lots from risk_approval a join accounts_account c on c.id = a.account_id
where c.login = %s and a.approved
"""
DEALS = """
select d.ticket, d.profit + d.commission + d.swap + d.fee from trades_deal d
join accounts_account a on a.id = d.account_id where a.login = %s
"""
TRADES = """
select t.position_id, t.pnl, t.approval_id, t.open_lots from trades_trade t
join accounts_account a on a.id = t.account_id where a.login = %s
"""
BALANCE = """
select s.balance from accounts_accountsnapshot s join accounts_account a on a.id = s.account_id where a.login = %s
"""


class Watcher:
    """Looks several times a second, past every door: two positions where one is the most, STOPPED over an open one, risk miscounted."""

    def __init__(self, rig: Rig, counts: Counts) -> None:
        self._rig, self._counts = rig, counts
        self._store, self._broker = Store(rig.data), Broker(rig.data)
        self._logins = [agent.login for agent in rig.agents]

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(0.25):
            try:
                self.look()
            except (psycopg.Error, sqlite3.OperationalError):
                continue  # somebody is away: that is what is tested
        self._store.close()
        self._broker.close()

    def look(self) -> None:
        for login, magic, number in self._broker.list_doubled(self._logins):
            self._counts.note_break(f"I3 bot {magic} of account {login} has {number} positions where one is the most")
        stopped = self._store.ask(STOPPED, [self._logins], 5)
        held = self._broker.list_held(self._logins)
        for login, magic, key, generation in stopped:
            if (login, magic) in held and (login, magic, key, generation) in self._store.ask(
                STOPPED, [self._logins], 5
            ):
                self._counts.note_break(f"I5 bot {magic} of account {login} is shown STOPPED and holds a position")
        for code, reserved, counted in self._store.ask(WORST_CASE, None, 5):
            if reserved != counted:
                self._counts.note_break(f"I1 {code}: {reserved} counted as reserved, {counted} held")
        self._counts.looks += 1


class Reckoning:
    """Everything is stopped and flat: ledger = terminal, commands = wishes, one position an approval."""

    def __init__(self, rig: Rig, counts: Counts, drivers: list[Driver]) -> None:
        self._rig, self._counts, self._drivers = rig, counts, drivers
        self._store, self._broker = Store(rig.data), Broker(rig.data)
        codes = [agent.code for agent in rig.agents]
        rows = self._store.ask("select id from executors_executor where code = any(%s)", [codes])
        self._executors = [row[0] for row in rows]

    def count_commands(self) -> Counter[str]:
        """Return how many commands the platform has kept, by kind."""
        return Counter(dict(self._store.ask(COMMANDS, [self._executors])))

    def count_positions(self) -> int:
        """Return how many positions the agents have opened at the broker."""
        return sum(len({entry[1] for entry in self._broker.list_entries(agent.login)}) for agent in self._rig.agents)

    def differences(self) -> list[str]:
        """Return in which accounts ledger and broker differ; empty where they agree to the cent."""
        return [text for agent in self._rig.agents for text in self._compare(agent)]

    def check(self) -> dict[str, int]:
        """Note every break; return the sums of this piece."""
        for text in self.differences():
            self._counts.note_break(text)
        ((proven, stops),) = self._store.ask(STOPS, [self._executors])
        ((late,),) = self._store.ask(LATE_APPROVALS)
        doubled = sum(self._count_doubled(agent) for agent in self._rig.agents)
        for sql, what in ((DAYS, "I7 trading days have gaps"), (UNDECIDED_APPROVALS, "I7 approvals without their day"),
                          (STOPPED_UNASKED, "I4 positions closed by a STOP nobody asked for"),
                          (CHAIN, "I12 the chain of decisions is broken"), (UNCOUNTED, "I3 generations without their command")):  # fmt: skip
            ((number,),) = self._store.ask(sql)
            if number:
                self._counts.note_break(f"{what}: {number}")
        kept = set(self._store.ask(KEPT, [self._executors]))
        lost = [row for driver in self._drivers for row in driver.answered if not _is_kept(row, kept)]
        for what, number in (("a STOP was not proven", stops - proven), ("approved after the STOP", late),
                             ("duplicate orders", doubled), ("I16 answered wishes that are not kept", len(lost))):  # fmt: skip
            if number:
                self._counts.note_break(f"{what}: {number}")
        deals = sum(len(self._broker.read_deals(agent.login)) for agent in self._rig.agents)
        return {"stops_proven": proven, "stops_lost": stops - proven, "starts_after_stop": late + sum(driver.opened_after_stop for driver in self._drivers),
                "duplicate_orders": doubled, "entries": self.count_positions(), "deals": deals}  # fmt: skip

    def close(self) -> None:
        self._store.close()
        self._broker.close()

    def _compare(self, agent: Agent) -> list[str]:
        found: list[str] = []
        booked, told = self._broker.read_deals(agent.login), dict(self._store.ask(DEALS, [agent.login]))
        if booked != told:
            missing, extra = set(booked) - set(told), set(told) - set(booked)
            found.append(f"I6 deals differ ({agent.code}): {len(missing)} missing, {len(extra)} too many")
        entries = self._broker.list_entries(agent.login)
        trades = self._store.ask(TRADES, [agent.login])
        if {row[0] for row in trades} != {position for _, position, _ in entries}:
            found.append(
                f"I6 positions differ ({agent.code}): {len(trades)} told, {len({e[1] for e in entries})} at the broker"
            )
        deposit = self._rig_deposit(booked)
        if sum((row[1] for row in trades), Decimal(0)) != sum(booked.values(), Decimal(0)) - deposit:
            found.append(f"I6 money differs ({agent.code})")
        if without := [row[0] for row in trades if row[2] is None]:
            found.append(f"I2 positions without an approval ({agent.code}): {without[:3]}")
        ((balance,),) = self._store.ask(BALANCE, [agent.login])
        if balance != self._broker.read_balance(agent.login):
            found.append(f"I6 balance differs ({agent.code})")
        if self._broker.list_held([agent.login]):
            found.append(f"I4 not flat after STOP ({agent.code})")
        return found

    def _rig_deposit(self, booked: dict[int, Decimal]) -> Decimal:
        return booked[min(booked)]  # the first deal of an account pays its balance in

    def _count_doubled(self, agent: Agent) -> int:
        """Return how many positions share an approval, have none, or are larger than what was approved."""
        approved = dict(self._store.ask(APPROVED, [agent.login]))
        lots: dict[tuple[str, int], Decimal] = {}
        for tag, position, volume in self._broker.list_entries(agent.login):
            lots[tag, position] = lots.get((tag, position), Decimal(0)) + volume
        tags = Counter(tag for tag, _ in lots)
        shared = sum(number - 1 for number in tags.values())
        return shared + sum(1 for (tag, _), volume in lots.items() if volume > approved.get(tag, Decimal(0)))


def _is_kept(row: tuple[str, int, str], kept: set[tuple[object, ...]]) -> bool:
    """Say whether an answered wish is a command; one that changed nothing was an older one's."""
    key = decode_base32(row[0].split("_", 1)[1])
    return any((key, row[1], kind) in kept for kind in KINDS.values())
