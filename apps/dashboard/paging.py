"""Pages of 50 rows with a number in the URL; the count is exact up to 10,000."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)

PAGE_ROWS = 50
EXACT_COUNT = 10_000
LAST_PAGE = 200


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """A page of rows and its place in the list."""

    rows: list[Row]
    number: int
    count: int
    more: bool

    @property
    def shown(self) -> str:
        first = (self.number - 1) * PAGE_ROWS
        return f"{first + 1} to {first + len(self.rows)}" if self.number > 1 or self.has_next else str(len(self.rows))

    @property
    def count_text(self) -> str:
        return f"more than {EXACT_COUNT:,}" if self.count > EXACT_COUNT else f"{self.count:,}"

    @property
    def has_next(self) -> bool:
        return self.more and self.number < LAST_PAGE

    @property
    def has_previous(self) -> bool:
        return self.number > 1

    @property
    def next(self) -> int:
        return self.number + 1

    @property
    def previous(self) -> int:
        return self.number - 1


def read_page_number(text: Any) -> int:
    """
    Return the page asked for; the first for anything that is no page.

    >>> read_page_number("3"), read_page_number("-1"), read_page_number("x"), read_page_number("99999")
    (3, 1, 1, 200)
    """
    try:
        return min(LAST_PAGE, max(1, int(str(text)[:8])))
    except ValueError:
        return 1


def take_page(rows: QuerySet[Row], number: int) -> Page[Row]:
    """Return one page of an ordered queryset in two queries."""
    first = (number - 1) * PAGE_ROWS
    found = list(rows[first : first + PAGE_ROWS + 1])
    count = rows.order_by()[: EXACT_COUNT + 1].count() if len(found) > PAGE_ROWS or number > 1 else len(found)
    return Page(found[:PAGE_ROWS], number, count, len(found) > PAGE_ROWS)


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[Row]):
    """A page of a long list in the order of a handle; `next` and `previous` are the handles it goes on behind."""

    rows: list[Row]
    count: int
    next: str
    previous: str

    @property
    def count_text(self) -> str:
        return f"more than {EXACT_COUNT:,}" if self.count > EXACT_COUNT else f"{self.count:,}"


def take_keyset(rows: QuerySet[Row], handle: str, *, after: str = "", before: str = "") -> KeysetPage[Row]:
    """
    Return the page that follows the handle `after`, or the one that ends before `before`; a list that grows shows none twice.

    :param handle: the column of the order; its values are unique among the rows.
    """
    count = rows.order_by()[: EXACT_COUNT + 1].count()
    if before:
        found = list(rows.filter(**{f"{handle}__lt": before}).order_by(f"-{handle}")[: PAGE_ROWS + 1])
        more, page = len(found) > PAGE_ROWS, found[:PAGE_ROWS][::-1]
        has_next, has_previous = bool(page), more
    else:
        behind = rows.filter(**{f"{handle}__gt": after}) if after else rows
        found = list(behind.order_by(handle)[: PAGE_ROWS + 1])
        page = found[:PAGE_ROWS]
        has_next, has_previous = len(found) > PAGE_ROWS, bool(after and page)
    ends = [getattr(row, handle) for row in (page[-1:] + page[:1])]
    return KeysetPage(page, count, ends[0] if has_next else "", ends[1] if has_previous else "")
