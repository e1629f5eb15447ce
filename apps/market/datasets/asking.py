"""Asking for a dataset: from a file, from what an agent sent, from an exchange; saying how a file is to be read; cancelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, BinaryIO
from uuid import UUID

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction

from apps.accounts.models import Account
from apps.common.codes import Code
from apps.common.errors import Conflict, Impossible, PlatformError
from apps.common.ids import new_id
from apps.common.nudges import after_commit
from apps.common.outbox import tell
from apps.market.datasets.selectors import LIVE
from apps.market.models import Bar, DatasetImport, DatasetSource, ImportStatus
from apps.teams.models import Team
from trading.data.examine import Policy
from trading.data.layout import HEAD_BYTES, PARQUET_MAGIC, find_layout
from trading.data.zones import check_data_zone
from trading.errors import TradingError
from trading.model.timeframe import Timeframe

# The web server holds a body in memory, several times over, before it asks us; what is on a disk already may be larger.
MOST_UPLOAD_BYTES = 128 * 1024**2
MOST_FILE_BYTES = 2 * 1024**3
MOST_LIVE_IMPORTS = 5
MOST_SPAN = timedelta(days=366 * 15)
SYMBOL = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._#+/:-]{0,31}$")
EXCHANGE = re.compile(r"^[a-z0-9]{2,30}$")
# Files are read where processors are for computing; who waits for an exchange waits beside other waiting.
TASKS = {
    DatasetSource.UPLOAD: "apps.market.tasks.import_dataset",
    DatasetSource.TERMINAL: "apps.market.tasks.import_dataset",
    DatasetSource.EXCHANGE: "apps.market.tasks.fetch_dataset",
}


def stage_upload(
    *,
    team_id: UUID,
    actor: str,
    file: BinaryIO,
    file_name: str,
    size_bytes: int,
    most_bytes: int = MOST_UPLOAD_BYTES,
) -> DatasetImport:
    """
    Keep an uploaded file and return its import as a DRAFT: nothing is read before `confirm_upload` says how.

    :raises Impossible: DATA_TOO_LARGE above ``most_bytes``, DATA_EMPTY for nothing.
    :raises Conflict: TOO_MANY_IMPORTS where five are under way already.
    """
    if size_bytes > most_bytes:
        message = (
            f"The file is larger than {most_bytes:,} bytes: bring it as Parquet, in parts, or by manage.py import_bars."
        )
        raise Impossible("DATA_TOO_LARGE", message, "file", {"limit_bytes": most_bytes})
    if not size_bytes:
        raise Impossible("DATA_EMPTY", "The file is empty.", "file")
    _refuse_too_many(team_id)
    job = DatasetImport(id=new_id(), team_id=team_id, source=DatasetSource.UPLOAD, created_by=actor)
    job.upload = default_storage.save(f"imports/{job.id.hex}", File(file))
    job.upload_bytes, job.status = size_bytes, ImportStatus.DRAFT
    job.request = {"file_name": re.sub(r"[^\w .()\[\]+-]", "_", file_name)[-120:]}
    job.symbol = guess_symbol(file_name)
    with transaction.atomic():
        job.save(force_insert=True)
        _tell(job)
    return job


def look_at_upload(job: DatasetImport, layout: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return what the file looks like: its layout, or ``{"kind": "parquet"}``.

    :raises Impossible: with the core's code where it is no file of bars, or columns have to be named first.
    """
    with default_storage.open(job.upload, "rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(PARQUET_MAGIC):
        return {"kind": "parquet"}
    try:
        return {"kind": "text", **find_layout(head, layout).describe()}
    except TradingError as error:
        raise Impossible(error.code, error.message, error.field, error.extra) from error


def confirm_upload(
    *,
    import_id: UUID,
    actor: str,
    symbol: str,
    name: str = "",
    zone: str = "UTC",
    policy: str = Policy.REFUSE,
    timeframe: str = "",
    layout: Mapping[str, Any] | None = None,
) -> DatasetImport:
    """
    Say how an uploaded file is to be read, and queue the reading. A FAILED import may be confirmed again, with other answers.

    :raises Impossible: where symbol, zone, policy, timeframe or layout cannot be; the layout is tried on the file's beginning.
    :raises Conflict: IMPORT_NOT_OPEN where it is being read or is finished; TOO_MANY_IMPORTS.
    """
    request = {
        "zone": zone,
        "policy": _read_policy(policy),
        "timeframe": _read_timeframe(timeframe),
        "layout": dict(layout or {}),
    }
    _check_zone(zone)
    symbol = _read_symbol(symbol)
    job = DatasetImport.objects.get(pk=import_id)
    if job.upload and default_storage.exists(job.upload):
        look_at_upload(job, layout)
    with transaction.atomic():
        job = DatasetImport.objects.select_for_update(no_key=True).get(pk=import_id)
        open_for = (ImportStatus.DRAFT, ImportStatus.FAILED)
        if job.source != DatasetSource.UPLOAD or job.status not in open_for or not job.upload:
            raise Conflict("IMPORT_NOT_OPEN", f"This import is {job.status}; upload the file again.", "dataset_import")
        _refuse_too_many(job.team_id)
        job.symbol, job.request = symbol, {**job.request, **request}
        job.name = name.strip()[:120] or f"{symbol} {job.request.get('file_name', '')}"[:120]
        _queue(job)
    return job


def ask_from_terminal(*, account: Account, actor: str, symbol: str, timeframe: str, name: str = "") -> DatasetImport:
    """
    Queue a dataset of the closed bars that the account's agents have sent.

    :raises Impossible: UNKNOWN_TIMEFRAME; NO_BARS where none have come of that symbol and timeframe.
    :raises Conflict: TOO_MANY_IMPORTS.
    """
    symbol, frame = _read_symbol(symbol), _read_timeframe(timeframe, needed=True)
    if not Bar.objects.filter(account=account, symbol=symbol, timeframe=frame).exists():
        raise Impossible("NO_BARS", f"No agent of {account.code} has sent {frame} bars of {symbol} yet.", "symbol")
    request = {"account_id": account.public_id, "account": account.code, "timeframe": frame, "zone": "UTC"}
    name = name.strip()[:120] or f"{symbol} {frame} from {account.code}"[:120]
    return _ask(account.team_id, actor, DatasetSource.TERMINAL, symbol, name, request)


def ask_from_exchange(
    *,
    team_id: UUID,
    actor: str,
    exchange: str,
    symbol: str,
    timeframe: str,
    start: datetime,
    end: datetime,
    at: datetime,
    name: str = "",
) -> DatasetImport:
    """
    Queue a dataset of an exchange's candles (crypto), by the names that ccxt uses: ``kraken``, ``BTC/USD``.

    :raises Impossible: for an exchange's name that is none, a span that is empty, in the future or longer than 15 years.
    :raises Conflict: TOO_MANY_IMPORTS.
    """
    symbol, frame = _read_symbol(symbol), _read_timeframe(timeframe, needed=True)
    if not EXCHANGE.match(exchange):
        raise Impossible(Code.FIELD_INVALID, "An exchange is named as in ccxt: kraken, binance.", "exchange")
    if start >= min(end, at):
        raise Impossible(Code.FIELD_INVALID, "The span must begin before it ends, and in the past.", "start")
    if min(end, at) - start > MOST_SPAN:
        raise Impossible(Code.FIELD_INVALID, "At most 15 years at once.", "start")
    request = {
        "exchange": exchange,
        "timeframe": frame,
        "zone": "UTC",
        "start": start.isoformat(),
        "end": min(end, at).isoformat(),
    }
    name = name.strip()[:120] or f"{symbol} {frame} from {exchange}"[:120]
    return _ask(team_id, actor, DatasetSource.EXCHANGE, symbol, name, request)


@transaction.atomic
def cancel_import(*, import_id: UUID, actor: str, at: datetime) -> DatasetImport:
    """
    End an import: at once where nobody reads it yet, else at its worker's next block. A finished one stays as it is.

    :raises Conflict: IMPORT_NOT_OPEN where it is done already.
    """
    job = DatasetImport.objects.select_for_update(no_key=True).get(pk=import_id)
    if job.status in (ImportStatus.DONE, ImportStatus.CANCELLED):
        raise Conflict("IMPORT_NOT_OPEN", f"This import is {job.status} already.", "dataset_import")
    job.is_cancelled = True
    if job.status != ImportStatus.READING:
        end_import(job, ImportStatus.CANCELLED, at)
    else:
        job.save(update_fields=["is_cancelled"])
    return job


def end_import(job: DatasetImport, status: str, at: datetime, *, keep_upload: bool = False) -> None:
    """Write an import's end (its row is locked, or its worker's own), tell it, and let the uploaded file go."""
    job.status, job.finished_at = status, at
    upload = job.upload
    if not keep_upload:
        job.upload = ""
    job.save(
        update_fields=[
            "status",
            "finished_at",
            "upload",
            "findings",
            "problem",
            "dataset",
            "progress_fraction",
            "is_cancelled",
        ]
    )
    _tell(job)
    if upload and not keep_upload:
        transaction.on_commit(lambda: default_storage.delete(upload))


def guess_symbol(file_name: str) -> str:
    """
    Return the symbol a file seems to be named for, or nothing.

    >>> guess_symbol("EURUSD_M1_2020Q3.csv"), guess_symbol("DAT_ASCII_GBPUSD_M1_2020.csv"), guess_symbol("prices.csv")
    ('EURUSD', 'GBPUSD', '')
    """
    for word in re.split(r"[^A-Za-z0-9]+", file_name):
        if re.fullmatch(r"[A-Z]{6}|[A-Z]{2,5}\d{2,3}", word):
            return word
    return ""


def _ask(team_id: UUID, actor: str, source: str, symbol: str, name: str, request: dict[str, Any]) -> DatasetImport:
    with transaction.atomic():
        _refuse_too_many(team_id)
        job = DatasetImport(team_id=team_id, source=source, symbol=symbol, name=name, request=request, created_by=actor)
        _queue(job)
    return job


def _queue(job: DatasetImport) -> None:
    job.status, job.progress_fraction, job.attempt = ImportStatus.QUEUED, 0, 0
    job.is_cancelled, job.problem, job.findings, job.finished_at = False, None, [], None
    job.save()
    _tell(job)
    wake_worker(job)


def wake_worker(job: DatasetImport) -> None:
    """Tell a worker of a queued import when the transaction commits."""
    after_commit(TASKS[DatasetSource(job.source)], import_id=str(job.pk))


def _refuse_too_many(team_id: UUID) -> None:
    """Count under the team's lock, so that six at once are not five each."""
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=team_id)
        if DatasetImport.objects.filter(team_id=team_id, status__in=LIVE).count() >= MOST_LIVE_IMPORTS:
            message = f"{MOST_LIVE_IMPORTS} imports are under way; wait for one of them or cancel it."
            raise Conflict("TOO_MANY_IMPORTS", message)


