"""Liveness and readiness."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from apps.gateway import health


def test_a_living_process_says_so_without_the_database(client):
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_ready_means_the_database_answers_and_has_our_tables(client):
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["checks"]) == (200, {"database": True, "migrations": True})


def test_a_database_that_is_away_means_not_ready(client, monkeypatch):
    def fails():
        raise OperationalError("gone")

    monkeypatch.setattr(health, "_database_answers", fails)

    assert client.get("/readyz").status_code == 503
