import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.unit.trading.making import GUIDE_FORMAT, cross_rules, flat_then, random_bars
from trading.engine.runner import Book, Facts, HeldPosition, StrategyRunner
from trading.errors import InvalidValue
from trading.model.instruments import typical_instrument
from trading.model.orders import ExitReason, IntentKind, Side
from trading.model.timeframe import Timeframe

EURUSD = typical_instrument("EURUSD")
RISE = flat_then([(1.1, 1.1, 1.1, 1.1)] * 3 + [(1.1, 1.102, 1.1, 1.102)])


def _runner(document=None, **changes):
    document = document or cross_rules("SMA_2", "SMA_3", exit={"stopLoss": 10, "takeProfit": 20})
    return StrategyRunner(document=document, instrument=EURUSD, timeframe=Timeframe.M1, **changes)


def _book(*positions, bid="1.10200", ask="1.10210", **money):
    amounts = {"balance": Decimal(10_000), "equity": Decimal(10_000), "day_start_equity": Decimal(10_000), **money}
    return Book(**amounts, open_positions_total=len(positions), positions=positions, bid=Decimal(bid), ask=Decimal(ask))


def _position(side=Side.SELL, *, opened="2026-01-05T00:02:00", ticket=7, stop="1.11000"):
    opened_at = datetime.fromisoformat(opened).replace(tzinfo=UTC)
    return HeldPosition(ticket, side, Decimal("0.30"), Decimal("1.10000"), Decimal(stop), Decimal("1.05000"), opened_at)


def test_a_signal_becomes_an_intent_with_everything_an_order_needs():
    runner = _runner()
    runner.warm_up(RISE.part(0, 3))

    (intent,) = runner.on_bar(RISE[3], _book(), Facts())

    assert (intent.kind, intent.side, intent.volume_lots) == (IntentKind.OPEN, Side.BUY, Decimal("0.10"))
    assert (intent.entry_price, intent.stop_price, intent.target_price) == (
        Decimal("1.10210"),
        Decimal("1.10110"),
        Decimal("1.10410"),
    )
    assert intent.stop_distance == Decimal("0.00100")
    assert (intent.reason, intent.signal_id) == ("indicator_cross", "20260105T000300Z-BUY")


def test_the_opposite_signal_closes_first_and_opens_then():
    runner = _runner()
    runner.warm_up(RISE.part(0, 3))

    close, open_ = runner.on_bar(RISE[3], _book(_position()), Facts())

    assert (close.kind, close.ticket, close.side, close.volume_lots) == (
        IntentKind.CLOSE,
        7,
        Side.SELL,
        Decimal("0.30"),
    )
    assert (close.reason, close.signal_id) == (ExitReason.OPPOSITE_SIGNAL, "20260105T000300Z-CLOSE-7")
    assert (open_.kind, open_.side) == (IntentKind.OPEN, Side.BUY)


def test_a_bar_is_decided_once():
    runner = _runner()
    runner.warm_up(RISE.part(0, 3))
    runner.on_bar(RISE[3], _book(), Facts())

    assert runner.on_bar(RISE[3], _book(), Facts()) == []
    assert runner.on_bar(RISE[1], _book(), Facts()) == []
    assert runner.bars_seen == 4


def test_history_given_twice_is_folded_once():
    once, twice = _runner(), _runner()
    once.warm_up(RISE)

    twice.warm_up(RISE.part(0, 3))
    twice.warm_up(RISE)

    assert once.snapshot() == twice.snapshot()


@pytest.mark.parametrize("facts", [Facts(halted=True), Facts(entries_allowed=False), Facts(lot_multiplier=Decimal(0))])
def test_facts_that_forbid_entries_still_let_positions_be_closed(facts):
    runner = _runner()
    runner.warm_up(RISE.part(0, 3))

    intents = runner.on_bar(RISE[3], _book(_position()), facts)

    assert [intent.kind for intent in intents] == [IntentKind.CLOSE]


