"""Datasets as pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.dashboard.paging import Page, take_page
from apps.market.datasets.selectors import list_datasets, list_open_imports
from apps.market.models import Dataset, DatasetImport
from apps.teams.models import Team

MOST_WEEKS = 130
_HEIGHT, _WIDEST, _ACROSS = 60, 24, 780


@dataclass(frozen=True, slots=True)
class Week:
    """A bar of the coverage chart: a week, or a few of them in a long history. Positions are those of the drawing."""

    begins_at: datetime
    bars: int
    expected: int
    x: int
    y: float
    height: float

    @property
    def missing(self) -> int:
        return max(self.expected - self.bars, 0)

    @property
    def is_short(self) -> bool:
        """Whether more than two of a hundred bars are missing."""
        return self.missing > 0.02 * self.expected


def page_datasets(team: Team, *, search: str, number: int) -> Page[Dataset]:
    """Return one page of the team's datasets, newest first."""
    return take_page(list_datasets(team.pk, search=search).order_by("-created_at", "-id"), number)


def list_unfinished(team: Team) -> list[DatasetImport]:
    """Return the imports a person may still do something about, newest first, at most twenty."""
    return list(list_open_imports(team.pk)[:20])


def describe_dataset(dataset: Dataset) -> dict[str, Any]:
    """Return what a dataset's page shows."""
    weeks = draw_coverage(dataset.coverage)
    levels = {level: [one for one in dataset.findings if one["level"] == level] for level in ("FAULT", "DOUBT", "NOTE")}
    return {
        "dataset": dataset,
        "levels": levels,
        "weeks": weeks,
        "short_weeks": [week for week in weeks if week.is_short][:50],
        "drawing": {"width": max(len(weeks), 1) * _pitch(len(weeks)), "height": _HEIGHT, "bar": _pitch(len(weeks)) - 1},
        "ends_at": dataset.last_at,
        "gaps": _list_gaps(dataset),
    }


def draw_coverage(coverage: list[list[int]]) -> list[Week]:
    """Return the coverage as bars of a drawing; a long history is folded to at most 130 of them."""
    fold = -(-len(coverage) // MOST_WEEKS) or 1
    pitch = _pitch(-(-len(coverage) // fold))
    weeks = []
    for place, start in enumerate(range(0, len(coverage), fold)):
        part = coverage[start : start + fold]
        bars, expected = sum(row[1] for row in part), sum(row[2] for row in part)
        height = round(_HEIGHT * min(bars / expected, 1.0), 1) if expected else (_HEIGHT if bars else 0)
        begins_at = datetime.fromtimestamp(part[0][0], UTC)
        weeks.append(Week(begins_at, bars, expected, place * pitch, _HEIGHT - height, height))
    return weeks


def _pitch(weeks: int) -> int:
    """Return how far apart the bars of a drawing stand."""
    return max(min(_ACROSS // max(weeks, 1), _WIDEST), 6)


def _list_gaps(dataset: Dataset) -> list[tuple[datetime, timedelta, int]]:
    """Return the largest gaps: from when, how long, how many bars."""
    found = next((one for one in dataset.findings if one["kind"] == "GAPS"), None)
    largest = found["extra"]["largest"] if found else []
    return [(datetime.fromtimestamp(a, UTC), timedelta(seconds=b - a), bars) for a, b, bars in largest]
