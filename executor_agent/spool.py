"""Reports on their way: on disk before the first sending, sent oldest first until the server has taken them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from executor_agent.clocks import Clocks
from executor_agent.journal import Journal, ReportRow
from executor_agent.logs import get_log
from trading.protocol import Report, ReportAnswer, ReportAnswers
from trading.protocol.codec import from_plain, to_plain

BATCH = 200


class Spool:
    """The reports not acknowledged yet."""

    def __init__(self, clocks: Clocks, journal: Journal, market_at: Callable[[], datetime]) -> None:
        self._clocks, self._journal, self._market_at = clocks, journal, market_at
        self._number = max((row.number for row in journal.list_rows(ReportRow)), default=0)

    def __len__(self) -> int:
        return self._journal.count(ReportRow)

    def make(self, kind: str, assignment_id: str | None, **body: Any) -> ReportRow:
        """Return a report as a row, for a caller who writes it together with what it reports."""
        self._number += 1
        report = Report(
            report_id=str(uuid.uuid4()),
            kind=kind,
            at=self._clocks.at(),
            market_at=self._market_at(),
            assignment_id=assignment_id,
            body={name: _plain(value) for name, value in body.items()},
        )
        return ReportRow(report_id=report.report_id, number=self._number, report=to_plain(report))

    def add(self, kind: str, assignment_id: str | None, **body: Any) -> None:
        """Write a report to disk; it is sent when its turn comes."""
        self._journal.put(self.make(kind, assignment_id, **body))

    def list_next(self) -> list[Report]:
        """Return the oldest reports, at most one batch."""
        rows = sorted(self._journal.list_rows(ReportRow), key=lambda row: row.number)[:BATCH]
        return [from_plain(row.report, Report) for row in rows]

    def settle(self, answers: ReportAnswers) -> list[ReportAnswer]:
        """Take acknowledged reports out and return the answers that want something done."""
        for answer in answers.answers:
            row = self._journal.find(ReportRow, answer.report_id)
            if row is None:
                continue
            if answer.status == "REFUSED":
                get_log().error("REPORT_REFUSED", code=answer.code, report=row.report)
            self._journal.drop(row)
        return [answer for answer in answers.answers if answer.action != "none"]


def _plain(value: Any) -> Any:
    # Numbers stay numbers on the wire; a Decimal in a free-form body would become text.
    return float(value) if isinstance(value, Decimal) else value
