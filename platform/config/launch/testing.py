"""Embedded services for a test run: a fresh PostgreSQL and Valkey in a temporary folder, gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from config.launch.data_dir import DataDir
from config.launch.fleet import STOP_ORDER
from config.launch.journal import LaunchJournal
from config.launch.services import start_services
from config.launch.supervisor import Supervisor

# Tests may lose their data: waiting for the disk would only make them slow.
FOR_SPEED = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
DURABLE = {"max_connections": "330"}
EMBEDDED_REDIS = "MIKROBOT_TEST_REDIS"


@contextmanager
def embedded_services(postgres_settings: Mapping[str, str] = FOR_SPEED) -> Iterator[dict[str, str]]:
    """
    Serve what DATABASE_URL and REDIS_URL do not already name, and give the variables that point to it.

    :param postgres_settings: FOR_SPEED, or DURABLE where commits must reach the disk.

    :raises LaunchError: if a server does not come up.
    """
    folder = Path(tempfile.mkdtemp(prefix="mikrobot-test-"))
    data = DataDir.open(folder)
    journal = LaunchJournal(data.log_of("launcher"))
    supervisor = Supervisor(data, journal)
    try:
        services = start_services(data, supervisor, postgres_settings)
        # Tests keep their threads, and so their connections, longer than a server would.
        environment = {**services.as_environment(), "MIKROBOT_DATA_DIR": str(folder), "DATABASE_POOL_SIZE": "24"}
        if "valkey" in services.embedded:
            environment[EMBEDDED_REDIS] = services.redis_url
        (folder / "staticfiles").mkdir()
        yield environment
    finally:
        supervisor.stop_all(STOP_ORDER)
        journal.close()
        shutil.rmtree(folder, ignore_errors=True)


def redis_of_worker(environment: dict[str, str] | os._Environ[str]) -> str | None:
    """Return the Valkey database of a pytest-xdist worker, so that two workers do not hear each other."""
    shared, worker = environment.get(EMBEDDED_REDIS), environment.get("PYTEST_XDIST_WORKER", "")
    if not shared or not worker.startswith("gw"):
        return None
    return shared.rsplit("/", 1)[0] + f"/{1 + int(worker[2:]) % 15}"
