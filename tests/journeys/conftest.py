"""Which journeys travel together, and which set out first, when two run side by side."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Each folder shares a platform. The longest begin, so that both lanes end at about the same time.
FIRST = ("trading", "test_launcher.py", "browser")


class ByPlatform(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps the journeys of a folder, and those of a file, on one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByPlatform:
    """Choose who runs which journey; asked where this folder is named on the command line."""
    return ByPlatform(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long groups first."""
    items.sort(key=lambda item: FIRST.index(group) if (group := group_of(item.nodeid)) in FIRST else len(FIRST))


def group_of(nodeid: str) -> str:
    """Return the folder below this one, or the file, that a test is in."""
    parts = PurePosixPath(nodeid.split("::", 1)[0]).parts
    return parts[2] if parts[:2] == ("tests", "journeys") else "/".join(parts)
