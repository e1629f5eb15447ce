"""What the storm says about STOP and START must be true both ways: it sees an opening after the proof, and invents none."""

from __future__ import annotations

import threading

import httpx
import pytest

from tests.faults.storm.counts import Counts
from tests.faults.storm.drivers import PROVEN, Driver


class Rows:
    """The platform's rows: whether the strategy is proven stopped, and its one bot."""

    is_proven = True

    def ask(self, sql, parameters=None, patience_s=0.0):
        if sql == PROVEN:
            return [(0 if self.is_proven else 1, 1)]
        return [(7_700_001, 1_000_000)] if "bots_bot b join" in sql else []


class Openings:
    number = 0

    def count_entries(self, login, magic):
        return self.number


class Scene:
    def __init__(self):
        self.rows, self.openings, self.counts = Rows(), Openings(), Counts()
        self.answers = []
        client = httpx.Client(transport=httpx.MockTransport(self.answer), base_url="http://platform")
        self.driver = Driver(self.counts, self.rows, self.openings, client, "str_1", 1, [], 1, 0.01)

    def answer(self, request):
        status, body, then = self.answers.pop(0)
        then()
        return httpx.Response(status, json=body)


@pytest.fixture
def scene():
    return Scene()


def nothing():
    return None


def test_an_opening_between_the_proof_and_the_next_start_is_a_break(scene):
    scene.driver.is_proven_stopped()
    scene.openings.number += 1
    scene.answers = [(202, {"results": []}, nothing)]

    scene.driver.ask("activate")

    assert (scene.driver.opened_after_stop, len(scene.counts.breaks)) == (1, 1)


def test_what_opens_after_a_start_that_had_to_wait_for_the_proof_is_none(scene):
    """A START is refused while the STOP is not proven; it is proven while we wait, and the next START runs and opens."""
    stop = threading.Event()
    scene.rows.is_proven = False
    scene.answers = [
        (409, {"code": "STILL_STOPPING"}, lambda: setattr(scene.rows, "is_proven", True)),
        (202, {"results": []}, nothing),
        (202, {"results": []}, nothing),
        (202, {"results": []}, nothing),
    ]

    scene.driver.ask("activate", stop)
    scene.openings.number += 1  # as a strategy that runs does
    scene.driver.ask("stop")
    scene.driver.is_proven_stopped()
    scene.driver.ask("activate", stop)

    assert scene.counts.breaks == []
