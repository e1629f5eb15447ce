"""
Is the decision log what it was, and would we judge the same again? Read in one pass per account, in bounded memory.

The chain is held against itself, the head on the risk row, the signed anchors (ours, and any kept outside), the documents
its lines name and the approvals they speak of; each verdict is judged again by today's judge.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from heapq import merge
from itertools import islice
from typing import Any

from apps.accounts.models import Account, AccountRisk
from apps.common.ids import MalformedId, parse_public_id, public_id
from apps.risk.models import Approval, Decision, LogDocument
from apps.risk.services.chain_check import ChainCheck, Fault
from apps.risk.services.decision_log import hash_text
from apps.risk.services.judge_version import read_judge_version
from apps.risk.services.signing import Anchor, list_anchors
from trading.errors import TradingError
from trading.risk.case import Case
from trading.risk.judge import judge
from trading.risk.limits import Limits, parse_limits
from trading.risk.record import UnreadableRecord, mark_checks, read_case

CHUNK = 500
_COLUMN = Decimal("1e-8")


@dataclass
class LogReport:
    """What was found in one account's log. `by_code` counts the verdicts by the version of the judge that gave them."""

    account: Account
    lines: int = 0
    judged: int = 0
    unjudged: int = 0  # lines that are no verdict, or of a state that could not be read at the time
    anchors: int = 0
    by_code: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.faults


def verify_log(
    account: Account,
    *,
    since: datetime | None = None,
    outside: Iterable[Anchor] = (),
    accepted: Iterable[str] = (),
    most_faults: int = 100,
) -> LogReport:
    """
    Return what is right and wrong with an account's decision log.

    :param since: leave out lines before this instant; the first one left is held against the one before it.
    :param outside: anchors that were kept elsewhere; their signatures were checked by whoever read them.
    :param accepted: versions of the judge whose verdicts may differ from today's.
    :param most_faults: stop after so many: a log with a hole has a fault in every line.
    """
    report = LogReport(account)
    for fault in _find_faults(account, report, since, list(outside), frozenset(accepted)):
        report.faults.append(fault)
        if len(report.faults) >= most_faults:
            break
    return report


def verify_chain(account_id: Any) -> list[str]:
    """Return what is wrong with an account's decision log, in words; nothing where all is in place."""
    return [str(fault) for fault in verify_log(Account.objects.get(pk=account_id)).faults]


def _find_faults(
    account: Account, report: LogReport, since: datetime | None, outside: list[Anchor], accepted: frozenset[str]
) -> Iterator[Fault]:
    # The log grows while it is read. Head, lines, head: what lies between the two heads was added meanwhile.
    before = _read_head(account)
    rows = Decision.objects.filter(account=account)
    start = rows.filter(at__lt=since).order_by("-number").first() if since else None
    if start is not None:
        rows = rows.filter(number__gte=start.number)
    kept = sorted(outside, key=_line_of)
    anchors = merge(list_anchors(account), kept, key=_line_of)
    first, previous = (start.number, start.previous_hash) if start else (1, "")
    chain = ChainCheck(first=first, previous=previous, anchors=anchors)
    for lines in _chunks(rows.order_by("number", "id").iterator(chunk_size=CHUNK)):
        yield from chain.follow(lines, before)
        judged = lines[1:] if start is not None and lines[0].number == start.number else lines
        yield from _check_contents(account, judged, report, accepted)
        if chain.is_broken:
            return
    report.lines, report.anchors = chain.count - (1 if start is not None else 0), chain.anchored
    yield from chain.end(before, _read_head(account))
    if start is None:
        yield from _count_approvals(account, report)


def _chunks(rows: Iterator[Decision]) -> Iterator[list[Decision]]:
    while lines := list(islice(rows, CHUNK)):
        yield lines


def _read_head(account: Account) -> tuple[int, str]:
    number, head = AccountRisk.objects.values_list("chain_number", "chain_head").get(account=account)
    return number, head


def _line_of(anchor: Anchor) -> int:
    return anchor.number


# --- what the lines say -----------------------------------------------------------------------------------------------


def _check_contents(
    account: Account, lines: Iterable[Decision], report: LogReport, accepted: frozenset[str]
) -> Iterator[Fault]:
    bodies = [(line, _parse(line.body)) for line in lines]
    verdicts = [(line, body) for line, body in bodies if body.get("kind") == "approval"]
    report.unjudged += len(bodies) - len(verdicts)
    approvals = Approval.objects.in_bulk([pk for _, body in verdicts if (pk := _approval_id(body))])
    documents = LogDocument.objects.in_bulk({name for _, body in bodies for name in list_documents(body)})
    for line, body in bodies:
        if body.get("account") != account.public_id:
            yield Fault(line.number, "LINE_UNREADABLE", f"line {line.number} speaks of another account, or of none")
    for line, body in verdicts:
        for problem in _compare_approval(account, body, approvals.get(_approval_id(body))):
            yield Fault(line.number, "APPROVAL_DIFFERS", f"line {line.number}: {problem}")
        yield from _rejudge(line, body, documents, report, accepted)


