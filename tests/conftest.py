"""Fixtures that all tests of the server share."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is, and nothing about the law.
settings.register_profile("mikrobot", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mikrobot")


@pytest.fixture(scope="session", autouse=True)
def _fast_passwords():
    """A password is hashed for a quarter of a second on purpose; the cast has four of them in every test."""
    from django.conf import settings

    if settings.configured:
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def _no_walk_through_static_files():
    """WhiteNoise looks at every static file when it is made, which the test client does again for every client."""
    from django.conf import settings

    if settings.configured:
        settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def world(db):
    """The cast in their teams (see tests/world.py)."""
    from tests.world import make_world

    return make_world()


@pytest.fixture(autouse=True)
def _full_buckets(request):
    """No test is refused because an earlier one asked often."""
    if "apps" in request.node.path.parts or "contracts" in request.node.path.parts:
        from apps.teams.limits import buckets

        buckets.forget()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Tests that commit are cleaned up by TRUNCATE, which the evidence tables refuse to everybody else."""
    from django.db import connection
    from django.test import TransactionTestCase

    from tests.emptying import empty_after_test

    TransactionTestCase._fixture_teardown = empty_after_test

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table, trigger in (
            ("risk_decision", "decision_never_truncated"),
            ("risk_logdocument", "document_never_truncated"),
            ("risk_loganchor", "anchor_never_truncated"),
        ):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
