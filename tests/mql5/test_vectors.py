"""One judge, two languages: what MQL5 decides offline is what Python decides, on the same numbers."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.unit.trading.making import cross_rules
from trading.engine.decide import Held, Moment, decide_position
from trading.engine.params import Params
from trading.engine.sources import prepare
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.risk.exposure import Exposure
from trading.risk.judge import judge
from trading.risk.limits import BALANCE, EQUITY, HIGHER, INITIAL, REFERENCE, Limits
from trading.risk.sizing import SymbolTerms
from trading.risk.verdict import Asked, RiskState
from trading.rules.document import trail_where_none

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
BASES = (BALANCE, EQUITY, HIGHER)
COUNT = 3_000


@dataclass(frozen=True)
class Vector:
    limits: Limits
    state: RiskState
    asked: Asked

    def line(self) -> str:
        """Return the numbers as the compiled program reads them."""
        limits, state, asked = self.limits, self.state, self.asked
        terms = state.terms
        assert terms is not None
        numbers = [
            limits.daily_loss_fraction, limits.total_drawdown_fraction, limits.max_risk_per_trade_fraction,
            limits.max_open_positions or 0, limits.halted_fraction, BASES.index(limits.daily_base),
            int(limits.daily_fraction_of == REFERENCE), limits.max_position_fraction or 0, limits.max_stop_fraction or 0,
            limits.max_open_risk_fraction or 0,
            state.initial_balance, state.day_balance, state.day_equity, state.balance, state.equity,
            state.free_margin, -1 if state.exposure.problem else state.exposure.worst_loss, state.exposure.count,
            terms.point, terms.tick_size, terms.tick_value_loss, terms.contract_size, terms.volume_min, terms.volume_max,
            terms.volume_step, terms.volume_limit, terms.volume_open, terms.stops_level_points, terms.trade_mode,
            terms.profit_rate or 0, int(terms.converts_at_stop), terms.margin_per_lot or 0, terms.commission_per_lot,
            terms.bid or 0, terms.ask or 0,
            1 if asked.side == "BUY" else -1, asked.entry_price, asked.stop_loss, asked.take_profit or 0,
            asked.requested_lots,
        ]  # fmt: skip
        return " ".join(f"{number:f}" if isinstance(number, Decimal) else str(number) for number in numbers)


def draw(random_: random.Random) -> Vector:
    """Return a plausible request with, now and then, something wrong with it."""
    mode = random_.random()
    terms = SymbolTerms(
        name="EURUSD",
        digits=5,
        point=Decimal("0.00001"),
        tick_size=Decimal("0.00001") if mode < 0.97 else Decimal(0),
        tick_value_loss=Decimal(random_.choice(["1", "1", "1", "0.99", "1.5", "0"])),
        contract_size=Decimal(100_000),
        volume_min=Decimal("0.01"),
        volume_max=Decimal(random_.choice(["50", "0.5"])),
        volume_step=Decimal("0.01"),
        volume_limit=Decimal(random_.choice(["0", "0", "1"])),
        volume_open=Decimal(random_.choice(["0", "0.7", "0.995"])),
        stops_level_points=random_.choice([0, 0, 30]),
        trade_mode=random_.choice([4, 4, 4, 4, 0, 1, 2, 3]),
        profit_rate=Decimal(random_.choice(["1", "1", "1", "0"])) or None,
        margin_per_lot=Decimal(random_.choice(["1100", "0"])) or None,
        commission_per_lot=Decimal(random_.choice(["0", "7"])),
        bid=Decimal("1.10000"),
        ask=Decimal("1.10012"),
    )
    side = random_.choice(["BUY", "SELL"])
    sign = 1 if side == "BUY" else -1
    entry = (terms.ask if side == "BUY" else terms.bid) + Decimal(random_.choice([0, 0, 0, 20, 900])) * terms.point
    stop = entry - sign * Decimal(random_.choice([200, 200, 80, 20, 7, -50, 0])) * terms.point
    target = random_.choice([None, entry + sign * Decimal("0.004"), entry - sign * Decimal("0.001")])
    initial = Decimal(100_000)
    balance = initial + random_.randrange(-9_900_000, 5_000_000) / Decimal(1000)
    day_balance = balance + random_.randrange(-4_000_000, 4_000_000) / Decimal(1000)
    problem = "POSITION_WITHOUT_STOP" if random_.random() < 0.05 else ""
    state = RiskState(
        latches=(), halt_epoch=0, bot_status="ACTIVE", bot_managed=False, day=date(2026, 3, 4),
        day_ends_at=AT + timedelta(hours=9), day_balance=day_balance,
        day_equity=day_balance + random_.randrange(-1_000_000, 1_000_000) / Decimal(1000), peak=initial,
        initial_balance=initial, reserved=Decimal(0), held=0, risked_today=Decimal(0), snapshot_at=AT,
        snapshot_complete=True, trade_allowed=True, balance=balance,
        equity=balance + random_.randrange(-1_000_000, 1_000_000) / Decimal(1000),
        free_margin=Decimal(random_.choice(["100000", "5"])),
        exposure=Exposure(worst_loss=Decimal(random_.randrange(0, 3000)), count=random_.randrange(0, 3), problem=problem),
        terms=terms,
    )  # fmt: skip
    limits = Limits(
        daily_loss_fraction=Decimal("0.05"),
        total_drawdown_fraction=Decimal("0.10"),
        max_risk_per_trade_fraction=Decimal(random_.choice(["0.005", "0.01", "0.00001"])),
        max_daily_risk_fraction=None,
        max_open_positions=random_.choice([None, 2]),
        daily_base=random_.choice(BASES),
        daily_fraction_of=random_.choice([INITIAL, REFERENCE]),
        unprotected_move_fraction=None,
        max_position_fraction=random_.choice([None, None, Decimal("0.10"), Decimal("0.0001")]),
        max_stop_fraction=random_.choice([None, None, Decimal("0.05"), Decimal("0.001")]),
        max_open_risk_fraction=random_.choice([None, None, Decimal("0.02")]),
    )
    lots = Decimal(random_.choice(["0.10", "1.23", "0.004", "0.01", "60"]))
    asked = Asked(
        symbol="EURUSD", side=side, entry_price=entry, stop_loss=stop, requested_lots=lots, take_profit=target
    )
    return Vector(limits, state, asked)


@pytest.fixture(scope="module")
def vectors():
    random_ = random.Random(20260304)
    return [draw(random_) for _ in range(COUNT)]


def expected(vector: Vector) -> tuple[str, Decimal, Decimal]:
    verdict = judge(vector.asked, vector.state, vector.limits, AT, AT)
    code = "EXPOSURE_UNKNOWN" if verdict.reason_code == "POSITION_WITHOUT_STOP" else verdict.reason_code
    return code, verdict.lots, verdict.risk_amount


def test_offline_verdicts_are_the_judges(start, vectors):
    client = start("client")
    seen: dict[str, int] = {}
    for vector in vectors:
        code, lots, risk = expected(vector)
        said = client.say("judge", vector.line()).split("|")
        assert said[0] == code, (vector, said)
        assert Decimal(said[1]) == lots, (vector, said)
        assert abs(Decimal(said[2]) - risk) < Decimal("0.0001"), (vector, said)
        seen[code] = seen.get(code, 0) + 1
    wanted = {"APPROVED", "DAILY_LOSS_LIMIT", "DRAWDOWN_LIMIT", "MAX_POSITIONS", "BELOW_MIN_LOT", "SL_WRONG_SIDE", "NO_MARGIN",
              "VOLUME_LIMIT", "TICK_VALUE_MISMATCH", "NO_CONVERSION_RATE", "SL_TOO_CLOSE", "TP_WRONG_SIDE", "PRICE_OFF_MARKET",
              "BAD_SYMBOL_SPEC", "NO_TICK_VALUE", "EXPOSURE_UNKNOWN", "SYMBOL_DISABLED", "SYMBOL_CLOSE_ONLY",
              "POSITION_SIZE", "STOP_TOO_FAR", "OPEN_RISK_LIMIT"}  # fmt: skip
    assert wanted <= set(seen), wanted - set(seen)


def test_the_trailing_stop_is_the_engines(start):
    """The same share, price and tick give the stop the agent would move to, for the same reasons none."""
    client, params = start("client"), build_trail("0.03")
    random_ = random.Random(3)
    moved = 0
    for _ in range(500):
        side, entry = random_.choice([1, -1]), random_.randrange(90_000, 130_000) / 100_000
        price = round(entry + side * random_.randrange(-2_000, 12_000) / 100_000, 5)
        stop = random_.choice([0.0, round(entry - side * 0.01, 5), round(entry + side * 0.02, 5)])
        held = Held(side, 10, 10, entry, stop, stop, 0.0, 1, 60)
        _, _, wanted = decide_position(params, Moment(0, 0, False, price, price, price, price), held)
        said = float(client.say("trailed", f"0.03 {side} {entry} {stop} {price} 0.00001"))
        # At the moment of asking the price is the best one, so the engine's stop lies behind it whole.
        assert said == pytest.approx(wanted, abs=1e-9), (side, entry, stop, price)
        moved += wanted > 0
    assert moved > 100


def build_trail(fraction: str) -> Params:
    document = trail_where_none(cross_rules(exit={"type": "stop_target", "stopLoss": 30}), Decimal(fraction))
    return prepare(document, typical_instrument("EURUSD"), Timeframe.M1).params


def test_what_is_not_a_number_is_never_approved(start, vectors):
    client = start("client")
    sane = next(vector for vector in vectors if expected(vector)[0] == "APPROVED")
    line = sane.line().split(" ")
    assert client.say("judge", " ".join(line)).startswith("APPROVED")
    for place in range(7, len(line)):
        for word in ("nan", "inf", "1e400"):
            broken = [*line[:place], word, *line[place + 1 :]]
            # The program reads numbers strictly; what it cannot read it does not judge.
            assert client.say("judge", " ".join(broken)) == "UNREADABLE"


def test_the_limit_is_met_to_the_cent(start, vectors):
    client = start("client")
    sane = next(vector for vector in vectors if expected(vector)[0] == "APPROVED")
    _, _, risk = expected(sane)
    state = replace(sane.state, day_balance=sane.state.equity, day_equity=sane.state.equity)
    room = sane.limits.daily_loss_fraction * Decimal(100_000) - risk
    limits = replace(sane.limits, daily_fraction_of=INITIAL, total_drawdown_fraction=Decimal(1))
    for more, code in ((Decimal("-0.01"), "APPROVED"), (Decimal("0.01"), "DAILY_LOSS_LIMIT")):
        vector = Vector(limits, replace(state, exposure=Exposure(worst_loss=room + more, count=0)), sane.asked)
        assert expected(vector)[0] == code
        assert client.say("judge", vector.line()).split("|")[0] == code
