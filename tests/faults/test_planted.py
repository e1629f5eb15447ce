"""A check that cannot fail proves nothing: some of the bugs that `go.py faults` plants are planted in every run."""

from __future__ import annotations

from tests.faults.planted import PLANTED, Planted, catch_all


def test_planted_bugs_are_caught():
    assert catch_all([bug for bug in PLANTED if bug.is_short]) == []


def test_a_bug_nobody_looks_for_is_told():
    harmless = Planted(
        "a word of a docstring",
        "executor_agent/__init__.py",
        "survives anything",
        "survives",
        ("tests/unit/trading/risk/test_sizing.py",),
    )

    assert catch_all([harmless]) == ["a word of a docstring: its tests pass"]


def test_code_that_has_moved_on_is_told():
    gone = Planted(
        "gone", "executor_agent/__init__.py", "no such text", "", ("tests/unit/trading/risk/test_sizing.py",)
    )

    assert "cannot be planted" in catch_all([gone])[0]
