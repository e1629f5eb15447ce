"""The market waits: for acknowledgements, for holds, and never for ever."""

import math

from simulator.barrier import ACKNOWLEDGE_WITHIN_S, LONGEST_HOLD_S, Barrier
from simulator.pace import Pace

EURUSD, GOLD, M1, H1 = "EURUSD", "XAUUSD", 1, 16385


def close(barrier: Barrier, wall: float, forming: int) -> None:
    for subscription in barrier.subscriptions:
        barrier.mark_closed(subscription, forming, wall)


def test_a_closed_bar_blocks_until_it_is_acknowledged() -> None:
    barrier = Barrier()
    barrier.subscribe(1, EURUSD, M1, owner=7, forming_open=60)
    assert barrier.find_block(0.0) is None

    close(barrier, wall=100.0, forming=120)
    assert barrier.find_block(100.0) == 105.0
    barrier.acknowledge(7, 0, None, None)
    assert barrier.find_block(100.1) == 105.0
    barrier.acknowledge(8, 60, None, None)
    assert barrier.find_block(100.1) == 105.0
    barrier.acknowledge(7, 60, None, None)

    assert barrier.find_block(100.2) is None


def test_a_silent_program_costs_five_seconds_a_bar() -> None:
    barrier = Barrier()
    barrier.subscribe(1, EURUSD, M1, owner=7, forming_open=60)

    close(barrier, wall=100.0, forming=120)
    assert barrier.find_block(100.0 + ACKNOWLEDGE_WITHIN_S - 0.01) is not None
    assert barrier.find_block(100.0 + ACKNOWLEDGE_WITHIN_S) is None
    close(barrier, wall=106.0, forming=180)

    assert barrier.find_block(106.1) == 111.0


def test_every_subscription_is_waited_for() -> None:
    barrier = Barrier()
    barrier.subscribe(1, EURUSD, M1, owner=7, forming_open=60)
    barrier.subscribe(1, EURUSD, H1, owner=7, forming_open=0)
    barrier.subscribe(1, GOLD, M1, owner=7, forming_open=60)
    barrier.subscribe(2, EURUSD, M1, owner=8, forming_open=60)
    close(barrier, wall=0.0, forming=3600)

    barrier.acknowledge(7, 60, EURUSD, M1)
    barrier.acknowledge(8, 60, None, None)
    assert {s.key for s in barrier.subscriptions if s.pending is not None} == {(1, EURUSD, H1), (1, GOLD, M1)}
    barrier.acknowledge(7, 60, None, None)

    assert barrier.find_block(0.1) is None


def test_a_broken_connection_is_waited_for_and_finds_its_bar_again() -> None:
    barrier = Barrier()
    barrier.subscribe(1, EURUSD, M1, owner=7, forming_open=60)
    close(barrier, wall=0.0, forming=120)

    barrier.leave(7, 1.0, orderly=False)
    assert barrier.find_block(2.0) is not None
    barrier.subscribe(1, EURUSD, M1, owner=9, forming_open=120)

    (subscription,) = barrier.subscriptions
    assert (subscription.owner, subscription.pending) == (9, 60)


def test_who_does_not_come_back_is_forgotten() -> None:
    barrier = Barrier()
    barrier.subscribe(1, EURUSD, M1, owner=7, forming_open=60)
    barrier.leave(7, 1.0, orderly=False)

    assert barrier.find_block(1.0 + ACKNOWLEDGE_WITHIN_S) is None
    assert barrier.subscriptions == []


def test_a_goodbye_is_not_waited_for() -> None:
    barrier = Barrier()
    barrier.subscribe(1, EURUSD, M1, owner=7, forming_open=60)
    barrier.hold(7, 5.0, 0.0)
    close(barrier, wall=0.0, forming=120)

    barrier.leave(7, 0.1, orderly=True)

    assert barrier.find_block(0.1) is None


def test_a_hold_ends_by_release_or_by_its_time() -> None:
    barrier = Barrier()
    barrier.hold(7, 3.0, 100.0)
    barrier.hold(8, 1e9, 100.0)

    assert barrier.find_block(100.0) == 100.0 + LONGEST_HOLD_S
    barrier.release(8)
    assert barrier.find_block(100.0) == 103.0
    assert barrier.find_block(103.0) is None


def test_time_spent_waiting_is_not_made_up_for() -> None:
    pace = Pace(600.0, ceiling=False)
    pace.restart(1000.0, wall=0.0)
    assert pace.allow(1000.0, 0.1, 0.0) == 1060.0

    pace.restart(1060.0, wall=5.1)

    assert pace.allow(1060.0, 5.2, 0.0) == 1060.0 + 600.0 * (5.2 - 5.1)


def test_the_demo_market_catches_up_and_then_keeps_to_the_wall_clock() -> None:
    pace = Pace(None, ceiling=True)
    pace.restart(0.0, wall=0.0)

    assert pace.find_speed(0.0, at=10_000.0) == 60.0
    assert pace.allow(0.0, 1.0, at=10_000.0) == 60.0
    assert pace.allow(9_999.9, 500.0, at=10_000.0) == 10_000.0
    assert pace.find_speed(10_000.0, at=10_000.5) == 1.0


def test_full_speed_has_no_target() -> None:
    pace = Pace(math.inf, ceiling=False)
    pace.restart(0.0, wall=0.0)

    assert pace.allow(0.0, 0.001, at=0.0) == math.inf
    assert pace.find_delay(0.0, 60.0, at=0.0) == 0.0
