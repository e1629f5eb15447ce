"""One platform for all journeys that trade on swinging bars; each brings a strategy of its own and leaves it stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.running import Platform, free_port, running, write_waves


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that replays bars which cross every second or so: thirty minutes a wave, ten bars a second."""
    folder = tmp_path_factory.mktemp("trading")
    replay = write_waves(folder / "EURUSD_M1_waves.csv", bars=20000, period=30)
    with running(folder / "data", "--replay", str(replay), "--speed", "600", "--port", str(free_port())) as platform:
        yield platform
