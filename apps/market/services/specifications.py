"""
What brokers say of their symbols, whether it is still what was accepted, and the certificates made of it.

The first specification an account's terminal tells is accepted as it is. A later one that differs stands as drift until a person
has seen it, also where the broker takes the change back meanwhile: until then nothing is approved in that symbol.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from apps.accounts.models import Account, AccountMode
from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.common.outbox import tell
from apps.market.models import CertificateResult, SymbolCertificate, SymbolSpecification
from apps.teams.models import AuditEntry
from trading.preflight import certify, find_drift, sum_results
from trading.preflight.drift import MOVING as RATES
from trading.protocol import SymbolProbe, SymbolSpec
from trading.protocol.codec import from_plain, to_plain

MOVING = frozenset({*RATES, "margin_per_lot", "loss_per_lot_check"})
FOLLOWS_AFTER = timedelta(days=1)
STORED = ["document", "content_hash", "read_at", "changed_at", "accepted", "accepted_at", "drift", "drifted_at"]


@transaction.atomic
def store_specifications(*, account: Account, specs: Sequence[SymbolSpec], at: datetime) -> list[str]:
    """Store the specifications and their certificates; return the symbols whose contract changed. Changes are told."""
    by_name = {spec.name[:32]: spec for spec in specs}
    rows = SymbolSpecification.objects.select_for_update(no_key=True).filter(account=account, symbol__in=by_name)
    stored = {row.symbol: row for row in rows.order_by("symbol")}
    fresh, changed = [], []
    for name, spec in sorted(by_name.items()):
        document = to_plain(spec)
        content_hash = _hash(document)
        row = stored.get(name) or SymbolSpecification(account=account, symbol=name, changed_at=at)
        if name in stored and row.content_hash != content_hash:
            changed.append(name)
            row.changed_at = at
        row.document, row.content_hash, row.read_at = document, content_hash, at
        _compare(row, account, at)
        fresh.append(row)
    SymbolSpecification.objects.bulk_create(
        fresh, update_conflicts=True, unique_fields=["account", "symbol"], update_fields=STORED
    )
    for name in changed:
        tell(team_id=account.team_id, account_id=account.pk, kind="symbol.changed", data={"symbol": name})
    _certify(account, sorted(by_name), at)
    return changed


@transaction.atomic
def store_probes(*, account: Account, probes: Sequence[SymbolProbe], at: datetime) -> list[SymbolCertificate]:
    """Store what the agent tried at the terminal, for symbols that are known; return their certificates."""
    told = {probe.symbol[:32]: probe for probe in probes}
    return _certify(account, sorted(told), at, told)


@transaction.atomic
def accept_specification(*, account: Account, symbol: str, actor: str, at: datetime) -> SymbolSpecification:
    """
    Note that a person has seen how the broker describes the symbol now: trades in it may be approved again.

    :raises NotFound: where no agent has told of the symbol.
    """
    row = SymbolSpecification.objects.select_for_update(no_key=True).filter(account=account, symbol=symbol).first()
    if row is None:
        raise NotFound(Code.NOT_FOUND, f"No agent of this account has told of {symbol[:40]!r} yet.", "symbol")
    if not row.drift:
        return row
    detail = {"symbol": symbol, "changes": row.drift}
    row.accepted, row.accepted_at, row.accepted_by = row.document, at, actor[:120]
    row.drift, row.drifted_at = {}, None
    row.save(update_fields=["accepted", "accepted_at", "accepted_by", "drift", "drifted_at"])
    AuditEntry.objects.create(
        team_id=account.team_id, actor=actor[:120], action="symbol.accepted", target=row.public_id, detail=detail
    )
    tell(team_id=account.team_id, account_id=account.pk, kind="symbol.accepted", data={**detail, "by": actor[:120]})
    return row


def to_numbers(document: dict[str, object]) -> dict[str, object]:
    """Return a stored specification with its numbers as numbers (they are stored as text, to lose no digit)."""
    spec = from_plain(document, SymbolSpec)
    return {name: getattr(spec, name) for name in SymbolSpec.__struct_fields__}


def _compare(row: SymbolSpecification, account: Account, at: datetime) -> None:
    if not row.accepted:
        row.accepted, row.accepted_at = row.document, at
        return
    is_simulated = account.mode == AccountMode.PAPER
    found = find_drift(row.accepted, row.document, account.currency, may_jump=is_simulated)
    if set(found) - set(row.drift) or any(row.drift[name][1] != found[name][1] for name in found):
        row.drift, row.drifted_at = {**row.drift, **found}, at
        data = {"symbol": row.symbol, "changes": row.drift, "account_id": account.public_id}
        tell(team_id=account.team_id, account_id=account.pk, kind="symbol.drifted", data=data)
    elif not found and not row.drift and (row.accepted_at is None or at - row.accepted_at >= FOLLOWS_AFTER):
        row.accepted, row.accepted_at = row.document, at


def _certify(
    account: Account, symbols: Sequence[str], at: datetime, told: dict[str, SymbolProbe] | None = None
) -> list[SymbolCertificate]:
    specs = {row.symbol: row for row in SymbolSpecification.objects.filter(account=account, symbol__in=symbols)}
    before = {row.symbol: row for row in SymbolCertificate.objects.filter(account=account, symbol__in=symbols)}
    failed_before = {name for name, row in before.items() if row.result == CertificateResult.FAIL}
    fresh = []
    for name, spec in sorted(specs.items()):
        probe = (told or {}).get(name)
        row = before.get(name) or SymbolCertificate(account=account, symbol=name)
        if probe is not None:
            row.probe, row.probed_at = to_plain(probe), at
        _fill(row, spec, account, at)
        fresh.append(row)
    SymbolCertificate.objects.bulk_create(
        fresh,
        update_conflicts=True,
        unique_fields=["account", "symbol"],
        update_fields=["result", "checks", "probe", "probed_at", "made_at"],
    )
    for row in fresh:
        if row.result == CertificateResult.FAIL and row.symbol not in failed_before:
            failed = [one for one in row.checks if one["result"] == CertificateResult.FAIL]
            data = {"symbol": row.symbol, "account_id": account.public_id, "checks": failed}
            tell(team_id=account.team_id, account_id=account.pk, kind="certificate.failed", data=data)
    return fresh


def _fill(row: SymbolCertificate, spec: SymbolSpecification, account: Account, at: datetime) -> None:
    checks = certify(
        from_plain(spec.document, SymbolSpec),
        from_plain(row.probe, SymbolProbe) if row.probe else None,
        margin_mode=account.margin_mode,
    )
    row.result = str(sum_results(checks))
    row.checks = [
        {"name": one.name, "result": str(one.result), "message": one.message, "code": one.code} for one in checks
    ]
    row.made_at = at


def _hash(document: dict[str, object]) -> str:
    """Hash what the contract says; what moves with the rates is no change of it."""
    contract = {name: value for name, value in document.items() if name not in MOVING}
    return hashlib.sha256(json.dumps(contract, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
