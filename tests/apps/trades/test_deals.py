"""The ledger in the database: each deal once, in any order, from anybody; whose it is, and what bots say of it."""

from __future__ import annotations

import itertools
from decimal import Decimal
from uuid import uuid4

import pytest

from apps.bots.services import register_bot
from apps.common.clock import read_at
from apps.common.models import OutboxEvent
from apps.trades.models import Deal, Trade
from apps.trades.selectors import add_results, get_deals_cursor_ms, list_trades, sum_results
from apps.trades.services.deals import apply_deals, follow_stops
from apps.trades.services.orders import OutcomeTold, note_exit_reason, record_outcome
from apps.trades.services.origins import ApprovalRef, Origin, Origins
from apps.trades.services.receipts import count_once
from tests.fleet import OUT, SELL, deal, make_account, position, race
from tests.world import make_world

pytestmark = pytest.mark.django_db
NOBODY = Origins(by_magic={}, by_deal={})
OPENING = deal(1, magic=10_000)
CLOSING = deal(2, deal_type=SELL, entry=OUT, magic=10_000, price=Decimal("1.10100"), profit=Decimal(10))


@pytest.fixture
def account(world):
    return make_account(world.team)


@pytest.fixture
def bot(account):
    return register_bot(account=account, actor="test", bot_id="analyst-1", guild="ANALYST")


def apply(account, deals, origins=NOBODY):
    return apply_deals(account=account, deals=deals, origins=origins, at=read_at())


def known(bot, *, approved=True, managed=False):
    approval = ApprovalRef(uuid4(), bot.pk, None, Decimal(25))
    return Origins(by_magic={bot.magic: Origin(bot.pk, managed)}, by_deal={1: approval} if approved else {})


def test_every_order_of_arrival_and_every_repetition_gives_the_same_trade(account):
    partial = deal(2, deal_type=SELL, entry=OUT, volume_lots=Decimal("0.04"), profit=Decimal(3))
    rest = deal(3, deal_type=SELL, entry=OUT, volume_lots=Decimal("0.06"), profit=Decimal(-1))
    seen = set()
    for order in itertools.permutations([OPENING, partial, rest]):
        Trade.objects.all().delete()
        Deal.objects.all().delete()
        for one in (*order, *order):
            apply(account, [one])
        trade = Trade.objects.get()
        seen.add((trade.pnl, trade.open_lots, trade.exit_price, trade.closed_at))
    assert seen == {(Decimal(2), Decimal(0), Decimal("1.10000"), rest.market_at)}
    assert Deal.objects.count() == 3


def test_a_trade_is_told_once_opened_and_once_closed(account):
    for _ in range(3):
        apply(account, [OPENING])
    for _ in range(3):
        apply(account, [OPENING, CLOSING])
    kinds = list(OutboxEvent.objects.filter(kind__startswith="trade.").values_list("kind", flat=True))
    assert kinds == ["trade.opened", "trade.closed"]


@pytest.mark.parametrize(
    "approved, managed, source", [(True, True, "MANAGED"), (True, False, "REPORTED"), (False, True, "UNAPPROVED")]
)
def test_the_source_follows_from_magic_and_approval(account, bot, approved, managed, source):
    apply(account, [OPENING], known(bot, approved=approved, managed=managed))
    assert Trade.objects.get().source == source


def test_a_strangers_magic_is_external(account, bot):
    apply(account, [deal(1, magic=42)], known(bot))
    trade = Trade.objects.get()
    assert (trade.source, trade.bot, trade.approval_id) == ("EXTERNAL", None, None)


def test_an_approval_of_another_bot_approves_nothing(account, bot):
    origins = Origins(
        by_magic={bot.magic: Origin(bot.pk, False)}, by_deal={1: ApprovalRef(uuid4(), uuid4(), None, None)}
    )
    apply(account, [OPENING], origins)
    assert Trade.objects.get().source == "UNAPPROVED"


def test_whose_a_trade_is_does_not_change_when_the_bot_runs_something_else(account, bot):
    old, new = uuid4(), uuid4()
    apply(account, [OPENING], Origins({bot.magic: Origin(bot.pk, True, version_id=old)}, {}))
    apply(account, [CLOSING], Origins({bot.magic: Origin(bot.pk, True, version_id=new)}, {}))
    assert Trade.objects.get().version_id == old


