"""An account under a firm's rules: the strictest of firm, account and matrix, and what nothing enforces said in words."""

from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.risk.days import MIDNIGHT, SERVER_ZONE, day_at, join_clocks
from trading.risk.limits import (
    BALANCE,
    EQUITY,
    HARD,
    HIGHER,
    PAUSE,
    REFERENCE,
    STATIC,
    TRAILING_EOD,
    TRAILING_INTRADAY,
    default_limits,
)
from trading.risk.pack_limits import (
    Change,
    compare_documents,
    compare_limits,
    limits_under,
    list_unenforced,
    matrix_ceiling,
)
from trading.risk.packs import IncompletePack
from trading.risk.presets import preset, presets

D = Decimal
SIZE = D(100_000)
LOOSE = replace(
    default_limits(mode="PROP_FIRM", account_size=SIZE),
    daily_loss_fraction=D("0.5"),
    total_drawdown_fraction=D("0.5"),
    max_risk_per_trade_fraction=D("0.5"),
    max_daily_risk_fraction=None,
)
COMPLETE = [pack for pack in presets().values() if not pack.gaps]


def under(pack_id, phase="challenge", own=LOOSE, initial=SIZE):
    pack = preset(pack_id)
    return limits_under(pack, pack.phase(phase), initial=initial, own=own)


def test_the_smallest_of_firm_account_and_matrix_holds():
    ftmo = under("ftmo_2step")

    assert ftmo.total_drawdown_fraction == D("0.1")  # the firm's
    assert ftmo.daily_loss_fraction == ftmo.max_daily_risk_fraction == D("0.025")  # the matrix's, the firm allows 5 %
    assert ftmo.max_risk_per_trade_fraction == D("0.005")  # the upper end of the matrix
    careful = replace(LOOSE, daily_loss_fraction=D("0.01"), max_risk_per_trade_fraction=D("0.001"))
    assert under("ftmo_2step", own=careful).daily_loss_fraction == D("0.01")  # the account's
    assert under("ftmo_2step", own=careful).max_risk_per_trade_fraction == D("0.001")
    small = under("the5ers_hyper_growth", preset("the5ers_hyper_growth").phases[0].name, initial=D(5_000))
    assert small.daily_loss_fraction == D("0.03")  # the firm's, the matrix allows 5 %


def test_kind_and_base_of_the_day_are_the_firms():
    hyper, stakes = preset("the5ers_hyper_growth"), preset("the5ers_high_stakes")

    own = replace(LOOSE, daily_base=EQUITY)
    pausing = limits_under(hyper, hyper.phases[0], initial=SIZE, own=own)
    assert (pausing.daily_kind, pausing.daily_base, pausing.daily_fraction_of) == (PAUSE, BALANCE, REFERENCE)
    failing = limits_under(stakes, stakes.phases[0], initial=SIZE, own=own)
    assert (failing.daily_kind, failing.daily_base) == (HARD, HIGHER)


def test_where_the_firm_has_no_rule_the_accounts_own_stands():
    apex = preset("apex_intraday")  # no daily rule

    own = replace(LOOSE, daily_loss_fraction=D("0.02"), daily_base=EQUITY)
    found = limits_under(apex, apex.phases[0], initial=D(50_000), own=own)

    assert (found.daily_loss_fraction, found.daily_base) == (D("0.02"), EQUITY)


def test_the_total_floor_follows_the_higher_peak_and_stops_only_where_all_stop():
    assert under("ftmo_1step").drawdown_mode == TRAILING_EOD
    assert under("ftmo_2step").drawdown_mode == STATIC
    own = replace(LOOSE, drawdown_mode=TRAILING_INTRADAY)
    assert under("ftmo_2step", own=own).drawdown_mode == TRAILING_INTRADAY

    e8 = preset("e8_one")  # its floor trails and stops at the initial balance
    phase = e8.phases[0]
    assert limits_under(e8, phase, initial=SIZE, own=LOOSE).drawdown_locks_at_initial
    assert not limits_under(e8, phase, initial=SIZE, own=own).drawdown_locks_at_initial


def test_the_firms_risk_of_a_trade_holds_where_it_is_the_smallest():
    bootcamp = preset("the5ers_bootcamp")
    rule = replace(bootcamp, per_trade=replace(bootcamp.per_trade, max_risk_fraction=D("0.002")))

    assert limits_under(rule, rule.phases[0], initial=SIZE, own=LOOSE).max_risk_per_trade_fraction == D("0.002")


