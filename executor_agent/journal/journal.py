"""
The journal: an append-only log of rows, each line numbered and chained by checksum, written and fsynced before the agent acts.

What stands in it at the start is what was true when the last process ended. A line that is torn, changed, missing or out of its
chain is *damage*: everything before it is kept, the file is set aside, and whoever opens is told, because then the journal cannot
be believed to be complete. A log cut exactly between two lines cannot be told from one that ended there; the agent therefore
never trades at a start before terminal and server were both read, damage or not.
"""

from __future__ import annotations

import contextlib
import os
import uuid
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from executor_agent.journal.files import replace_file, sync_folder, write_all, write_synced
from executor_agent.journal.rows import AnyRow, MarkRow, Row
from executor_agent.logs import get_log

RowT = TypeVar("RowT", bound=Row)

_COMPACT_ABOVE_BYTES = 4_000_000
_MARK = "journal.mark"


@dataclass(frozen=True)
class Damage:
    """Why the journal cannot be believed to be complete."""

    kind: str  # MISSING | TORN | CORRUPT | FOREIGN
    detail: str


class _Drop(msgspec.Struct, tag_field="row", tag="drop"):
    kind: str
    key: str


_decoder = msgspec.json.Decoder(AnyRow | _Drop)
_encoder = msgspec.json.Encoder()


