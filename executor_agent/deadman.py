"""
What is done without the server. Entries end at once (no approval); after the lease strategies are paused and waiting orders cancelled.

An account whose rule is HOLD keeps its positions with their stops. One whose rule is FLATTEN is closed a stated time after the lease
is over, and at once where its trading day ends before that time, or within `RESET_NEAR`: the next day's limits must not find it exposed.
It is journalled before the first closing and carried through by the next process. Afterwards nothing is opened before a clean
reconcile: the server answers, every report has reached it, it has taken a complete snapshot, and nothing of ours is open or unclear.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from executor_agent.clocks import Clocks
from executor_agent.journal import AssignmentRow, Journal
from executor_agent.logs import get_log
from executor_agent.session import Session
from executor_agent.spool import Spool
from executor_agent.watch import Watch
from trading.errors import TradingError

RESET_NEAR = timedelta(minutes=10)
_MARK, _FIRED, _FLAT = "dead_man", "FIRED", "FLAT"
_AGAIN_S = 2.0
_SERVER_LOST_S = 30.0


class DeadMan:
    """
    Fires, carries through, and lets go.

    :param flatten: closes whatever is ours; True once nothing is left.
    :param is_clean: whether nothing of ours is open, unclear or unreported.
    """

    def __init__(
        self,
        clocks: Clocks,
        journal: Journal,
        session: Session,
        watch: Watch,
        spool: Spool,
        *,
        flatten: Callable[[], bool],
        is_clean: Callable[[], bool],
    ) -> None:
        self._clocks, self._journal, self._session, self._watch, self._spool = clocks, journal, session, watch, spool
        self._flatten, self._is_clean = flatten, is_clean
        self._heard_mono = self._born_mono = clocks.mono()
        self._tried_mono = -1e9
        self._is_told = False
        self._has_snapshot_since = False
        session.is_dead_man_on = bool(self._state)

    @property
    def _state(self) -> str:
        return self._journal.read_mark(_MARK).partition("|")[0]

    def hear(self) -> None:
        """Note an answer of the server."""
        self._heard_mono = self._clocks.mono()

    def note_snapshot(self, *, is_complete: bool) -> None:
        """Note that the server has taken a snapshot."""
        self._has_snapshot_since = self._has_snapshot_since or (is_complete and self._state == _FLAT)

    def step(self) -> None:
        """Do what is due."""
        if not self._state and self._is_due():
            self._fire()
        if self._state == _FIRED:
            self._carry_through()
        elif self._state == _FLAT and self._may_let_go():
            self._let_go()
        self._tell_loss()

    # --- firing -------------------------------------------------------------------------------------------------

    def _alone_s(self) -> float:
        """How long nobody has answered and the lease has been over [s]; a process that never had one counts from its start."""
        if self._session.has_lease:
            return 0.0
        leaseless_s = self._session.seconds_without_lease or self._clocks.mono() - self._born_mono
        return min(self._clocks.mono() - self._heard_mono, leaseless_s)

    def _is_due(self) -> bool:
        policy, alone_s = self._session.policy, self._alone_s()
        if policy.connection_loss != "FLATTEN" or alone_s <= 0 or not self._has_exposure():
            return False
        return alone_s >= policy.connection_loss_after_s or (alone_s >= _SERVER_LOST_S / 2 and self._is_reset_near())

    def _has_exposure(self) -> bool:
        """Say whether something of ours was open or waiting when that was last known: not to be readable is not to be gone."""
        magics = {row.magic for row in self._journal.list_rows(AssignmentRow)}
        return any(self._watch.count_open(magic) or self._watch.count_pending(magic) for magic in magics)

    def _is_reset_near(self) -> bool:
        policy, market_at = self._session.policy, self._watch.market_at()
        try:
            left = policy.day_at(market_at).ends_at - market_at
        except TradingError:
            return False
        return left <= max(RESET_NEAR, timedelta(seconds=policy.connection_loss_after_s))

    def _fire(self) -> None:
        alone_s = round(self._alone_s())
        reset = ", and the trading day ends soon" if self._is_reset_near() else ""
        message = f"the server has been silent for {alone_s} s{reset}: everything of ours is closed, as the account's rule says"
        get_log().error("DEAD_MAN_FIRED", silent_s=alone_s)
        self._enter(_FIRED, "DEAD_MAN_FIRED", message)

    def _carry_through(self) -> None:
        if self._clocks.mono() - self._tried_mono < _AGAIN_S:
            return
        self._tried_mono = self._clocks.mono()
        if self._flatten():
            self._enter(_FLAT, "DEAD_MAN_FLAT", "nothing of ours is open any more; entries wait for a clean reconcile")

    # --- letting go ---------------------------------------------------------------------------------------------

    def _may_let_go(self) -> bool:
        return self._has_snapshot_since and self._session.has_lease and self._is_clean()

    def _let_go(self) -> None:
        self._has_snapshot_since = False
        get_log().warning("DEAD_MAN_REARMED")
        note = self._spool.make(
            "agent_event", None, event="DEAD_MAN_REARMED", severity="WARNING",
            message="the server is back, has everything that happened, and agrees: strategies may enter again",
        )  # fmt: skip
        self._journal.set_mark(_MARK, "")
        self._journal.put(note)
        self._session.is_dead_man_on = False

    def _enter(self, state: str, event: str, message: str) -> None:
        self._session.is_dead_man_on = True
        self._journal.set_mark(_MARK, f"{state}|{self._clocks.at().isoformat()}")
        self._spool.add("agent_event", None, event=event, severity="CRITICAL", message=message)

    def _tell_loss(self) -> None:
        """Keep for the server that it was away: a short word, once per absence."""
        is_lost = self._alone_s() > 0 and self._clocks.mono() - self._heard_mono >= _SERVER_LOST_S
        if is_lost and not self._is_told:
            rule = self._session.policy.connection_loss
            message = f"nobody answered for {_SERVER_LOST_S:.0f} s and the lease is over: no entries; the account's rule is {rule}"
            self._spool.add("agent_event", None, event="SERVER_LOST", severity="WARNING", message=message)
        self._is_told = is_lost
