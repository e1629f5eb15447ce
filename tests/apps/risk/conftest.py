import pytest


@pytest.fixture
def desk(world):
    """An account that may trade (see tests/risk.py)."""
    from tests.risk import make_desk

    return make_desk(world)
