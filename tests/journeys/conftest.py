"""Which journeys travel together, and which set out first, when two run side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

# Folders share a platform. The longest begin, so that both lanes end at about the same time.
FIRST = ("trading", "test_launcher", "browser")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name each journey's group after its folder or file, and put the long groups first."""
    for item in items:
        if item.get_closest_marker("journey"):
            item.add_marker(pytest.mark.xdist_group(group_of(item.path)))
    items.sort(key=lambda item: FIRST.index(group) if (group := group_of(item.path)) in FIRST else len(FIRST))


def group_of(path: Path) -> str:
    """Return the name of the folder below this one, or of the file."""
    here = Path(__file__).parent
    return path.relative_to(here).parts[0].removesuffix(".py") if path.is_relative_to(here) else path.stem
