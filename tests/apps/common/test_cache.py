"""A cache server that is away is a cache that is empty."""

from __future__ import annotations

import pytest
from django.core.cache import caches
from django.test import Client

from tests.world import PASSWORD, make_world

NOWHERE = {
    "default": {
        "BACKEND": "apps.common.cache.ForgetfulRedisCache",
        "LOCATION": "redis://127.0.0.1:1/0",
        "OPTIONS": {"socket_connect_timeout": 1},
    }
}


@pytest.fixture
def cache(settings):
    settings.CACHES = NOWHERE
    return caches["default"]


def test_nothing_is_there_and_nothing_breaks(cache):
    cache.set("a", 1)
    cache.set_many({"b": 2})

    assert cache.get("a", "none") == "none"
    assert cache.get_many(["a", "b"]) == {}
    assert cache.delete("a") is False
    assert "a" not in cache
    assert cache.add("a", 1) is True
    with pytest.raises(ValueError, match="not found"):
        cache.incr("a")


@pytest.mark.django_db
def test_people_sign_in_while_the_cache_is_away(cache):
    world = make_world()
    client = Client()

    client.post("/accounts/login/", {"login": world.alice.email, "password": PASSWORD})

    assert "_auth_user_id" in client.session
