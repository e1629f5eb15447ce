"""The calendar of scheduled releases: imported from a file, for everybody."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from apps.common.codes import Code
from apps.common.errors import Impossible
from apps.market.models import Impact, NewsRelease

FIELDS = ("at", "currency", "impact", "title")
MOST_RELEASES = 50_000


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    added: int
    kept: int
    removed: int


def read_calendar(path: Path) -> list[dict[str, Any]]:
    """
    Return the rows of a calendar file, CSV with a header or a JSON list, with the fields at, currency, impact and title.

    :raises Impossible: FIELD_INVALID for a file that is neither.
    """
    text = path.read_text(encoding="utf-8-sig")
    try:
        rows = json.loads(text) if path.suffix.lower() == ".json" else list(csv.DictReader(text.splitlines()))
    except ValueError as error:
        raise Impossible(Code.FIELD_INVALID, f"The file is no JSON: {error}.", "file") from None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise Impossible(Code.FIELD_INVALID, "A calendar is a list of releases.", "file")
    return [dict(row) for row in rows]


@transaction.atomic
def import_news(*, rows: Iterable[Mapping[str, Any]], source: str, at: datetime) -> Imported:
    """
    Store a calendar. It is the whole truth of its source for the span it covers: what the source said before and does not say
    any more is removed, so a release that was moved does not stand twice.

    :raises Impossible: FIELD_INVALID with the row at fault; nothing is stored then.
    """
    wanted = {(one.at, one.currency, one.title): one for one in _read_rows(rows, source[:120], at)}
    if not wanted:
        raise Impossible(Code.FIELD_INVALID, "The calendar holds no release.", "file")
    span = (min(key[0] for key in wanted), max(key[0] for key in wanted))
    known = {(one.at, one.currency, one.title): one for one in NewsRelease.objects.filter(at__range=span)}
    gone = [one.pk for key, one in known.items() if key not in wanted and one.source == source[:120]]
    NewsRelease.objects.filter(pk__in=gone).delete()
    NewsRelease.objects.bulk_create(
        wanted.values(),
        update_conflicts=True,
        unique_fields=["at", "currency", "title"],
        update_fields=["impact", "source", "imported_at"],
        batch_size=1000,
    )
    kept = len(wanted.keys() & known.keys())
    return Imported(added=len(wanted) - kept, kept=kept, removed=len(gone))


def _read_rows(rows: Iterable[Mapping[str, Any]], source: str, at: datetime) -> list[NewsRelease]:
    found = [_read_row(number, row, source, at) for number, row in enumerate(rows)]
    if len(found) > MOST_RELEASES:
        raise Impossible(Code.FIELD_INVALID, f"At most {MOST_RELEASES} releases at once.", "file")
    return found


def _read_row(number: int, row: Mapping[str, Any], source: str, at: datetime) -> NewsRelease:
    texts = {name: str(row.get(name) or "").strip() for name in FIELDS}
    if unknown := sorted(str(name) for name in row if name not in FIELDS):
        raise _wrong(number, unknown[0], f"is no field of a release; known are {', '.join(FIELDS)}")
    impact = texts["impact"].upper()
    if impact not in Impact.values:
        raise _wrong(number, "impact", f"must be one of {', '.join(Impact.values)}, was {texts['impact'][:20]!r}")
    currency = texts["currency"].upper()
    if not (3 <= len(currency) <= 8 and currency.isalnum()):
        raise _wrong(number, "currency", f"must be a currency like USD, was {texts['currency'][:20]!r}")
    if not 1 <= len(texts["title"]) <= 200:
        raise _wrong(number, "title", "must have 1 to 200 letters")
    when = _read_time(number, texts["at"])
    return NewsRelease(at=when, currency=currency, impact=impact, title=texts["title"], source=source, imported_at=at)


def _read_time(number: int, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise _wrong(number, "at", f"must be a time with its zone, like 2026-03-06T13:30:00Z, was {text[:40]!r}")
    return found.astimezone(UTC)


def _wrong(number: int, name: str, what: str) -> Impossible:
    return Impossible(Code.FIELD_INVALID, f"Release {number + 1}: {name} {what}.", f"{number}.{name}")
