"""A desk with a working day, and its people at their browsers."""

from __future__ import annotations

import pytest


@pytest.fixture
def desk(world):
    from tests.scenes import set_up_desk

    return set_up_desk(world.team)


@pytest.fixture
def alice(world):
    from tests.world import browser

    return browser(world.alice)


@pytest.fixture
def tom(world):
    from tests.world import browser

    return browser(world.tom)


@pytest.fixture
def bob(world):
    from tests.world import browser

    return browser(world.bob)


@pytest.fixture
def charlie(world):
    from tests.world import browser

    return browser(world.charlie)
