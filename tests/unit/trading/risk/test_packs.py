"""Rule packs: every firm's own worked example, and documents that are refused."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.risk.levels import stand
from trading.risk.limits import HIGHER, INITIAL, PAUSE, STATIC, TRAILING_EOD, default_limits
from trading.risk.pack_document import parse_pack
from trading.risk.packs import IncompletePack, InvalidPack, Stage
from trading.risk.presets import preset, preset_documents, presets

D = Decimal
EXAMPLES = [
    pytest.param(document["id"], example, id=f"{document['id']}-{number}")
    for document in preset_documents()
    for number, example in enumerate(document["examples"])
]


def _money(example, *names):
    return next((D(example[name]) for name in names if name in example), None)


def _max_floors(pack, initial, peaks):
    highest = [initial, *(max(peaks[:number]) for number in range(1, len(peaks) + 1))]
    return [pack.max_loss.floor(initial=initial, peak=peak) for peak in highest]


@pytest.mark.parametrize("pack_id, example", EXAMPLES)
def test_each_firms_own_example_comes_out(pack_id, example):
    pack, checked = preset(pack_id), 0
    initial = _money(example, "initial", "size")
    if "daily_floor" in example:
        balance = _money(example, "day_start_balance")
        equity = _money(example, "day_start_equity", "day_start_balance")
        assert pack.daily_loss.floor(initial=initial, balance=balance, equity=equity) == example["daily_floor"]
        checked += 1
    if "max_floor" in example:
        peak = _money(example, "highest_closed_balance", "peak_equity", "initial")
        assert pack.max_loss.floor(initial=initial, peak=peak) == example["max_floor"]
        checked += 1
    if "max_floor_by_day" in example:
        peaks = [D(balance) for balance in example.get("midnight_balances", example.get("eod_balances"))]
        assert _max_floors(pack, initial, peaks) == example["max_floor_by_day"]
        checked += 1
    if "days" in example:
        days = [D(day) for day in example["days"]]
        assert sum(days) == example["total"]
        assert pack.consistency.limit(sum(days)) == example["limit"]
        assert max(days) == example["best"]
        assert pack.consistency.is_met(days) is example["met"]
        checked += 1
    assert checked


def test_a_profitable_morning_widens_the_days_budget():
    # FundedNext's help page: after +2,000 closed by noon, the loss budget of the day is 7,000.
    pack = preset("fundednext_stellar_2step")

    floor = pack.daily_loss.floor(initial=D(100_000), balance=D(100_000), equity=D(100_000))

    assert D(102_000) - floor == 7_000


def test_all_presets_are_read_and_named_by_their_ids():
    assert len(presets()) == 15
    assert all(pack.pack_id == name and pack.sources for name, pack in presets().items())
    assert len({pack.content_hash for pack in presets().values()}) == 15


def test_what_a_preset_says_becomes_typed():
    ftmo, the5ers, apex = preset("ftmo_2step"), preset("the5ers_high_stakes"), preset("apex_intraday")

    assert [phase.target and phase.target.fraction for phase in ftmo.phases] == [D("0.1"), D("0.05"), None]
    assert [phase.stage for phase in ftmo.phases] == [Stage.EVALUATION, Stage.EVALUATION, Stage.FUNDED]
    assert (ftmo.zone, ftmo.phases[0].min_trading_days) == ("Europe/Prague", 4)
    assert (the5ers.daily_loss.base, the5ers.phases[0].profitable_day_fraction) == (HIGHER, D("0.005"))
    assert (apex.daily_loss, apex.phases[0].time_limit_days) == (None, 30)


def test_rules_hold_in_the_phases_they_name():
    bootcamp, one_step, e8 = preset("the5ers_bootcamp"), preset("ftmo_1step"), preset("e8_one")

    assert [bootcamp.daily_loss_in(phase) is not None for phase in bootcamp.phases] == [False, False, False, True]
    assert one_step.consistency_in(one_step.phase("challenge")) is not None
    assert e8.consistency_in(e8.phase("evaluation")) is None
    assert e8.consistency_in(e8.phase("funded")) is not None
    assert preset("fundednext_stellar_2step").news_in(one_step.phase("challenge")) is None  # trading news is allowed
    assert preset("ftmo_2step").weekend.may_hold(Stage.FUNDED) is False
    assert preset("ftmo_2step").weekend.may_hold(Stage.FUNDED, swing=True) is True


def test_a_day_that_turns_in_the_afternoon_belongs_to_the_next_date():
    at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)  # 17:30 in Chicago, 18:30 in New York

    assert preset("topstep_combine").day_at(at).day.isoformat() == "2026-07-02"
    assert preset("blue_guardian_2step").day_at(at) == preset("the5ers_high_stakes").day_at(at)


def test_an_account_of_a_size_that_is_not_sold_is_refused():
    with pytest.raises(IncompletePack, match="50000, 100000, 150000, not of 10000") as refused:
        preset("topstep_combine").max_loss.floor(initial=D(10_000), peak=D(10_000))

    assert refused.value.extra["sizes"] == ["50000", "100000", "150000"]


def test_a_pack_that_leaves_figures_open_says_which():
    with pytest.raises(IncompletePack) as refused:
        preset("e8_signature").require_complete()

    assert refused.value.extra["gaps"] == ["phases.0.profit_target_pct", "max_loss.pct"]


def _minimal(**changes):
    return {
        "id": "mine", "firm": "Mine", "program": "One step", "phases": [{"name": "challenge", "profit_target_pct": 8}],
        "daily_loss": {"kind": "hard", "pct": 4, "reset": {"time": "00:00", "tz": "UTC"}},
        "max_loss": {"mode": "static", "pct": 8}, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"max_los": {}}, "max_los"),
        ({"firm": ""}, "firm"),
        ({"phases": "challenge"}, "phases"),
        ({"phases": [{"name": "a", "profit_target_pct": -1}]}, "phases.0.profit_target_pct"),
        ({"phases": [{"name": "a", "profit_target_pct": "NaN"}]}, "phases.0.profit_target_pct"),
        ({"phases": [{"name": "a", "profit_target_pct": 8, "time_limit_days": 0}]}, "phases.0.time_limit_days"),
        ({"phases": [{"name": "a", "profit_target_pct": 8}] * 2}, "phases"),
        ({"phases": [{"name": "funded"}, {"name": "a", "profit_target_pct": 8}]}, "phases"),
        ({"daily_loss": {"kind": "soft", "pct": 4}}, "daily_loss.kind"),
        ({"daily_loss": {"kind": "hard", "pct": 400}}, "daily_loss.pct"),
        ({"daily_loss": {"kind": "hard", "pct": 4, "reset": {"tz": "Mars/Base"}}}, "daily_loss.reset.tz"),
        ({"daily_loss": {"kind": "hard", "pct": 4, "reset": {"tz": "UTC", "time": "25:00"}}}, "daily_loss.reset.time"),
        ({"daily_loss": {"kind": "hard", "pct": 4, "phases": ["second"]}}, "daily_loss.phases"),
        ({"daily_loss": {"kind": "hard", "pct": 4, "measured_on": "balance"}}, "daily_loss.measured_on"),
        ({"max_loss": {"mode": "trailing", "pct": 4}}, "max_loss.mode"),
        ({"max_loss": {"mode": "static", "pct": True}}, "max_loss.pct"),
        ({"max_loss": {"mode": "static", "amount_by_size": {"50000": 60000}}}, "max_loss.amount_by_size"),
        (
            {"max_loss": {"mode": "static", "pct": 4, "amount_by_size": {"50000": 2000}}},
            "max_loss.amount_by_size",
        ),
        ({"consistency": {"type": "best_day_pct_of_total_profit"}}, "consistency.pct"),
        ({"inactivity_days": 1.5}, "inactivity_days"),
        ({"news": {"action": ""}}, "news.action"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_path(changes, field):
    with pytest.raises(InvalidPack) as refused:
        parse_pack(_minimal(**changes))

    assert refused.value.field == field


def test_the_hash_is_of_the_rules_not_of_the_words():
    pack = parse_pack(_minimal())

    assert (
        parse_pack(_minimal(firm="Another", sources=[{"url": "https://x", "seen": "2026"}])).content_hash
        == pack.content_hash
    )
    assert parse_pack(_minimal(max_loss={"mode": "static", "pct": D("8.0")})).content_hash == pack.content_hash
    assert parse_pack(_minimal(max_loss={"mode": "static", "pct": 9})).content_hash != pack.content_hash


def test_limits_take_the_firms_figures_and_keep_the_accounts_own_elsewhere():
    own = default_limits(mode="PROP_FIRM", account_size=D(50_000))
    topstep, bootcamp = preset("topstep_combine"), preset("the5ers_bootcamp")

    limits = topstep.limits(topstep.phases[0], initial=D(50_000), own=own)
    untouched = bootcamp.limits(bootcamp.phases[0], initial=D(10_000), own=own)

    assert (limits.daily_loss_fraction, limits.daily_kind, limits.total_drawdown_fraction) == (
        D("0.02"),
        PAUSE,
        D("0.04"),
    )
    assert (limits.drawdown_mode, limits.drawdown_locks_at_initial) == (TRAILING_EOD, True)
    assert limits.max_risk_per_trade_fraction == own.max_risk_per_trade_fraction
    assert untouched.daily_loss_fraction == own.daily_loss_fraction
    assert (untouched.drawdown_mode, untouched.daily_fraction_of) == (STATIC, INITIAL)


money = st.decimals(D(1), D(500_000), places=2)


@given(
    pack_id=st.sampled_from([name for name, pack in presets().items() if not pack.gaps]), balance=money, equity=money
)
def test_a_pack_and_its_limits_see_the_same_floors(pack_id, balance, equity):
    pack, initial = preset(pack_id), D(100_000)
    own = default_limits(mode="PROP_FIRM", account_size=initial)
    phase = pack.phases[-1]

    standing = stand(
        pack.limits(phase, initial=initial, own=own),
        initial_balance=initial, day_balance=balance, day_equity=equity, peak=equity, equity=equity,
    )  # fmt: skip

    assert standing.total_floor == pack.max_loss.floor(initial=initial, peak=equity)
    if daily := pack.daily_loss_in(phase):
        assert standing.daily_floor == daily.floor(initial=initial, balance=balance, equity=equity)


@given(peaks=st.lists(money, min_size=1, max_size=20))
def test_a_trailing_floor_never_falls(peaks):
    for pack in presets().values():
        if pack.max_loss and not pack.gaps:
            highest = [max(peaks[: number + 1]) for number in range(len(peaks))]
            floors = [
                pack.max_loss.floor(initial=D(50_000 if pack.max_loss.allowance.by_size else 70_000), peak=peak)
                for peak in highest
            ]
            assert floors == sorted(floors)


def test_the_file_is_dated_and_says_that_it_is_no_truth():
    text = json.loads(files("trading.risk").joinpath("presets.json").read_text(encoding="utf-8"))

    assert text["compiled"] == "2026-11-21"
    assert "never as truth" in text["about"]
