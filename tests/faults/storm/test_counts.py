"""A storm in pieces: the sums of the earlier ones are kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.faults.storm.counts import Counts


def test_counts_that_were_kept_are_gone_on_with(tmp_path: Path):
    counts = Counts(pieces=1, kills=Counter(agent=3, web=1), commands=Counter(STOP_STRATEGY=7), calm_s=[3.5], seeds=[4])
    counts.note_break("I3 something")

    counts.save(tmp_path / "notes.json")
    again = Counts.load(tmp_path / "notes.json")
    again.kills["web"] += 2

    assert (again.killed, again.commanded, again.breaks, again.seeds) == (6, 7, ["I3 something"], [4])


def test_without_notes_nothing_is_counted_yet(tmp_path: Path):
    assert Counts.load(tmp_path / "none.json").killed == 0
