"""The schedule goes on where the wall clock is set back, or was while nothing ran."""

from __future__ import annotations

from datetime import timedelta

import pytest
from celery import Celery

from config.schedule import SteadyScheduler


@pytest.fixture
def scheduler(tmp_path):
    app = Celery("clocks", broker="memory://", set_as_current=False)
    app.conf.beat_schedule = {name: {"task": name, "schedule": 0.001} for name in ("first", "second")}
    made = SteadyScheduler(app, schedule_filename=str(tmp_path / "schedule"), lazy=True)
    made.setup_schedule()
    sent = []
    made.apply_async = lambda entry, **_: sent.append(entry.task)
    made.sent = sent
    yield made
    made.close()


def test_what_ran_in_the_future_is_sent_again_and_everything_beside_it(scheduler):
    scheduler.tick()
    for entry in scheduler.schedule.values():
        entry.last_run_at += timedelta(hours=25)
    scheduler.sent.clear()
    for _ in range(1_000):
        scheduler.tick()

    assert set(scheduler.sent) == {"first", "second"}


def test_celery_uses_it():
    from config.celery import app

    assert app.conf.beat_scheduler == "config.schedule:SteadyScheduler"
