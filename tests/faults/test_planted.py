"""A check that cannot fail proves nothing: some of the bugs that `go.py faults` plants are planted in every run."""

from __future__ import annotations

import pytest

from config.launch.options import ROOT
from tests.faults.planted import PLANTED, SIZING, Planted, catch_all

FILE = "executor_agent/__init__.py"
HARMLESS = Planted("a word of a docstring", FILE, "survives anything", "survives", (SIZING,))
GONE = Planted("gone", FILE, "no such text", "", (SIZING,))


@pytest.fixture(scope="module")
def missed() -> dict[str, str]:
    """What is said of each bug that was not caught, all planted in one copy."""
    said = catch_all([*(bug for bug in PLANTED if bug.is_short), HARMLESS, GONE])
    return dict(line.split(": ", 1) for line in said)


def test_planted_bugs_are_caught(missed):
    assert set(missed) <= {HARMLESS.name, GONE.name}


def test_a_bug_nobody_looks_for_is_told(missed):
    assert missed[HARMLESS.name] == "its tests pass"


def test_code_that_has_moved_on_is_told(missed):
    assert "cannot be planted" in missed[GONE.name]


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.name)
def test_what_a_planted_bug_changes_still_stands_in_the_code(bug):
    assert bug.right in (ROOT / bug.file).read_text("utf-8")
