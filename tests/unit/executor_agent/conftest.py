"""What every test of the agent begins with."""

from pathlib import Path

import pytest

from tests.agents.world import AgentWorld


@pytest.fixture
def world(tmp_path: Path) -> AgentWorld:
    """An agent that has just been started, beside a terminal with flat history."""
    return AgentWorld(tmp_path)


@pytest.fixture
def running(world: AgentWorld) -> AgentWorld:
    """The same with its strategy RUNNING."""
    world.run_strategy()
    return world
