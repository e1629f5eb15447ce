"""What lies around an account when it asks: its owner's other accounts, news, correlations, currencies, shadow verdicts."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import LimitSet
from apps.common.clock import read_at
from apps.market.models import NewsRelease, SymbolSpecification
from apps.risk.models import Approval
from apps.risk.services import decide
from tests.fleet import race
from tests.risk import EURUSD, MARKET_AT, make_desk, shown, store_symbol
from tests.world import make_world

pytestmark = pytest.mark.django_db
GBPUSD = {"name": "GBPUSD", "broker_symbol": "GBPUSD", "currency_base": "GBP"}


def add_gbpusd(desk):
    import msgspec

    store_symbol(desk.account, msgspec.structs.replace(EURUSD, **GBPUSD))


def sell(desk, **more):
    return desk.ask(direction="SELL", stop_loss=1.10200, **more)


# --- other accounts of the owner --------------------------------------------------------------------------------------


@pytest.fixture
def two(world, desk):
    other = make_desk(world, key=desk.key)
    return desk, other


@pytest.mark.parametrize("who_forbids", [0, 1])
def test_an_instrument_is_not_held_both_ways_between_an_owners_accounts(two, who_forbids):
    one, other = two
    two[who_forbids].limit(forbid_opposite_positions=True)

    assert one.ask()["approved"]
    denied = sell(other)

    assert denied["reason_code"] == "OPPOSITE_POSITION"
    assert one.account.code in denied["rejection_reason"]
    assert other.ask()["approved"]  # the same way is allowed


def test_a_position_that_is_seen_counts_like_one_that_is_reserved(two):
    one, other = two
    other.limit(forbid_opposite_positions=True)
    one.see(positions=[shown(one, symbol="EURUSD.r", side="SELL", stop_loss="1.10200")])

    assert other.ask()["reason_code"] == "OPPOSITE_POSITION"
    one.see()
    assert other.ask()["approved"]


def test_where_nobody_forbids_it_or_it_is_another_owners_account_it_is_allowed(world, two):
    one, other = two
    one.ask()
    assert sell(other)["approved"]

    stranger = make_desk(world)
    type(stranger.account).objects.filter(pk=stranger.account.pk).update(team=world.other_team)
    stranger.limit(forbid_opposite_positions=True)
    assert sell(other)["approved"]


def test_within_one_batch_the_first_blocks_the_other_way(two):
    one, other = two
    one.limit(forbid_opposite_positions=True)

    answers = decide([one.request(), other.request(direction="SELL", stop_loss=1.10200)], read_at())

    assert [answer.reason_code for answer in answers] == ["APPROVED", "OPPOSITE_POSITION"]


def test_the_flag_is_read_off_the_document_by_the_database(desk):
    row = LimitSet.objects.get(account=desk.account)
    assert row.forbids_opposite is False
    desk.limit(forbid_opposite_positions=True)
    row.refresh_from_db()
    assert row.forbids_opposite is True


@pytest.mark.django_db(transaction=True)
def test_two_accounts_that_ask_at_the_same_moment_never_both_get_their_way(transactional_db):
    world = make_world()
    one = make_desk(world)
    other = make_desk(world, key=one.key)
    one.limit(forbid_opposite_positions=True)

    def ask(desk, **changes):
        while True:
            (answer,) = decide([desk.request(**changes)], read_at())
            if answer.reason_code != "BUSY":
                return answer.approved

    for _ in range(5):
        approved = race(lambda: ask(one), lambda: ask(other, direction="SELL", stop_loss=1.10200))
        assert sorted(approved) == [False, True]
        Approval.objects.update(reservation="VOID", reserved=0)


# --- news -------------------------------------------------------------------------------------------------------------


def release(minutes, currency="USD", impact="HIGH"):
    NewsRelease.objects.create(
        at=MARKET_AT + timedelta(minutes=minutes), currency=currency, impact=impact, title=f"{currency} {minutes}",
        imported_at=read_at(),
    )  # fmt: skip


@pytest.mark.parametrize(
    "minutes, currency, impact, code",
    [
        (4, "USD", "HIGH", "NEWS_WINDOW"),
        (4, "EUR", "HIGH", "NEWS_WINDOW"),
        (-2, "EUR", "HIGH", "NEWS_WINDOW"),
        (4, "JPY", "HIGH", "APPROVED"),
        (4, "USD", "MEDIUM", "APPROVED"),
        (6, "USD", "HIGH", "APPROVED"),
        (-3, "USD", "HIGH", "APPROVED"),
    ],
)
def test_nothing_is_opened_around_a_release_in_one_of_the_symbols_currencies(desk, minutes, currency, impact, code):
    desk.limit(news_before_s=300, news_after_s=120)
    release(3000)
    release(minutes, currency, impact)

    assert desk.ask()["reason_code"] == code


def test_a_calendar_that_has_ended_is_no_calendar(desk):
    desk.limit(news_before_s=300)
    release(-60)

    assert desk.ask()["reason_code"] == "NEWS_CALENDAR_MISSING"
    desk.limit(modes={"news": "SHADOW"})
    assert desk.ask()["approved"]


# --- correlation and currencies ---------------------------------------------------------------------------------------


def correlate(desk, value, until=MARKET_AT):
    pair = {"value": value, "returns": 100, "until": int(until.timestamp()) // 3600}
    SymbolSpecification.objects.filter(account=desk.account, symbol="EURUSD").update(correlations={"GBPUSD": pair})


def test_correlation_is_that_of_the_stored_returns_and_an_old_one_is_not_known(desk):
    add_gbpusd(desk)
    desk.limit(max_correlation="0.7", max_cluster_risk_fraction="0.0003")  # 30
    assert desk.ask(symbol="GBPUSD")["approved"]  # 20 at risk

    assert desk.ask()["reason_code"] == "CLUSTER_RISK"  # 20 + 20, not known
    correlate(desk, "0.4")
    assert desk.ask()["approved"]
    correlate(desk, "0.4", until=MARKET_AT - timedelta(days=8))
    assert desk.ask()["reason_code"] == "CLUSTER_RISK"


def test_close_relatives_in_the_same_direction_are_denied_and_against_each_other_allowed(desk):
    add_gbpusd(desk)
    desk.limit(max_correlation="0.7")
    correlate(desk, "0.9")
    desk.ask(symbol="GBPUSD")

    assert desk.ask()["reason_code"] == "CORRELATION_LIMIT"
    assert sell(desk)["approved"]


def test_dollars_add_up_over_symbols_and_reservations(desk):
    add_gbpusd(desk)
    desk.limit(max_currency_risk_fraction="0.0003")  # 30

    assert desk.ask(symbol="GBPUSD")["approved"]
    denied = desk.ask()
    assert denied["reason_code"] == "CURRENCY_RISK"
    assert "USD" in denied["rejection_reason"]
    assert sell(desk)["approved"]  # takes dollars back


# --- consistency, shadow ----------------------------------------------------------------------------------------------


def test_a_day_that_brought_its_share_ends(desk):
    desk.limit(consistency_fraction="0.4", profit_target_fraction="0.1")
    desk.ask()
    desk.see(balance=Decimal(103_900), equity=Decimal(104_000))

    assert desk.ask()["reason_code"] == "CONSISTENCY_LIMIT"


def test_a_limit_that_watches_lets_pass_and_leaves_its_verdict(desk):
    desk.limit(max_open_positions=0, modes={"positions": "SHADOW"})

    answer = desk.ask()

    assert answer["approved"]
    assert answer["warnings"][0].startswith("MAX_POSITIONS:")
    assert Approval.objects.get().shadow_code == "MAX_POSITIONS"


def test_without_these_limits_nothing_more_is_asked_of_the_database(two):
    one, _ = two
    one.ask()
    with CaptureQueriesContext(connection) as before:
        one.ask()
    one.limit(forbid_opposite_positions=True, news_before_s=60, modes={"news": "SHADOW"})
    with CaptureQueriesContext(connection) as after:
        one.ask()

    # news; the owner's turn, accounts, views and reservations
    assert len(after) == len(before) + 5
