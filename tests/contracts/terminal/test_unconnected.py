"""Without a terminal: every answer of the real package, as it was recorded, from whichever package is here."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.terminal.link import TerminalLink
from tests.contracts.terminal.unconnected import answer, list_questions, read_recorded


@pytest.fixture(autouse=True)
def _no_simulator_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIKROBOT_SIMULATOR", raising=False)


def test_every_question_has_the_real_packages_answer(package: Any) -> None:
    recorded = read_recorded()

    answered = {str(question): answer(package, question) for question in list_questions()}

    assert {key: said for key, said in answered.items() if said != recorded.get(key)} == {}
    assert answered.keys() == recorded.keys()
    assert len(recorded) == 581


def test_before_the_first_call_the_last_error_is_neither_success_nor_failure() -> None:
    assert TerminalLink().last_error == (0, "")