def _read_symbol(symbol: str) -> str:
    if not SYMBOL.match(symbol):
        raise Impossible(Code.FIELD_INVALID, "A symbol is 1 to 32 letters, digits or . _ # + - / :", "symbol")
    return symbol


def _read_policy(policy: str) -> str:
    try:
        return str(Policy(str(policy).upper()))
    except ValueError:
        allowed = [str(one) for one in Policy]
        message = f"policy must be one of {', '.join(allowed)}."
        raise Impossible(Code.FIELD_INVALID, message, "policy", {"allowed": allowed}) from None


def _read_timeframe(timeframe: str, *, needed: bool = False) -> str:
    if not timeframe and not needed:
        return ""
    return str(_in_words(lambda: Timeframe.parse(timeframe)))


def _check_zone(zone: str) -> None:
    _in_words(lambda: check_data_zone(zone))


def _in_words(check: Any) -> Any:
    try:
        return check()
    except TradingError as error:
        raise to_refusal(error) from error


def to_refusal(error: TradingError) -> PlatformError:
    """Return the core's refusal as the platform's."""
    return Impossible(error.code, error.message, error.field, error.extra)


def _tell(job: DatasetImport) -> None:
    data = {"import_id": job.public_id, "status": str(job.status), "name": job.name}
    tell(team_id=job.team_id, kind="dataset.import_changed", data=data)