def _parse(body: str) -> dict[str, Any]:
    try:
        value = json.loads(body, parse_float=Decimal)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _approval_id(body: Mapping[str, Any]) -> Any:
    try:
        return parse_public_id(Approval.PREFIX, str(body.get("approval")))
    except MalformedId:
        return None


def list_documents(body: Mapping[str, Any]) -> list[str]:
    """Return the hashes of the documents a line names."""
    return [name for key in ("limits", "terms", "state") if isinstance(name := body.get(key), str) and len(name) == 64]


def _compare_approval(account: Account, body: Mapping[str, Any], row: Approval | None) -> Iterator[str]:
    if row is None:
        yield f"its approval {body.get('approval')} is not there"
        return
    said = {
        "account": account.pk, "approved": body["approved"], "reason_code": body["reason"], "tag": body["tag"],
        "adjusted_lots": Decimal(str(body["lots"])), "risk_amount": Decimal(str(body["risk"])),
        "symbol": body["asked"]["symbol"], "side": body["asked"]["side"],
    }  # fmt: skip
    found = {name: getattr(row, name) for name in said if name != "account"} | {"account": row.account_id}
    for name, value in said.items():
        if found[name] != value:
            yield f"its approval says {name} {found[name]}, the log {value}"
    if hash_text(row.response) != body.get("response"):
        yield "the answer kept with its approval is not the one that was given"


def _rejudge(
    line: Decision,
    body: Mapping[str, Any],
    documents: Mapping[str, LogDocument],
    report: LogReport,
    accepted: frozenset[str],
) -> Iterator[Fault]:
    code = str(body.get("code", ""))
    report.by_code[code] = report.by_code.get(code, 0) + 1
    if "state" not in body:
        report.unjudged += 1
        return
    try:
        case = read_logged_case(body, documents)
    except (KeyError, TypeError, ValueError, TradingError) as error:
        yield Fault(line.number, "CASE_UNREADABLE", f"line {line.number} cannot be judged again: {error}")
        return
    report.judged += 1
    if (words := _compare_verdict(case, body)) and code not in accepted:
        by = "by this same judge" if code == read_judge_version() else f"by version {code}"
        yield Fault(line.number, "VERDICT_DIFFERS", f"line {line.number} was judged otherwise {by}: {words}")


def read_logged_case(body: Mapping[str, Any], documents: Mapping[str, LogDocument]) -> Case:
    """
    Return the case that a line of the log holds.

    :raises ValueError: where a document it names is missing or changed, or it is not a record of ours.
    """
    state = body["state"]
    return read_case(
        asked=body["asked"],
        state=json.loads(_text_of(documents, state), parse_float=Decimal) if isinstance(state, str) else state,
        limits=_read_limits(_text_of(documents, body["limits"])),
        terms=json.loads(_text_of(documents, body["terms"])) if "terms" in body else None,
        at=datetime.fromisoformat(body["at"]),
        market_at=datetime.fromisoformat(body["market_at"]),
    )


@lru_cache(maxsize=256)
def _read_limits(text: str) -> Limits:
    return parse_limits(json.loads(text))


def _text_of(documents: Mapping[str, LogDocument], name: str) -> str:
    document = documents.get(name)
    if document is None:
        raise UnreadableRecord(f"document {name[:12]} is missing")
    if hash_text(document.body) != name:
        raise UnreadableRecord(f"document {name[:12]} was changed")
    return document.body


def _compare_verdict(case: Case, body: Mapping[str, Any]) -> str:
    verdict = judge(case.asked, case.state, case.limits, case.at, case.market_at)
    today = (verdict.approved, verdict.reason_code, verdict.lots, _to_column(verdict.risk_amount), mark_checks(verdict))
    then = (body["approved"], body["reason"], Decimal(str(body["lots"])), Decimal(str(body["risk"])), body["checks"])
    names = ("approved", "reason", "lots", "risk", "checks")
    differs = [f"{name} {old}, now {new}" for name, old, new in zip(names, then, today, strict=True) if old != new]
    return "; ".join(differs)


def _to_column(value: Decimal) -> Decimal:
    return value.quantize(_COLUMN, "ROUND_UP")


def _count_approvals(account: Account, report: LogReport) -> Iterator[Fault]:
    """An approval that no line speaks of was put in past us."""
    logged = sum(report.by_code.values())
    stored = Approval.objects.filter(account=account).count()
    if stored > logged and _read_head(account)[0] == report.lines:
        message = f"there are {stored} approvals of {public_id('acc', account.pk)}, the log knows {logged}"
        yield Fault(0, "APPROVAL_WITHOUT_LINE", message)