def outcome(bot, approval_id, **more):
    given = {
        "approval_id": approval_id,
        "bot_id": bot.pk,
        "symbol": "EURUSD",
        "side": "BUY",
        "volume_lots": Decimal("0.10"),
        "outcome": "DONE",
        "position_id": 1,
        "ticket": OPENING.order_ticket,
        "planned_risk": Decimal(25),
    }
    return OutcomeTold(**{**given, **more})


@pytest.mark.parametrize("report_first", [True, False])
def test_a_report_names_the_approval_where_the_broker_rewrote_the_comment(account, bot, report_first):
    origins, approval_id = known(bot, approved=False), uuid4()
    steps = [
        lambda: record_outcome(account=account, told=outcome(bot, approval_id), at=read_at()),
        lambda: apply(account, [OPENING], origins),
    ]
    for step in steps if report_first else reversed(steps):
        step()
    trade = Trade.objects.get()
    assert (trade.approval_id, trade.source) == (approval_id, "REPORTED")


def test_a_settled_order_is_not_unsettled_by_a_late_report(account, bot):
    approval_id = uuid4()
    record_outcome(account=account, told=outcome(bot, approval_id), at=read_at())
    late = outcome(bot, approval_id, outcome="UNRESOLVED", position_id=None)
    assert record_outcome(account=account, told=late, at=read_at()).outcome == "DONE"


@pytest.mark.parametrize("report_first", [True, False])
def test_the_bots_reason_is_better_than_the_brokers_whichever_comes_first(account, report_first):
    stopped = deal(2, deal_type=SELL, entry=OUT, reason=4)

    def report():
        count_once(
            account=account,
            report_id=uuid4(),
            kind="trade_closed",
            at=read_at(),
            do=lambda: {"known": note_exit_reason(account=account, position_id=1, reason="TRAILING_STOP")},
            position_id=1,
            exit_reason="TRAILING_STOP",
        )

    apply(account, [OPENING])
    steps = [report, lambda: apply(account, [stopped])]
    for step in steps if report_first else reversed(steps):
        step()
    assert Trade.objects.get().exit_reason == "TRAILING_STOP"


def test_open_trades_follow_the_stops_that_the_terminal_shows(account):
    apply(account, [OPENING])
    follow_stops(account=account, positions=[position(1, stop_loss=Decimal("1.09000"))], at=read_at())
    assert Trade.objects.get().stop_loss == Decimal("1.09000")


def test_the_cursor_asks_an_hour_back(account):
    assert get_deals_cursor_ms(account, read_at()) == 0  # paper: its market may stand in another year
    apply(account, [OPENING])
    assert get_deals_cursor_ms(account, read_at()) == OPENING.time_raw_ms - 3_600_000


def test_a_report_is_done_once_and_answered_alike(account):
    done, report_id = [], uuid4()

    def do():
        done.append(1)
        return {"answer": len(done)}

    answers = [count_once(account=account, report_id=report_id, kind="x", at=read_at(), do=do) for _ in range(3)]
    assert answers == [({"answer": 1}, False), ({"answer": 1}, True), ({"answer": 1}, True)]


def test_results_never_add_currencies(world, account):
    euros = make_account(world.team, currency="EUR")
    losing = deal(2, deal_type=SELL, entry=OUT, profit=Decimal(-4))
    apply(account, [OPENING, CLOSING])
    apply(euros, [OPENING, losing])
    total = add_results(list(sum_results(list_trades(world.team.pk)).values()))
    assert total.net_pnl == {"USD": Decimal(10), "EUR": Decimal(-4)}
    assert (total.trades, total.wins, total.losses, total.profit_factor) == (2, 1, 1, None)


@pytest.mark.django_db(transaction=True)
def test_deals_told_by_many_at_once_are_booked_once():
    account = make_account(make_world().team)
    outcomes = race(*[lambda: apply(account, [OPENING, CLOSING])] * 4, lambda: apply(account, [CLOSING]))
    assert not [one for one in outcomes if isinstance(one, Exception)]
    assert (Deal.objects.count(), Trade.objects.get().pnl) == (2, Decimal(10))
    assert OutboxEvent.objects.filter(kind="trade.opened").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_report_told_by_many_at_once_is_done_once():
    account, report_id, done = make_account(make_world().team), uuid4(), []

    def tell():
        def do():
            done.append(1)
            return {"answer": len(done)}

        return count_once(account=account, report_id=report_id, kind="x", at=read_at(), do=do)

    answers = race(*[tell] * 6)
    assert [answer for answer, _ in answers] == [{"answer": 1}] * 6
    assert sorted(repeated for _, repeated in answers) == [False] + [True] * 5