class Journal:
    """
    Rows by kind and key, in memory and on disk. Not for several threads.

    ``damage`` is None where the last journal was read whole (or there never was one).
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path, self._mark = directory / "journal.log", directory / _MARK
        self._rows: dict[type[Row], dict[str, Row]] = {}
        self._temporary = self._path.with_suffix(".new")
        self._last_crc = self._fresh_crc = 0
        self._read_crc: int | None = None  # of a journal that was read whole and is the one begun here
        self._bytes = self._fresh_bytes = 0
        self._pending: list[bytes] = []
        self.damage = self._load()
        self._live_bytes = 0
        self._file: BinaryIO = self._rewrite()

    # --- reading ------------------------------------------------------------------------------------------------

    def find(self, kind: type[RowT], key: str | int) -> RowT | None:
        """Return the row, or None."""
        return self._table(kind).get(str(key))

    def list_rows(self, kind: type[RowT]) -> list[RowT]:
        """Return all rows of a kind, in the order they first came."""
        return list(self._table(kind).values())

    def read_mark(self, name: str, default: str = "") -> str:
        """Return a single value."""
        row = self.find(MarkRow, name)
        return default if row is None else row.value

    def count(self, kind: type[Row]) -> int:
        """Return how many rows of a kind there are."""
        return len(self._rows.get(kind, ()))

    def read_bytes(self) -> bytes:
        """Return the log as it is on disk."""
        return self._path.read_bytes()

    @property
    def size_bytes(self) -> int:
        """How long the log is."""
        return self._bytes

    def _table(self, kind: type[RowT]) -> dict[str, RowT]:
        return self._rows.setdefault(kind, {})  # type: ignore[return-value]

    # --- writing ------------------------------------------------------------------------------------------------

    def put(self, *rows: Row, durable: bool = True) -> None:
        """
        Store rows, each replacing the one of its key. With ``durable`` they are on disk when this returns.

        :raises OSError: where the disk refuses; nothing must then be done that the rows were to precede.
        """
        self._append([(_encoder.encode(row), row, None) for row in rows], durable=durable)

    def try_put(self, *rows: Row, durable: bool = False) -> bool:
        """Store rows where the disk lets us, for what must go on without: closing and protecting. A refusal is logged."""
        try:
            self.put(*rows, durable=durable)
        except OSError as error:
            get_log().error("JOURNAL_REFUSED", problem=str(error))
            return False
        return True

    def drop(self, *rows: Row, durable: bool = False) -> None:
        """Forget rows. A drop that is lost comes back as a row that was already dealt with, so it need not be durable."""
        drops = [(_encoder.encode(_Drop(type(row).__struct_config__.tag, row.key)), None, row) for row in rows]  # type: ignore[arg-type]
        self._append(drops, durable=durable)

    def set_mark(self, name: str, value: str, *, durable: bool = True) -> None:
        """Store a single value, where it changed."""
        if self.read_mark(name) != value:
            self.put(MarkRow(name=name, value=value), durable=durable)

    def close(self) -> None:
        """Flush and close."""
        with contextlib.suppress(OSError):
            self._sync()
        self._file.close()

    def _append(self, changes: Sequence[tuple[bytes, Row | None, Row | None]], *, durable: bool) -> None:
        lines, crc = [], self._last_crc
        for data, _, _ in changes:
            crc = zlib.crc32(data, crc)
            lines.append(b"%08x %s\n" % (crc, data))
        if not lines:
            return
        block = b"".join(lines)
        start = self._bytes
        try:
            write_all(self._file, block)
            if durable:
                self._sync()
        except OSError:
            # Half a line would be damage at the next start; take it back as far as the disk lets us.
            with contextlib.suppress(OSError):
                self._file.truncate(start)
            raise
        self._last_crc, self._bytes = crc, self._bytes + len(block)
        for _, row, dropped in changes:
            self._apply(row, dropped)
        if self._bytes > _COMPACT_ABOVE_BYTES + 4 * self._live_bytes:
            self._compact()

    def _compact(self) -> None:
        # A disk too full for a second copy must not cost us the first: rows are still appended, closing still works.
        with contextlib.suppress(OSError):
            self._write_fresh()
            self._file.close()  # Windows replaces no file that is open
            with contextlib.suppress(OSError):
                self._change_over()
            self._file = self._path.open("ab", buffering=0)

    def _apply(self, row: Row | None, dropped: Row | None) -> None:
        if row is not None:
            self._rows.setdefault(type(row), {})[row.key] = row
        if dropped is not None:
            self._rows.get(type(dropped), {}).pop(dropped.key, None)

    def _sync(self) -> None:
        os.fsync(self._file.fileno())

    # --- the file -----------------------------------------------------------------------------------------------

    def _load(self) -> Damage | None:
        known = self._mark.exists()
        if not self._path.exists():
            return Damage("MISSING", "the journal is gone") if known else None
        damage = self._read_lines(self._path.read_bytes())
        if damage is None and known and self.read_mark("journal_id") != self._mark.read_text("ascii").strip():
            damage = Damage("FOREIGN", "the journal is not the one that was begun here")
        self._read_crc = self._read_crc if damage is None and known else None
        if damage is not None:
            self._rows.get(MarkRow, {}).pop("journal_id", None)
            replace_file(self._path, self._path.with_name(f"journal.damaged-{uuid.uuid4().hex[:8]}"))
        return damage

    def _read_lines(self, data: bytes) -> Damage | None:
        crc, kinds = 0, {kind.__struct_config__.tag: kind for kind in AnyRow.__args__}
        for number, line in enumerate(_split(data), start=1):
            if not line.endswith(b"\n"):
                return Damage("TORN", f"line {number} is cut")
            try:
                crc = zlib.crc32(line[9:-1], crc)
                if line[:9] != b"%08x " % crc:
                    return Damage("CORRUPT", f"line {number} does not follow from the one before")
                row = _decoder.decode(line[9:-1])
            except (msgspec.DecodeError, ValueError) as error:
                return Damage("CORRUPT", f"line {number}: {error}")
            if isinstance(row, _Drop):
                self._rows.get(kinds[row.kind], {}).pop(row.key, None)
            else:
                self._apply(row, None)
        self._read_crc = crc
        return None if data else Damage("TORN", "the journal is empty")

    def _rewrite(self) -> BinaryIO:
        """Write the live rows as a new file, and change over in one step."""
        if not self.read_mark("journal_id"):
            self._apply(MarkRow(name="journal_id", value=uuid.uuid4().hex), None)
        self._write_fresh()
        # The mark first: a crash in between leaves a journal that is not the marked one, which is damage, not silence.
        mark = self.read_mark("journal_id")
        if not self._mark.exists() or self._mark.read_text("ascii").strip() != mark:
            write_synced(self._mark, mark.encode("ascii"))
        try:
            self._change_over()
        except PermissionError:
            # Read whole, but held by somebody (Windows then replaces it not): it is as good as its shorter copy.
            if self._read_crc is None:
                raise
            self._last_crc, self._live_bytes = self._read_crc, self._fresh_bytes
            self._bytes = self._path.stat().st_size
        return self._path.open("ab", buffering=0)

    def _write_fresh(self) -> None:
        crc, length = 0, 0
        with self._temporary.open("wb") as file:
            for table in self._rows.values():
                for row in table.values():
                    data = _encoder.encode(row)
                    crc = zlib.crc32(data, crc)
                    length += file.write(b"%08x %s\n" % (crc, data))
            file.flush()
            os.fsync(file.fileno())
        self._fresh_crc, self._fresh_bytes = crc, length

    def _change_over(self) -> None:
        replace_file(self._temporary, self._path)
        self._last_crc, self._bytes, self._live_bytes = self._fresh_crc, self._fresh_bytes, self._fresh_bytes
        sync_folder(self._path.parent)


def _split(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end + 1
        yield data[start:end]
        start = end
