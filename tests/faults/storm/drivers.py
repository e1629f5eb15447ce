"""Those who command: each owns a strategy and wants it started, paused, resumed and stopped, in an order from the seed."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.rig import Agent
from tests.faults.storm.counts import Counts
from tests.faults.storm.sources import Broker, Store

KINDS = {"activate": "START_STRATEGY", "pause": "PAUSE_STRATEGY", "resume": "RESUME_STRATEGY", "stop": "STOP_STRATEGY"}
NEXT = {
    "STOPPED": (("activate", 1.0),),
    "RUNNING": (("pause", 0.6), ("stop", 0.4)),
    "PAUSED": (("resume", 0.6), ("stop", 0.4)),
}
AFTER = {"activate": "RUNNING", "pause": "PAUSED", "resume": "RUNNING", "stop": "STOPPED"}
PROVEN = """
select count(*) filter (where not (s.observed = 'STOPPED' and s.observed_generation = s.generation)), count(*)
from assignments_assignment s join strategies_strategy t on t.id = s.strategy_id
where t.id = %s and s.live
"""
MAGICS = """
select a.login, b.magic from bots_bot b join accounts_account a on a.id = b.account_id
where b.id in (select bot_id from assignments_assignment where strategy_id = %s)
"""
# Which assignment the last approval was for, and when that was asked to stop: later, and it is ours to mend; never, and it is the rig's.
LAST_OPENED = """
select p.at::text, p.assignment_id::text, min(c.created_at)::text from risk_approval p
join accounts_account a on a.id = p.account_id join bots_bot b on b.id = p.bot_id
left join executors_command c on c.assignment_id = p.assignment_id and c.kind = 'STOP_STRATEGY'
where a.login = %s and b.magic = %s and p.approved group by p.at, p.assignment_id order by p.at desc limit 2
"""
AGAIN_AFTER_S = 0.3


@dataclass
class Driver:
    """One strategy on one agent, or on all of them."""

    counts: Counts
    store: Store
    broker: Broker
    client: httpx.Client
    strategy: str
    strategy_key: Any
    agents: list[Agent]
    seed: int
    pause_s: float
    answered: list[tuple[str, int, str]] = field(default_factory=list)  # assignment, generation, verb
    state: str = "STOPPED"
    opened_after_stop: int = 0
    _flat: dict[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(f"drive-{self.seed}-{self.strategy}")

    def run(self, stop: threading.Event) -> None:
        """Command until told to stop."""
        while not stop.is_set():
            verbs, weights = zip(*NEXT[self.state], strict=True)
            verb = self._random.choices(verbs, weights)[0]
            if verb == "activate":
                self.is_proven_stopped()  # notes what the broker has of it, where it is
            if self.ask(verb, stop):
                self.state = AFTER[verb]
            if verb == "stop" and self._random.random() < 0.7:
                self._wait_proven(stop)
            stop.wait(self._random.expovariate(1 / self.pause_s))

    def ask(self, verb: str, stop: threading.Event | None = None, patience_s: float = 120.0) -> bool:
        """Ask for a wish until it is answered, always under the same key; say whether it was taken."""
        key = {"Idempotency-Key": f"storm-{self.strategy}-{verb}-{self._random.getrandbits(64):x}"}
        body = {"executors": [agent.executor_id for agent in self.agents]} if verb == "activate" else {}
        deadline_s, last = time.monotonic() + patience_s, ""
        while time.monotonic() < deadline_s:
            if verb == "activate":
                self._compare_entries()
            try:
                answer = self.client.post(f"strategies/{self.strategy}/{verb}", json=body, headers=key)
            except httpx.TransportError as error:
                last = type(error).__name__
            else:
                if answer.is_success:
                    self._keep(verb, answer.json()["results"])
                    return True
                last = answer.json().get("code", "") if "json" in answer.headers.get("content-type", "") else ""
                if answer.status_code < 500 and answer.status_code != 429:
                    self.counts.refused[last or str(answer.status_code)] += 1
                    if not (verb == "stop" or last == "STILL_STOPPING") or (stop and stop.is_set()):
                        return False
                    if last == "STILL_STOPPING" and stop is not None:
                        self._wait_proven(stop)
            time.sleep(AGAIN_AFTER_S)
        self.counts.note_break(f"I10 {verb} of {self.strategy} was not taken for {patience_s:.0f} s: {last}")
        return False

    def is_proven_stopped(self) -> bool:
        """Say whether every assignment is STOPPED at its generation; and note what the broker has of it at that moment."""
        ((open_, total),) = self.store.ask(PROVEN, [self.strategy_key])
        if open_ or not total:
            return False
        if not self._flat:
            pairs = self.store.ask(MAGICS, [self.strategy_key])
            self._flat = {(login, magic): self.broker.count_entries(login, magic) for login, magic in pairs}
        return True

    def close(self) -> None:
        self.client.close()
        self.store.close()
        self.broker.close()

    def _wait_proven(self, stop: threading.Event) -> None:
        while not stop.is_set() and not self.is_proven_stopped():
            stop.wait(0.25)

    def _compare_entries(self) -> None:
        """Before a START is asked for: nothing was opened since the STOP was proven. What is opened from now on may be right."""
        for (login, magic), before in self._flat.items():
            after = self.broker.count_entries(login, magic)
            if after != before:
                self.opened_after_stop += after - before
                self.counts.note_break(
                    f"I4 bot {magic} of account {login} opened {after - before} after STOPPED was proven: "
                    f"{self.store.ask(LAST_OPENED, [login, magic])}"
                )
        self._flat = {}

    def _keep(self, verb: str, rows: list[dict[str, Any]]) -> None:
        self.counts.answers += 1
        self.answered += [(row["id"], row["generation"], verb) for row in rows]
