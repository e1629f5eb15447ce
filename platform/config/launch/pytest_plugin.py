"""
Pytest plugin: `PYTHONPATH=.:platform python -m pytest -p config.launch.pytest_plugin tests/...` needs nothing else.

It must be named with `-p`: pytest-django reads the settings before any conftest.py. Where DATABASE_URL and REDIS_URL
are set, those are used. With pytest-xdist the controller serves and the workers inherit.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

from config.launch.testing import embedded_services, redis_of_worker

_services = ExitStack()


def pytest_addoption() -> None:
    """Start the services. The hook is chosen for its moment: the first one, before pytest-django loads settings."""
    if redis := redis_of_worker(os.environ):
        os.environ["REDIS_URL"] = redis
    if "PYTEST_XDIST_WORKER" not in os.environ:
        os.environ.update(_services.enter_context(embedded_services()))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Stop the services and remove their data."""
    _services.close()
