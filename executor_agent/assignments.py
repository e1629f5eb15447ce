"""
From what is wanted to what is true, assignment by assignment. The journal holds the highest wish; STOP wins ties and doubts.

A wish is on disk before anything is done about it. What the server no longer names is paused and reported, never closed.
"""

from __future__ import annotations

from executor_agent.journal import AssignmentRow, BarMark, Journal
from executor_agent.logs import get_log
from executor_agent.spool import Spool
from trading.model.state import Desired, Observed
from trading.protocol import DesiredAssignment, DesiredSet
from trading.protocol.codec import from_plain, to_plain

_KEPT_STOPPED = 200


class Assignments:
    """The assignments of this executor, as the journal knows them."""

    def __init__(self, journal: Journal, spool: Spool) -> None:
        self._journal, self._spool = journal, spool
        self._read: dict[str, tuple[int, int, DesiredAssignment]] = {}

    def list_rows(self) -> list[AssignmentRow]:
        """Return all rows, in a fixed order."""
        return _sort(self._journal)

    def list_current(self) -> list[AssignmentRow]:
        """
        Return the rows that something is still done about, in a fixed order.

        A strategy that is started again is a new assignment under the old number. The stopped one is only remembered, so that no
        older wish revives it: what carries the number now belongs to the newest.
        """
        newest = find_owners(self._journal)
        return [row for row in self.list_rows() if row.observed != Observed.STOPPED or newest[row.magic] == row]

    def read_wanted(self, row: AssignmentRow) -> DesiredAssignment:
        """
        Return the server's message of a row.

        :raises MalformedMessage: where the journal holds one this version cannot read.
        """
        number = int(row.wanted["facts"]["number"])
        known = self._read.get(row.assignment_id)
        if known is not None and known[:2] == (row.generation, number):
            return known[2]
        wanted = from_plain(row.wanted, DesiredAssignment)
        self._read[row.assignment_id] = (row.generation, number, wanted)
        return wanted

    def apply(self, desired: DesiredSet) -> None:
        """Take a desired set into the journal, in one write."""
        named = {wanted.assignment_id for wanted in desired.assignments}
        rows = [row for wanted in desired.assignments if (row := self._merge(wanted, desired)) is not None]
        rows += [self._miss(row) for row in self.list_rows() if row.assignment_id not in named and not row.is_missing]
        if rows:
            self._journal.put(*rows)
        self._forget_stopped(named)

    def set_observed(self, row: AssignmentRow, observed: Observed, code: str = "", problem: str = "") -> None:
        """Store what is true of an assignment now, where that is news."""
        if (row.observed, row.problem_code, row.problem) == (observed, code, problem):
            return
        if row.observed != observed:
            get_log().info(
                "ASSIGNMENT_" + observed, assignment=row.assignment_id, generation=row.generation, problem=code
            )
        row.observed, row.problem_code, row.problem = str(observed), code, problem
        self._journal.put(row, durable=observed in (Observed.STOPPING, Observed.STOPPED))

    def _merge(self, wanted: DesiredAssignment, desired: DesiredSet) -> AssignmentRow | None:
        row = self._journal.find(AssignmentRow, wanted.assignment_id)
        if row is None:
            return _make_row(wanted, desired.fleet_epoch)
        if not self._is_news(row, wanted, desired.fleet_epoch):
            return None
        was_stopped = row.desired == Desired.STOPPED and wanted.desired != Desired.STOPPED
        row.generation, row.desired = max(wanted.generation, row.generation), wanted.desired
        row.fleet_epoch, row.halt_epoch = desired.fleet_epoch, wanted.halt_epoch
        row.magic, row.symbol = wanted.magic, wanted.symbol
        row.wanted, row.is_missing = to_plain(wanted), False
        if was_stopped:
            row.observed = Observed.STARTING
        return row

    def _is_news(self, row: AssignmentRow, wanted: DesiredAssignment, fleet_epoch: int) -> bool:
        if wanted.desired == Desired.STOPPED and row.desired != Desired.STOPPED:
            # A restored server may have forgotten generations, but not that it wants this one stopped.
            return wanted.generation >= row.generation or fleet_epoch > row.fleet_epoch
        if wanted.generation != row.generation:
            if wanted.generation < row.generation:
                get_log().warning(
                    "GENERATION_BEHIND", assignment=row.assignment_id, known=row.generation, got=wanted.generation
                )
            return wanted.generation > row.generation
        if wanted.desired != row.desired:
            return False
        known = row.wanted["facts"]["number"]
        return row.is_missing or wanted.facts.number > known or wanted.halt_epoch > row.halt_epoch

    def _miss(self, row: AssignmentRow) -> AssignmentRow:
        row.is_missing = True
        if row.observed != Observed.STOPPED:
            message = "the server's set does not name this assignment: it makes no entries"
            self._spool.add(
                "agent_event", row.assignment_id, event="ASSIGNMENT_UNKNOWN", severity="WARNING", message=message
            )
        return row

    def _forget_stopped(self, named: set[str]) -> None:
        done = [row for row in self.list_rows() if row.observed == Observed.STOPPED and row.assignment_id not in named]
        for row in done[:-_KEPT_STOPPED]:
            mark = self._journal.find(BarMark, row.assignment_id)
            self._journal.drop(row, *([mark] if mark else []))


def find_owners(journal: Journal) -> dict[int, AssignmentRow]:
    """
    Return the assignment each magic number belongs to: of several with one number the one that is not to be stopped, else the one
    that came last. Identifiers do not say which is newer: they carry the server's clock, which may have been set back.
    """
    rows = journal.list_rows(AssignmentRow)
    return {row.magic: row for row in sorted(rows, key=lambda row: row.desired != Desired.STOPPED)}


def _sort(journal: Journal) -> list[AssignmentRow]:
    return sorted(journal.list_rows(AssignmentRow), key=lambda row: row.assignment_id)


def _make_row(wanted: DesiredAssignment, fleet_epoch: int) -> AssignmentRow:
    return AssignmentRow(
        assignment_id=wanted.assignment_id,
        generation=wanted.generation,
        fleet_epoch=fleet_epoch,
        halt_epoch=wanted.halt_epoch,
        desired=wanted.desired,
        observed=Observed.STARTING,
        magic=wanted.magic,
        symbol=wanted.symbol,
        wanted=to_plain(wanted),
    )
