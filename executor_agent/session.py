"""What holds between agent and server at this moment: lease, fence, halt, the version of the desired set. Decides who may open."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from executor_agent.clocks import Clocks
from executor_agent.journal import Journal
from executor_agent.policy import keep_policy, read_policy
from executor_agent.terminal.supervised import ORDER_S
from trading.protocol import DesiredSet, Halt, Lease, SnapshotAnswer, Welcome

MAX_ORDER_LATENCY_S = ORDER_S
"""No entry is begun that could still be on its way when the lease is over."""


class Session:
    """
    The state of one process life towards the server. Validity is counted on the monotonic clock from when a question was sent.

    ``is_set_pulled``: the whole desired set was read in this life; before that nothing is opened, whatever the journal says.
    """

    def __init__(self, clocks: Clocks, journal: Journal) -> None:
        self._clocks, self._journal = clocks, journal
        self.instance_id = uuid.uuid4().hex
        self.welcome: Welcome | None = None
        self.policy = read_policy(journal)
        self.is_dead_man_on = False
        self.fence = 0
        self.halt = Halt(epoch=int(journal.read_mark("halt_epoch", "0")), halted=False)
        self.fleet_epoch = int(journal.read_mark("fleet_epoch", "0"))
        self.desired_version = 0
        self.is_set_pulled = False
        self.may_run = False
        self.deals_since_ms = 0
        self._lease_until: float | None = None
        self._server_ahead = timedelta(0)

    # --- lease --------------------------------------------------------------------------------------------------

    @property
    def has_lease(self) -> bool:
        """Whether the account is ours at this moment."""
        return self._lease_until is not None and self._clocks.mono() < self._lease_until

    @property
    def is_fenced_out(self) -> bool:
        """Whether a lease was granted once and is not held now."""
        return self.fence > 0 and not self.has_lease

    @property
    def seconds_without_lease(self) -> float:
        """How long ago the lease ended [s]; 0 while it holds, or before there was one."""
        if self.has_lease or self._lease_until is None:
            return 0.0
        return self._clocks.mono() - self._lease_until

    def find_refusal(self) -> str | None:
        """Return why nothing may be opened now, as a code; None where it may."""
        if self.welcome is None or not self.is_set_pulled:
            return "NOT_SYNCHRONISED"
        if not self.may_run:
            return "VERSION_NOT_ACCEPTED"
        if self.is_dead_man_on:
            return "DEAD_MAN"
        if self.halt.halted:
            return "HALTED"
        if self._lease_until is None or self._clocks.mono() >= self._lease_until - MAX_ORDER_LATENCY_S:
            return "NO_LEASE"
        return None

    def take_lease(self, lease: Lease | None, sent_mono: float) -> None:
        """Take what the server granted; None ends the lease now, a smaller fence than ours is an old answer."""
        if lease is None:
            self.lose_lease()
        elif lease.fence >= self.fence:
            until = sent_mono + lease.valid_for_ms / 1000
            is_same = lease.fence == self.fence and self._lease_until is not None
            self._lease_until = max(until, self._lease_until) if is_same and self._lease_until else until
            self.fence = lease.fence

    def lose_lease(self) -> None:
        """End the lease now."""
        if self._lease_until is not None:
            self._lease_until = min(self._lease_until, self._clocks.mono())

    # --- answers ------------------------------------------------------------------------------------------------

    def take_welcome(self, welcome: Welcome, sent_mono: float) -> None:
        """Take the answer to a hello."""
        self.welcome, self.may_run = welcome, welcome.may_run
        self.policy = keep_policy(self._journal, welcome)
        self.deals_since_ms = welcome.deals_since_ms
        self._note_time(welcome.server_time)
        self.take_lease(welcome.lease, sent_mono)

    def take_snapshot_answer(self, answer: SnapshotAnswer, sent_mono: float) -> None:
        """Take the answer to a snapshot: lease, halt, cursor."""
        self._note_time(answer.server_time)
        self.take_lease(answer.lease, sent_mono)
        self.take_halt(answer.halt)
        self.deals_since_ms = max(self.deals_since_ms, answer.deals_since_ms)

    def take_halt(self, halt: Halt) -> None:
        """Take a halt; its epoch only rises, and is on disk before anything else is done."""
        if halt.epoch < self.halt.epoch:
            # A restored server may have forgotten epochs, but not that it is halted.
            if halt.halted:
                self.halt = Halt(epoch=self.halt.epoch, halted=True, reason=halt.reason)
            return
        self._journal.set_mark("halt_epoch", str(halt.epoch))
        self.halt = halt

    def accept_set(self, desired: DesiredSet, sent_mono: float) -> bool:
        """Say whether the set is news; a set of an older fleet epoch, or an older version, is not."""
        if desired.fleet_epoch < self.fleet_epoch:
            return False
        if (
            desired.fleet_epoch == self.fleet_epoch
            and self.is_set_pulled
            and desired.desired_version < self.desired_version
        ):
            return False
        self._journal.set_mark("fleet_epoch", str(desired.fleet_epoch))
        self.fleet_epoch, self.desired_version = desired.fleet_epoch, desired.desired_version
        self._note_time(desired.server_time)
        self.take_halt(desired.halt)
        if desired.lease is not None:
            self.take_lease(desired.lease, sent_mono)
        self.may_run = desired.may_run
        self.is_set_pulled = True
        return True

    # --- time ---------------------------------------------------------------------------------------------------

    def server_time(self) -> datetime:
        """Return the server's wall clock as far as we know it."""
        return self._clocks.at() + self._server_ahead

    @property
    def clock_skew_ms(self) -> int:
        """Our wall clock minus the server's, as of its last answer, the way of the answer included [ms]."""
        return -int(self._server_ahead / timedelta(milliseconds=1))

    def _note_time(self, server_time: datetime) -> None:
        self._server_ahead = server_time - self._clocks.at()
