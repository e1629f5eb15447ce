"""The rig's own zones of time: what a process that starts afterwards reads."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from tests.faults.zones import own_zones

JUMP = datetime(2024, 3, 10, tzinfo=UTC)
ASK = """
import sys
from datetime import UTC, date, datetime
from trading.risk.days import day_of
print(*(day_of(date(2024, 3, day), sys.argv[1]).hours for day in (9, 10, 11)))
"""


def _hours(name: str) -> str:
    environment = {**os.environ, "PYTHONPATH": "platform"}
    words = [sys.executable, "-c", ASK, name]
    return subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def test_a_process_reads_the_rigs_zones_and_new_rules_after_its_next_start(tmp_path):
    before = dict(os.environ)
    with own_zones(tmp_path / "zones") as zones:
        told = [
            _hours(zones.write("summer", [(JUMP + timedelta(hours=2), timedelta(hours=1))])),
            _hours(zones.write("missing", [(JUMP, timedelta(hours=1))])),
            _hours(zones.write("twice", [(JUMP + timedelta(hours=1), timedelta(hours=-1))])),
            _hours(zones.write("twice")),
            _hours("Europe/Prague"),
        ]

    assert told == ["24.0 23.0 24.0", "24.0 23.0 24.0", "24.0 25.0 24.0", "24.0 24.0 24.0", "24.0 24.0 24.0"]
    assert dict(os.environ) == before
