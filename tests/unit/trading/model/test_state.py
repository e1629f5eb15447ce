import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.errors import IllegalTransition
from trading.model.orders import OrderOutcome
from trading.model.state import (
    COMMAND_STEPS,
    DESIRED_STEPS,
    OBSERVED_STEPS,
    ORDER_STEPS,
    CommandState,
    Desired,
    Observed,
    is_final,
    is_legal,
    require_legal,
    sources,
)

TABLES = [
    (DESIRED_STEPS, Desired),
    (OBSERVED_STEPS, Observed),
    (COMMAND_STEPS, CommandState),
    (ORDER_STEPS, OrderOutcome),
]


@pytest.mark.parametrize(("steps", "states"), TABLES)
def test_every_state_has_its_row(steps, states):
    assert set(steps) == set(states)


def test_a_stopped_assignment_never_runs_again():
    assert is_final(DESIRED_STEPS, Desired.STOPPED)
    with pytest.raises(IllegalTransition, match="final"):
        require_legal(OBSERVED_STEPS, Observed.STOPPED, Observed.RUNNING)


@pytest.mark.parametrize("state", [state for state in Observed if state is not Observed.STOPPED])
def test_everything_can_be_stopped(state):
    assert is_legal(OBSERVED_STEPS, state, Observed.STOPPED)


def test_an_unresolved_order_is_never_asked_for_again():
    assert OrderOutcome.SENT not in ORDER_STEPS[OrderOutcome.UNRESOLVED]
    assert OrderOutcome.FILLED in ORDER_STEPS[OrderOutcome.UNRESOLVED]


def test_a_denied_order_is_never_sent():
    assert is_final(ORDER_STEPS, OrderOutcome.DENIED)
    assert sources(ORDER_STEPS, OrderOutcome.SENT) == {OrderOutcome.APPROVED}


@given(st.lists(st.sampled_from(OrderOutcome), max_size=12))
def test_a_final_outcome_stays_whatever_is_reported_later(reports):
    state = OrderOutcome.SENT
    was_final = None

    for report in reports:
        state = report if is_legal(ORDER_STEPS, state, report) else state
        was_final = was_final or (state if is_final(ORDER_STEPS, state) else None)
        assert was_final in (None, state)
