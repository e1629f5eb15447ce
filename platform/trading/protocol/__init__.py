"""
Protocol v1 between server, agent and EA: versioned messages, JSON on the wire.

Rules for every message: numbers are JSON numbers read as `Decimal` (money, prices, lots), times are ISO 8601 with zone,
ids are the public ids of the server (`asg_…`), enums are UPPER_CASE, unknown fields are ignored by readers (so that both
sides can be upgraded one after the other), missing required fields are an error. See docs/specs/protocol.md.
"""

from trading.protocol.codec import MalformedMessage, decode, encode
from trading.protocol.desired import DesiredAssignment, DesiredSet, FactsMessage, Halt, ManualSignal, OneShot
from trading.protocol.hello import Hello, Lease, Welcome
from trading.protocol.report import Report, ReportAnswer, ReportAnswers, Reports
from trading.protocol.sending import FileMessage, HistoryAnswer, HistoryMessage, LogLine, LogMessage
from trading.protocol.snapshot import (
    AccountState,
    AgentHealth,
    AssignmentStatus,
    BarRow,
    BarsMessage,
    DealMessage,
    MarketClock,
    OrderMessage,
    PositionMessage,
    QuoteMessage,
    SnapshotAnswer,
    SnapshotMessage,
    SymbolProbe,
    SymbolsMessage,
    SymbolSpec,
)
from trading.protocol.trade import ApprovalAnswer, ApprovalRequest

PROTOCOL_VERSION = 1
"""Raised when a message's meaning changes; the server refuses RUNNING to an agent whose version it does not speak."""

__all__ = [
    "PROTOCOL_VERSION",
    "AccountState",
    "AgentHealth",
    "ApprovalAnswer",
    "ApprovalRequest",
    "AssignmentStatus",
    "BarRow",
    "BarsMessage",
    "DealMessage",
    "DesiredAssignment",
    "DesiredSet",
    "FactsMessage",
    "FileMessage",
    "Halt",
    "Hello",
    "HistoryAnswer",
    "HistoryMessage",
    "Lease",
    "LogLine",
    "LogMessage",
    "MalformedMessage",
    "ManualSignal",
    "MarketClock",
    "OneShot",
    "OrderMessage",
    "PositionMessage",
    "QuoteMessage",
    "Report",
    "ReportAnswer",
    "ReportAnswers",
    "Reports",
    "SnapshotAnswer",
    "SnapshotMessage",
    "SymbolProbe",
    "SymbolSpec",
    "SymbolsMessage",
    "Welcome",
    "decode",
    "encode",
]
