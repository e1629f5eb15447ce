"""One synchronous middleware, and Django runs everything inside it in a thread: every waiting agent would hold one."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.utils.module_loading import import_string


@pytest.mark.parametrize("name", settings.MIDDLEWARE)
def test_no_middleware_makes_a_long_poll_hold_a_thread(name):
    assert getattr(import_string(name), "async_capable", False), f"{name} is synchronous only: wrap it (apps/common)"
