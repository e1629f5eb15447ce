"""A server on the test's database, the cast, and our compiled programs."""

from __future__ import annotations

import os

import httpx
import pytest

from tests.contracts.daphne import Server
from tests.mql5 import building
from tests.world import make_world


@pytest.fixture(scope="session")
def programs():
    if building.COMPILER is None:
        assert not os.environ.get("CI"), "continuous integration needs g++ for the MQL5 tests"
        pytest.skip("g++ is not installed: the MQL5 sources are not run here")
    return building.build()


@pytest.fixture
def start(programs, tmp_path):
    """Start a program; each gets the test's folder as its MQL5\\Files."""
    running = []

    def start_one(name, *words):
        running.append(building.Talk(programs[name], str(tmp_path), *[str(word) for word in words]))
        return running[-1]

    yield start_one
    for talk in running:
        talk.close()


@pytest.fixture(scope="session")
def server(django_db_setup):
    server = Server("tests.contracts.approval_apps:door")
    # The first request loads the whole platform; the experts' own patience is not what is tested by that.
    assert httpx.get(f"{server.url}/api/schema", timeout=120).status_code < 500
    yield server
    server.stop()


@pytest.fixture
def people(server, transactional_db):
    return make_world()