def test_a_moved_stop_repeats_the_target():
    document = cross_rules(
        "SMA_2",
        "SMA_3",
        "below",
        exit={"type": "stop_target", "stopLoss": 30, "trailingStop": True, "trailingStopDistance": 10},
    )
    runner = _runner(document)
    runner.warm_up(RISE.part(0, 3))

    (intent,) = runner.on_bar(RISE[3], _book(_position(Side.BUY, stop="1.09700")), Facts())

    # the bar's best bid is 1.102: ten pips below it
    assert (intent.kind, intent.ticket, intent.stop_price) == (IntentKind.MOVE_STOP, 7, Decimal("1.10100"))
    assert intent.target_price == Decimal("1.05000")


def test_a_bar_from_before_a_position_does_not_trail_its_stop():
    document = cross_rules(
        "SMA_2",
        "SMA_3",
        "below",
        exit={"type": "stop_target", "stopLoss": 30, "trailingStop": True, "trailingStopDistance": 10},
    )
    runner = _runner(document)
    runner.warm_up(RISE.part(0, 3))
    position = _position(Side.BUY, stop="1.09700", opened="2026-01-05T00:04:00")

    assert runner.on_bar(RISE[3], _book(position), Facts()) == []


def test_a_restart_from_the_journal_goes_on_as_if_nothing_had_happened():
    bars = random_bars(9, 400)
    document = cross_rules("EMA_3", "SMA_8")
    steady, before, after = (_runner(document) for _ in range(3))
    before.warm_up(bars.part(0, 200))

    after.restore(json.loads(json.dumps(before.snapshot(), allow_nan=False)))
    steady.warm_up(bars.part(0, 200))

    book = _book()
    assert [after.on_bar(bar, book, Facts()) for bar in bars] == [steady.on_bar(bar, book, Facts()) for bar in bars]
    assert after.snapshot() == steady.snapshot()


def test_refolding_from_the_warm_up_gives_the_same_intents():
    bars = random_bars(10, 1200)
    steady, refolded = _runner(cross_rules("EMA_5", "EMA_20")), _runner(cross_rules("EMA_5", "EMA_20"))
    start = 900
    steady.warm_up(bars.part(0, start))
    refolded.warm_up(bars.part(start - refolded.warmup_bars, start))

    book = _book()
    decided = [[runner.on_bar(bar, book, Facts()) for bar in bars.part(start)] for runner in (steady, refolded)]

    assert decided[0] == decided[1]
    assert any(decided[0])


def test_a_snapshot_of_other_rules_is_refused():
    snapshot = _runner(cross_rules("EMA_3", "EMA_8")).snapshot()

    with pytest.raises(InvalidValue, match="other rules"):
        _runner(cross_rules("EMA_3", "EMA_9")).restore(snapshot)


@pytest.mark.parametrize(("bid", "ask"), [("0", "1"), ("1.2", "1.1"), ("NaN", "1.1"), ("1.1", "Infinity"), ("-1", "1")])
def test_without_a_quote_nothing_is_folded_and_nothing_decided(bid, ask):
    runner = _runner()
    runner.warm_up(RISE.part(0, 3))

    with pytest.raises(InvalidValue):
        runner.on_bar(RISE[3], replace(_book(), bid=Decimal(bid), ask=Decimal(ask)), Facts())

    assert len(runner.on_bar(RISE[3], _book(), Facts())) == 1


def test_the_guides_whole_format_starts():
    assert _runner(GUIDE_FORMAT).warmup_bars > 500


def test_bars_of_another_timeframe_are_refused():
    with pytest.raises(InvalidValue, match="M1"):
        _runner().warm_up(random_bars(1, 5, timeframe=Timeframe.M5))


def test_the_runner_never_loads_numba():
    code = (
        "import sys\n"
        "from trading.engine.runner import StrategyRunner\n"
        "from trading.model.instruments import typical_instrument\n"
        "from trading.model.timeframe import Timeframe\n"
        "StrategyRunner(document=%r, instrument=typical_instrument('EURUSD'), timeframe=Timeframe.M1)\n"
        "print('numba' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code % cross_rules()],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": "platform"},
    )

    assert done.stdout.strip() == "False"