@given(
    pack=st.sampled_from(COMPLETE),
    daily=st.decimals("0.001", "0.9", places=4),
    total=st.decimals("0.001", "0.9", places=4),
    trade=st.decimals("0.0001", "0.5", places=4),
    size=st.sampled_from([D(50_000), D(100_000), D(150_000)]),
)
def test_no_figure_is_ever_looser_than_firm_account_or_matrix(pack, daily, total, trade, size):
    own = replace(LOOSE, daily_loss_fraction=daily, total_drawdown_fraction=total, max_risk_per_trade_fraction=trade)
    for phase in pack.phases:
        try:
            firm = pack.limits(phase, initial=size, own=own)
        except IncompletePack:
            continue
        found, matrix = limits_under(pack, phase, initial=size, own=own), matrix_ceiling(size)
        assert found.daily_loss_fraction <= min(firm.daily_loss_fraction, daily, matrix.daily)
        assert found.total_drawdown_fraction <= min(firm.total_drawdown_fraction, total)
        assert found.max_risk_per_trade_fraction <= min(trade, matrix.per_trade)
        assert limits_under(pack, phase, initial=size, own=found) == found  # doing it twice changes nothing


def test_a_pack_with_open_figures_gives_no_limits():
    with pytest.raises(IncompletePack):
        under("e8_signature", preset("e8_signature").phases[0].name)


def test_both_names_of_the_brokers_clock_begin_the_same_days():
    guardian = preset("blue_guardian_2step")  # 17:00 in New York
    zone, resets = join_clocks(guardian.zone, guardian.resets)
    at = datetime(2026, 3, 10, 21, 30, tzinfo=UTC)  # New York is in summer time, Europe is not

    assert (zone, resets) == (SERVER_ZONE, MIDNIGHT)
    assert day_at(at, zone, resets) == guardian.day_at(at)
    assert join_clocks("America/Chicago", time(17)) == ("America/Chicago", time(17))


def test_what_firms_ask_beyond_losses_becomes_limits_of_the_account():
    two_step, topstep = preset("ftmo_2step"), preset("topstep_combine")

    challenge = under("ftmo_2step")
    assert (challenge.profit_target_fraction, challenge.min_trading_days) == (D("0.1"), 4)
    assert (challenge.weekend_holding, challenge.news_before_s) == (True, None)
    funded = limits_under(two_step, two_step.phase("funded"), initial=SIZE, own=replace(LOOSE, news_before_s=600))
    assert (funded.news_before_s, funded.news_after_s, funded.weekend_holding) == (600, 120, False)
    assert (funded.profit_target_fraction, funded.min_trading_days) == (None, None)
    combine = limits_under(topstep, topstep.phases[0], initial=D(50_000), own=LOOSE)
    assert (combine.flat_by, combine.weekend_holding) == ("15:10 America/Chicago", False)
    assert (combine.consistency_fraction, combine.profit_target_fraction) == (D("0.5"), D("0.06"))
    assert (combine.total_drawdown_fraction, combine.drawdown_mode) == (D("0.04"), TRAILING_EOD)
    assert combine.drawdown_locks_at_initial
    stellar = preset("fundednext_stellar_2step")
    open_risk = limits_under(stellar, stellar.phase("funded"), initial=SIZE, own=LOOSE)
    assert open_risk.max_open_risk_fraction == D("0.03")
    strict = replace(two_step, forbids_opposite_positions=True)
    assert limits_under(strict, two_step.phases[0], initial=SIZE, own=LOOSE).forbid_opposite_positions


def test_what_no_check_enforces_is_said_in_words():
    one_step, topstep, two_step = preset("ftmo_1step"), preset("topstep_combine"), preset("ftmo_2step")
    instant, hyper = preset("fundednext_stellar_instant"), preset("the5ers_hyper_growth")

    share = "Consistency: no day may bring more than 50 % of the total profit."
    assert share in list_unenforced(one_step, one_step.phase("funded"))  # no target to measure it by
    assert share not in list_unenforced(one_step, one_step.phase("challenge"))
    funded = list_unenforced(two_step, two_step.phase("funded"))
    assert not any(text.startswith("News") for text in funded)
    assert any(text.startswith("No position may stay open over the weekend") for text in funded)
    assert "At least 4 trading days." in list_unenforced(two_step, two_step.phase("challenge"))
    assert any("15:10 America/Chicago" in text for text in list_unenforced(topstep, topstep.phases[0]))
    assert any("count only 40pct of profit" in text for text in list_unenforced(instant, instant.phases[0]))
    assert any("no bracket orders" in text for text in list_unenforced(hyper, hyper.phases[0]))


@pytest.mark.parametrize("pack", presets().values(), ids=lambda pack: pack.pack_id)
def test_every_preset_can_be_said_in_words(pack):
    for phase in pack.phases:
        assert all(text.endswith(".") for text in list_unenforced(pack, phase))


def test_differences_name_their_path():
    before = {"daily_loss": {"pct": 5, "kind": "hard"}, "phases": [{"name": "a"}], "news": None}
    after = {"daily_loss": {"pct": 4, "kind": "hard"}, "phases": [{"name": "a"}, {"name": "b"}]}

    assert compare_documents(before, after) == [
        Change("daily_loss.pct", 5, 4),
        Change("phases.1.name", None, "b"),
    ]
    assert compare_limits(LOOSE, replace(LOOSE, daily_kind=PAUSE)) == [Change("daily_kind", HARD, PAUSE)]
    assert compare_limits(LOOSE, LOOSE) == []
