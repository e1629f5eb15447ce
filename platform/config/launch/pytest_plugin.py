"""
Pytest plugin: `PYTHONPATH=.:platform python -m pytest -p config.launch.pytest_plugin tests/...` needs nothing else.

It must be named with `-p`: pytest-django reads the settings before any conftest.py. Where DATABASE_URL and REDIS_URL
are set, those are used. With pytest-xdist the controller serves and the workers inherit.
"""

from __future__ import annotations

import gc
import os
from contextlib import ExitStack

import pytest

from config.launch.testing import embedded_services, redis_of_worker

_services = ExitStack()
USUAL_THRESHOLD = gc.get_threshold()
WHILE_COLLECTING = (20_000, 20, 20)


def pytest_addoption() -> None:
    """Start the services. The hook is chosen for its moment: the first one, before pytest-django loads settings."""
    gc.set_threshold(*WHILE_COLLECTING)
    if redis := redis_of_worker(os.environ):
        os.environ["REDIS_URL"] = redis
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ.update(_services.enter_context(embedded_services()))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Take libraries and collected tests out of the collector's sight: each full collection would walk two million objects."""
    gc.collect()
    gc.freeze()
    # What tests drop is found as soon as ever: a connection in it would keep the database from being removed.
    gc.set_threshold(*USUAL_THRESHOLD)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop the services and remove their data."""
    _services.close()
