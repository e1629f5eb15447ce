"""The guide says what the rig injects, and what it does not."""

from __future__ import annotations

from collections import Counter

from tests.faults.catalogue import ELSEWHERE, GUIDE, TITLES, render
from tests.faults.injections import FAULTS


def test_the_guide_has_the_table_of_the_code():
    assert render() in GUIDE.read_text("utf-8"), "run python -m tests.faults.catalogue"


def test_every_fault_of_the_groups_a_to_d_is_injected_or_says_who_holds_it():
    injected = {fault.number for fault in FAULTS}

    assert [number for number in range(1, 56) if number not in injected and number not in ELSEWHERE] == []
    assert list(TITLES) == list(range(1, 56))


def test_each_injection_has_a_name_of_its_own():
    names = Counter((fault.number, fault.name) for fault in FAULTS)

    assert [name for name, count in names.items() if count > 1] == []
