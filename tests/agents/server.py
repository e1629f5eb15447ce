"""A hand-written server for agents: grants leases, serves a desired set, approves, books reports; each can be made to fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from trading.protocol import (
    ApprovalAnswer,
    ApprovalRequest,
    BarsMessage,
    DealMessage,
    DesiredAssignment,
    DesiredSet,
    FactsMessage,
    FileMessage,
    Halt,
    Hello,
    HistoryAnswer,
    HistoryMessage,
    Lease,
    LogLine,
    LogMessage,
    OneShot,
    ReportAnswer,
    ReportAnswers,
    Reports,
    SnapshotAnswer,
    SnapshotMessage,
    SymbolsMessage,
    Welcome,
)


class AgentServer:
    """The server's side of protocol v1, in memory. Safe for several threads."""

    def __init__(self, at: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock, self.ahead = at, timedelta()
        self.changed = threading.Condition()
        self.fence = 0
        self.grants_lease = True
        self.lease_ms = 15_000
        self.snapshot_interval_ms = 1000
        self.version = 1
        self.fleet_epoch = 1
        self.halt = Halt(epoch=0, halted=False)
        self.connection_loss = "HOLD"
        self.request_budget = 0
        self.wanted: dict[str, DesiredAssignment] = {}
        self.commands: list[OneShot] = []
        self.actions: list[dict[str, Any]] = []
        self.hellos: list[Hello] = []
        self.snapshots: list[SnapshotMessage] = []
        self.reports: dict[str, Any] = {}
        self.report_order: list[str] = []
        self.symbols: list[SymbolsMessage] = []
        self.bars: list[BarsMessage] = []
        self.history: dict[int, DealMessage] = {}
        self.log: list[LogLine] = []
        self.log_wanted = False
        self.files: list[FileMessage] = []
        self.requests: list[tuple[str, ApprovalRequest]] = []
        self.verdicts: dict[str, ApprovalAnswer] = {}
        self.judge: Callable[[ApprovalRequest], ApprovalAnswer] = self.approve_all
        self.valid_for_ms = 5_000

    def _at(self) -> datetime:
        return self._clock() + self.ahead

    # --- what a test does ---------------------------------------------------------------------------------------

    def want(self, desired: str, rules: dict[str, Any] | None = None, **changes: Any) -> DesiredAssignment:
        """Edit the desired state of the one assignment (or of `assignment_id`), as the real server does."""
        with self.changed:
            name = changes.pop("assignment_id", "asg_1")
            old = self.wanted.get(name)
            values: dict[str, Any] = {
                "assignment_id": name,
                "generation": (old.generation if old else 0) + 1,
                "desired": desired,
                "command": "START_STRATEGY",
                "command_id": None,
                "bot_id": "ema-demo",
                "magic": 1_000_001,
                "strategy_id": "str_1",
                "strategy_name": "EMA",
                "version_id": "ver_1",
                "version_number": 1,
                "symbol": "EURUSD",
                "timeframe": "M1",
                "rules": rules or (old.rules if old else {}),
                "settings": {},
                "facts": FactsMessage(number=1),
                "halt_epoch": self.halt.epoch,
                "anchor_at": None,
            }
            kept = ("bot_id", "magic", "version_id", "version_number", "symbol", "timeframe", "settings", "facts")
            values |= {key: getattr(old, key) for key in kept} if old else {}
            self.wanted[name] = DesiredAssignment(**(values | changes))
            self.nudge()
            return self.wanted[name]

    def nudge(self) -> None:
        """Raise the desired version."""
        with self.changed:
            self.version += 1
            self.changed.notify_all()

    def halt_all(self) -> None:
        """Pull the kill switch."""
        with self.changed:
            self.halt = Halt(epoch=self.halt.epoch + 1, halted=True, reason="KILL_SWITCH")
            self.nudge()

    def list_reports(self, kind: str) -> list[dict[str, Any]]:
        """Return the bodies of all reports of a kind, each counted once, in order of arrival."""
        with self.changed:
            return [self.reports[key].body for key in self.report_order if self.reports[key].kind == kind]

    def status(self, assignment_id: str = "asg_1") -> Any:
        """Return the newest status of an assignment, None before there is one."""
        with self.changed:
            for snapshot in reversed(self.snapshots):
                for status in snapshot.assignments:
                    if status.assignment_id == assignment_id:
                        return status
        return None

    # --- verdicts -----------------------------------------------------------------------------------------------

    def approve_all(self, request: ApprovalRequest) -> ApprovalAnswer:
        """Approve what is asked."""
        number = len(self.verdicts) + 1
        return ApprovalAnswer(
            approved=True,
            adjusted_lots=request.requested_lots,
            risk_amount=Decimal(1),
            risk_pct=Decimal("0.1"),
            warnings=[],
            request_id=f"req_{number}",
            reason_code="APPROVED",
            rejection_reason=None,
            approval_id=f"apr_{number}",
            tag=f"mk{number:08d}",
            valid_until=self._at() + timedelta(milliseconds=self.valid_for_ms),
            valid_for_ms=self.valid_for_ms,
        )

    def deny_all(self, request: ApprovalRequest) -> ApprovalAnswer:
        """Deny what is asked."""
        denial = {"approved": False, "adjusted_lots": Decimal(0), "reason_code": "DAILY_LOSS", "rejection_reason": "no"}
        return msgspec.structs.replace(self.approve_all(request), **denial)

    # --- doors --------------------------------------------------------------------------------------------------

    def hello(self, message: Hello) -> Welcome:
        with self.changed:
            self.hellos.append(message)
            if self.grants_lease:
                self.fence += 1
            return Welcome(
                executor_id="exr_1",
                account_id="acc_1",
                account_code="demo",
                account_zone="UTC",
                connection_loss=self.connection_loss,
                request_budget=self.request_budget,
                server_time=self._at(),
                protocol_version=1,
                may_run=True,
                reason="",
                lease=self._lease(),
                desired_version=self.version,
                fleet_epoch=self.fleet_epoch,
                halt_epoch=self.halt.epoch,
                deals_since_ms=0,
                snapshot_interval_ms=self.snapshot_interval_ms,
            )

    def desired(self) -> DesiredSet:
        with self.changed:
            return DesiredSet(
                desired_version=self.version,
                fleet_epoch=self.fleet_epoch,
                server_time=self._at(),
                halt=self.halt,
                lease=None,
                may_run=True,
                assignments=list(self.wanted.values()),
                commands=list(self.commands),
            )

    def snapshot(self, message: SnapshotMessage) -> SnapshotAnswer:
        with self.changed:
            self.snapshots.append(message)
            actions, self.actions = self.actions, []
            self.changed.notify_all()
            return SnapshotAnswer(
                server_time=self._at(),
                lease=self._lease() if message.fence == self.fence else None,
                halt=self.halt,
                desired_version=self.version,
                deals_since_ms=0,
                actions=actions,
                log_wanted=self.log_wanted,
            )

    def take_reports(self, message: Reports) -> ReportAnswers:
        with self.changed:
            answers = []
            for report in message.reports:
                status = "DUPLICATE" if report.report_id in self.reports else "ACCEPTED"
                if status == "ACCEPTED":
                    self.reports[report.report_id] = report
                    self.report_order.append(report.report_id)
                answers.append(ReportAnswer(report_id=report.report_id, status=status))
            self.changed.notify_all()
            return ReportAnswers(answers=answers)

    def judge_request(self, key: str, request: ApprovalRequest) -> ApprovalAnswer:
        with self.changed:
            self.requests.append((key, request))
            if key not in self.verdicts:
                self.verdicts[key] = self.judge(request)
            return self.verdicts[key]

    def take_symbols(self, message: SymbolsMessage) -> None:
        with self.changed:
            self.symbols.append(message)

    def take_bars(self, message: BarsMessage) -> None:
        with self.changed:
            self.bars.append(message)

    def take_history(self, message: HistoryMessage) -> HistoryAnswer:
        with self.changed:
            fresh = {deal.ticket: deal for deal in message.deals if deal.ticket not in self.history}
            self.history |= fresh
            self.changed.notify_all()
            return HistoryAnswer(booked=len(fresh))

    def take_log(self, message: LogMessage) -> None:
        with self.changed:
            self.log += message.lines
            self.changed.notify_all()

    def take_file(self, message: FileMessage) -> None:
        with self.changed:
            self.files.append(message)
            self.changed.notify_all()

    def _lease(self) -> Lease | None:
        if not self.grants_lease:
            return None
        until = self._at() + timedelta(milliseconds=self.lease_ms)
        return Lease(fence=self.fence, lease_until=until, valid_for_ms=self.lease_ms)
