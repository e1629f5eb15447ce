"""The fault rig's short campaign: every fault is held, from a seed that is told (`go.py faults --short --seed N` replays it)."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.faults.campaign import run_campaign
from tests.journeys.running import Platform

pytestmark = pytest.mark.journey


def test_every_fault_of_the_short_campaign_is_held(platform: Platform, tmp_path: Path) -> None:
    seed = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(1_000_000))

    outcome = run_campaign(platform, tmp_path / "rig", seed=seed, is_short=True)

    assert not outcome.fell, f"seed {seed}: {outcome.fell}"
    assert len(outcome.held) > 20
