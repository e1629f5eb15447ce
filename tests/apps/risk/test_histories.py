"""
Random histories: whatever happened before, no approval takes an account beyond its limit, and the log judges the same again.

The arithmetic here is done from rows, not by the judge's own functions.
"""

import random
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F

from apps.accounts.models import AccountRisk
from apps.common.clock import read_at
from apps.risk.models import Approval, Reservation
from apps.risk.services import decide, halt_account, lift_account
from apps.risk.services.verification import verify_log
from tests.risk import MARKET_AT, make_desk

pytestmark = pytest.mark.django_db
D = Decimal
STEPS = 40
LIMIT, HALTED = D(2500), D("0.95")  # 2.5 % of 100,000; no new risk from 95 % of it on


class History:
    """One account, and everything that may happen to it, drawn by chance."""

    def __init__(self, desk, seed):
        self.desk, self.chance = desk, random.Random(seed)
        self.positions, self.tickets = [], iter(range(1, 10_000))
        self.balance = self.equity = D(100_000)
        self.halted = False

    def ask(self):
        side = self.chance.choice(["BUY", "SELL"])
        points = self.chance.choice([20, 200, 1000, 4000])
        lots = self.chance.choice([0.01, 0.1, 1, 7.77, 60])
        requests = [
            self.desk.request(
                direction=side,
                requested_lots=lots,
                stop_loss=round(1.1 + (points if side == "SELL" else -points) * 0.00001, 5),
            )
            for _ in range(self.chance.choice([1, 1, 3]))
        ]
        answers = decide(requests, read_at())
        if any(answer.approved for answer in answers):
            assert not self.halted
            self.hold_to_the_limit()

    def hold_to_the_limit(self):
        """Loss so far, worst case of what is open, all that is reserved: together at most the limit."""
        lost = D(100_000) - self.equity
        worst = sum((one["risk"] for one in self.positions), D(0))
        held = Approval.objects.filter(account=self.desk.account, reservation__in=["HELD", "UNRESOLVED"])
        reserved = sum((one.reserved for one in held), D(0))
        assert AccountRisk.objects.get(account=self.desk.account).reserved == reserved
        assert lost + worst + reserved <= LIMIT
        assert lost < LIMIT * HALTED

    def fill(self):
        waiting = Approval.objects.filter(account=self.desk.account, reservation=Reservation.HELD).first()
        if waiting is None:
            return
        position_id = next(self.tickets)
        AccountRisk.objects.filter(account=self.desk.account).update(reserved=F("reserved") - waiting.reserved)
        Approval.objects.filter(pk=waiting.pk).update(
            reservation=Reservation.POSTED, reserved=0, position_id=position_id
        )
        lots, sign = waiting.adjusted_lots, 1 if waiting.side == "BUY" else -1
        distance = (waiting.entry_price - waiting.stop_loss) * sign
        self.positions.append(
            {
                "risk": lots * distance * 100_000,
                "row": {
                    "ticket": position_id, "position_id": position_id, "magic": self.desk.bot.magic, "symbol": "EURUSD",
                    "side": waiting.side, "volume_lots": str(lots), "entry_price": str(waiting.entry_price),
                    "stop_loss": str(waiting.stop_loss), "take_profit": None, "current_price": str(waiting.entry_price),
                    "profit": "0", "swap": "0", "comment": waiting.tag, "opened_at": MARKET_AT.isoformat(),
                },
            }
        )  # fmt: skip
        self.look()

    def close(self):
        if self.positions:
            gone = self.positions.pop(self.chance.randrange(len(self.positions)))
            self.balance += self.chance.choice([-gone["risk"], gone["risk"] * 2, D(-5)])
            self.equity = self.balance
            self.look()

    def halt(self):
        halt_account(account=self.desk.account, reason="drawn by chance", actor="test", at=read_at())
        self.halted = True

    def lift(self):
        lift_account(account=self.desk.account, actor="test", at=read_at())
        self.halted = False

    def go_blind(self):
        self.look(taken_at=read_at() - timedelta(seconds=60))

    def look(self, **more):
        rows = [one["row"] for one in self.positions]
        self.desk.see(balance=self.balance, equity=self.equity, positions=rows, **more)

    def live(self):
        deeds = (
            [self.ask] * 6
            + [self.fill] * 3
            + [self.close] * 2
            + [self.look, self.halt, self.lift, self.lift, self.go_blind]
        )
        for _ in range(STEPS):
            self.chance.choice(deeds)()


@pytest.mark.parametrize("seed", range(6))
def test_no_history_takes_an_account_beyond_its_limit_and_each_verdict_comes_out_again(world, seed):
    desk = make_desk(world)
    desk.limit(max_daily_risk_fraction=None, max_risk_per_trade_fraction="0.008", max_stop_fraction=None)
    history = History(desk, seed)

    history.live()

    report = verify_log(desk.account)
    assert [str(fault) for fault in report.faults] == []
    assert report.judged >= 5
    approvals = Approval.objects.filter(account=desk.account)
    assert report.judged == approvals.count()
    assert 0 < approvals.filter(approved=True).count() < approvals.count()


def test_after_a_kill_has_committed_nothing_is_approved(world):
    desk = make_desk(world)
    halt_account(account=desk.account, reason="enough", actor="test", at=read_at())

    answers = decide([desk.request(requested_lots=0.01) for _ in range(50)], read_at())

    assert {answer.reason_code for answer in answers} == {"HALTED_ACCOUNT"}
