"""Liveness and readiness."""

from __future__ import annotations

import threading
import time
from weakref import WeakSet

import pytest
from django.db import OperationalError

from apps.gateway import health
from apps.risk import queueing


def wait_until(condition, within_s=60.0):
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s
        threading.Event().wait(0.01)


@pytest.fixture(autouse=True)
def _no_door(monkeypatch):
    monkeypatch.setattr(queueing, "_workers", WeakSet())


def test_a_living_process_says_so_without_the_database(client):
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_process_with_an_approval_door_is_ready_once_the_door_is_warm(client, monkeypatch):
    away, real = threading.Event(), queueing.decide
    away.set()

    def decide(requests, at):
        if away.is_set():
            return [queueing.answer_unavailable("")]
        return real(requests, at)

    monkeypatch.setattr(queueing, "decide", decide)
    door = queueing.Worker()
    cold = client.get("/readyz")
    assert (cold.status_code, cold.json()["checks"]["approvals"]) == (503, False)

    away.clear()
    wait_until(lambda: client.get("/readyz").status_code == 200)
    assert door.is_warm


@pytest.mark.django_db
def test_ready_means_the_database_answers_and_has_our_tables(client):
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["checks"]) == (200, {"database": True, "migrations": True})


def test_a_database_that_is_away_means_not_ready(client, monkeypatch):
    def fails():
        raise OperationalError("gone")

    monkeypatch.setattr(health, "_database_answers", fails)

    assert client.get("/readyz").status_code == 503
