"""Brings up the embedded database and queue, or takes those that the environment names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config.env import env_secret
from config.launch import postgres, valkey
from config.launch.data_dir import DataDir
from config.launch.errors import LaunchError
from config.launch.supervisor import Supervisor


@dataclass(frozen=True)
class Services:
    """Where the processes find database and queue, and which of them are ours."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    embedded: tuple[str, ...]

    @property
    def in_memory(self) -> bool:
        """Tell whether queue and channel layer live inside the web process."""
        return self.redis_url.startswith(valkey.IN_MEMORY)

    def as_environment(self) -> dict[str, str]:
        """Return the variables the settings read."""
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}


def start_services(
    data: DataDir, supervisor: Supervisor, postgres_settings: Mapping[str, str] | None = None
) -> Services:
    """
    Start what the environment does not name, side by side, and wait until both take connections.

    :raises LaunchError: if a server does not come up.
    """
    database_url, redis_url = env_secret("DATABASE_URL", ""), env_secret("REDIS_URL", "")
    embedded = []
    queue = None
    if not redis_url and valkey.is_available():
        queue_port = data.port("valkey")
        queue = supervisor.start(valkey.server(data, queue_port))
        redis_url = valkey.url(data, queue_port)
        embedded.append("valkey")
    if not database_url:
        database_url = _start_postgres(data, supervisor, dict(postgres_settings or {}))
        embedded.append("postgres")
    if queue is not None:
        supervisor.wait_until(lambda: valkey.is_ready(queue_port), of=queue)
    return Services(database_url, redis_url or valkey.IN_MEMORY, tuple(embedded))


def _start_postgres(data: DataDir, supervisor: Supervisor, settings: dict[str, str]) -> str:
    files = postgres.locate(data)
    is_new = postgres.create_cluster(data, files)
    postgres.stop_leftover(files)
    port = _serving_postgres(data, supervisor, files, settings)
    if is_new or not data.read("database.json"):
        postgres.create_database(data, port)
        data.write("database.json", {"created": True})
    return postgres.url(data, port)


def _serving_postgres(
    data: DataDir, supervisor: Supervisor, files: postgres.PostgresFiles, settings: dict[str, str]
) -> int:
    attempts = 3  # somebody may take the port between our look and the server's
    for attempt in range(1, attempts + 1):
        port = data.port("postgres")
        child = supervisor.start(postgres.server(files, port, settings))
        try:
            # A long crash recovery is no failure: it says so in its log.
            supervisor.wait_until(lambda: postgres.is_ready(files), of=child, timeout_s=300)
        except LaunchError:
            if attempt == attempts or child.is_running():
                raise  # the supervisor still owns it and ends it with the rest
            supervisor.forget("postgres")
        else:
            return port
    raise AssertionError("unreachable")
