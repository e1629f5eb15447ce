"""The platform as its own push service, over a real socket; an executor of alice's, and the tools to wait."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pusher
import pytest

from tests.contracts.daphne import Server
from tests.fleet import make_account, make_executor_with_key
from tests.world import make_world

KEYS = {"PUSHER_APP_ID": "17", "PUSHER_KEY": "public-key", "PUSHER_SECRET": "kept-secret", "PUSHER_SERVE": "true"}


@pytest.fixture(scope="session")
def server(django_db_setup):
    server = Server("tests.contracts.push.served:application", KEYS)
    yield server
    server.stop()


@dataclass
class Stage:
    server: Server
    executor: object
    headers: dict[str, str]

    @property
    def channel(self):
        return f"private-executor-{self.executor.public_id}"

    def library(self, **changes):
        """The unmodified `pusher` library, pointed at the platform."""
        given = {"app_id": "17", "key": "public-key", "secret": "kept-secret"}
        return pusher.Pusher(
            **{**given, "host": "127.0.0.1", "port": self.server.port, "ssl": False, "timeout": 20, **changes}
        )


@pytest.fixture
def stage(server, transactional_db):
    executor, headers = make_executor_with_key(make_account(make_world().team))
    return Stage(
        server, executor, {name.removeprefix("HTTP_").replace("_", "-"): text for name, text in headers.items()}
    )


def wait_for(look, what, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited for {what}")
