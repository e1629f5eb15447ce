import json
import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.unit.trading.making import GUIDE_START, cross_rules, random_bars

_BESIDE = [folder / "shared" / "data" for folder in Path(__file__).resolve().parents[4:]]
SHARED = next((folder for folder in _BESIDE if folder.is_dir()), _BESIDE[0])
TRADE = {"opened_at", "closed_at", "side", "volume_lots", "entry_price", "exit_price", "pnl", "exit_reason"}


@pytest.fixture
def files(tmp_path):
    lines = (
        f"{bar.opened_at:%Y-%m-%d %H:%M},{bar.open},{bar.high},{bar.low},{bar.close},1" for bar in random_bars(3, 2000)
    )
    (tmp_path / "bars.csv").write_text("\n".join(lines))
    (tmp_path / "rules.json").write_text(json.dumps(cross_rules()))
    return tmp_path


def _call(folder, **changes):
    options = {"rules": folder / "rules.json", "data": folder / "bars.csv", "symbol": "EURUSD", "timeframe": "M1"}
    options |= {"spread": "0.8", "json": folder / "out.json", **changes}
    out, err = StringIO(), StringIO()
    call_command(
        "backtest",
        *(f"--{name}={value}" for name, value in options.items() if value is not None),
        stdout=out,
        stderr=err,
    )
    return json.loads((folder / "out.json").read_text()), out.getvalue(), err.getvalue()


def test_the_result_has_trades_statistics_and_equity(files):
    result, said, complained = _call(files)

    assert set(result) == {"trades", "statistics", "equity"}
    assert all(set(trade) == TRADE for trade in result["trades"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", result["trades"][0]["opened_at"])
    assert {trade["side"] for trade in result["trades"]} == {"BUY", "SELL"}
    assert len(result["equity"]) == result["statistics"]["bars"] == 2000
    assert result["statistics"]["net_profit"] == pytest.approx(sum(trade["pnl"] for trade in result["trades"]))
    assert said.startswith(f"{len(result['trades'])} trades over 2000 bars")
    assert re.fullmatch(r"data: [\d,]+ bars are missing in 23 gaps .*\n", complained)


def test_finer_bars_are_added_up_for_the_strategy_and_traded_on_as_they_are(files):
    result, _, _ = _call(files, timeframe="M15")

    moments = {point["at"][14:16] for point in result["equity"][:-1]}
    assert moments == {"00", "15", "30", "45"}
    assert len(result["equity"]) < 400
    assert any(trade["closed_at"][14:16] not in moments for trade in result["trades"])


def test_before_its_beginning_a_run_only_looks(files):
    whole, part = _call(files)[0], _call(files, **{"from": "2026-01-06T00:00:00Z"})[0]

    later = [trade for trade in whole["trades"] if trade["opened_at"] >= "2026-01-06"]
    assert 0 < len(later) < len(whole["trades"])
    assert part["trades"] == later


def test_a_start_command_is_read_as_its_rules(files):
    (files / "rules.json").write_text(json.dumps({"strategyId": "x", "rules": GUIDE_START, "settings": {}}))

    assert _call(files)[0]["statistics"]["bars"] == 2000


def test_findings_about_the_data_go_to_standard_error(files):
    lines = (files / "bars.csv").read_text().splitlines()
    (files / "bars.csv").write_text("\n".join([*lines[:50], lines[49], *lines[50:]]))

    assert "repeats the time" in _call(files)[2]


@pytest.mark.parametrize(
    ("changes", "rules", "message"),
    [
        ({"timeframe": "H3"}, None, "UNKNOWN_TIMEFRAME"),
        ({"symbol": "FOO"}, None, "UNKNOWN_SYMBOL"),
        ({"spread": "-1"}, None, "INVALID_VALUE"),
        ({"balance": "0"}, None, "INVALID_VALUE"),
        ({"spread": "NaN"}, None, "finite"),
        ({"from": "2026-01-06T00:00:00"}, None, "zone"),
        ({"data": "/nowhere.csv"}, None, "FILE_UNREADABLE"),
        ({"json": "/nowhere/out.json"}, None, "FILE_UNWRITABLE"),
        ({"spread": "1e30"}, None, "at most 1,000,000"),
        ({"slippage-ticks": "99999999999999999999"}, None, "at most 1,000,000"),
        ({"swap-long": "-1e9"}, None, "at most 1,000,000"),
        ({"leverage": "0"}, None, "INVALID_VALUE"),
        ({"balance": "1e40"}, None, "at most"),
        ({"zone": "Mars/Olympus"}, None, "Mars/Olympus"),
        ({}, {"entry": 5}, "RULES_INVALID"),
        ({}, [], "JSON object"),
    ],
)
def test_bad_input_is_a_clear_error_and_no_result(files, changes, rules, message):
    if rules is not None:
        (files / "rules.json").write_text(json.dumps(rules))

    with pytest.raises(CommandError, match=message):
        _call(files, **changes)

    assert not (files / "out.json").exists()


@pytest.mark.parametrize("text", ["{", '{"entry": NaN}'])
def test_rules_that_are_no_json_are_refused(files, text):
    (files / "rules.json").write_text(text)

    with pytest.raises(CommandError, match="not JSON"):
        _call(files)


def test_rules_of_endless_depth_are_refused(files):
    (files / "rules.json").write_text("[" * 100_000)

    with pytest.raises(CommandError, match=r"RULES_INVALID.*nested too deep"):
        _call(files)


def test_rules_that_are_no_text_are_refused(files):
    (files / "rules.json").write_bytes(b"\xff\xfe{\0}\0")

    with pytest.raises(CommandError, match=r"RULES_INVALID.*UTF-8"):
        _call(files)


def test_the_mark_some_editors_put_before_a_text_is_no_error(files):
    (files / "rules.json").write_text(json.dumps(cross_rules()), encoding="utf-8-sig")

    assert _call(files)[0]["trades"]


def test_times_are_read_by_the_clock_that_is_named(files):
    utc, shifted = _call(files)[0], _call(files, zone="+02:00")[0]

    assert utc["trades"][0]["opened_at"] == "2026-01-05T10:45:00.000Z"
    assert shifted["trades"][0]["opened_at"] == "2026-01-05T08:45:00.000Z"
    assert len(shifted["trades"]) == len(utc["trades"])


def test_nights_cost_their_swap(files):
    quiet, costly = (_call(files, **told)[0]["statistics"] for told in ({}, {"swap-long": -8, "swap-short": -8}))

    assert quiet["swap"] == 0
    assert costly["swap"] < 0
    assert costly["net_profit"] == pytest.approx(quiet["net_profit"] + costly["swap"])


def test_no_trade_is_free_of_spread_unless_somebody_says_so(files):
    assumed, _, said = _call(files, spread=None)
    asked, _, nothing_said = _call(files, spread="1")

    assert "1 pip was taken" in said
    assert assumed["trades"] == asked["trades"]
    assert "1 pip was taken" not in nothing_said
    assert "1 pip was taken" not in _call(files, spread="0")[2]


def test_bars_too_few_for_a_signal_are_said(files):
    (files / "bars.csv").write_text("\n".join((files / "bars.csv").read_text().splitlines()[:20]))

    assert re.search(r"the first signal needs \d+ M1 bars, and there are 20", _call(files)[2])


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("name", "timeframe"),
    [("EURUSD_M1_2020Q3", "M5"), ("EURUSD_H1_2012_2020", "H4"), ("XAUUSD_M5_2026", "M5"), ("USDJPY_M5_2026", "H1")],
)
def test_real_bars_run(files, name, timeframe):
    (files / "rules.json").write_text(json.dumps(GUIDE_START))

    result, _, _ = _call(files, data=SHARED / f"{name}.csv", symbol=name[:6], timeframe=timeframe)

    assert result["statistics"]["trades"] > 0


# --- strategies of the catalogue --------------------------------------------------------------------------------


def _call_type(folder, name, **changes):
    options = {"type": name, "data": folder / "bars.csv", "symbol": "EURUSD", "timeframe": "M1", "spread": "0.8"}
    options |= {"json": folder / "out.json", **changes}
    call_command(
        "backtest", *(f"--{key}={value}" for key, value in options.items()), stdout=StringIO(), stderr=StringIO()
    )
    return json.loads((folder / "out.json").read_text())


def test_a_strategy_of_the_catalogue_runs_with_its_own_exit_and_risk(files):
    (files / "params.json").write_text('{"rsi_period": 7}')

    by_text = _call_type(files, "RSIStrategy", params='{"rsi_period": 7}')
    by_file = _call_type(files, "RSIStrategy", params=f"@{files / 'params.json'}")
    other = _call_type(files, "RSIStrategy")

    assert by_text["trades"]
    assert by_text == by_file
    assert by_text["trades"] != other["trades"]


def test_a_calendar_is_given_to_the_news_strategy(files):
    rows = [f"2026-01-0{day},{hour:02}:00,EUR,high,GDP,1.0,0.5" for day in (6, 7) for hour in range(24)]
    (files / "calendar.csv").write_text("Date,Time,Currency,Impact,Event,Forecast,Previous\n" + "\n".join(rows))

    told = _call_type(
        files, "ForexNewsStrategy", params='{"news_strategy": "pre_news"}', calendar=files / "calendar.csv"
    )

    assert {trade["side"] for trade in told["trades"]} == {"BUY"}


def test_other_symbols_are_read_from_their_files(files):
    told = _call_type(
        files,
        "CrossMarketArbitrageStrategy",
        params='{"other_symbol": "B", "min_profit_threshold": 0.00001, "spread_fraction": 0}',
        other=f"B={files / 'bars.csv'}",
    )

    assert told["trades"] == []


@pytest.mark.parametrize(
    "name, changes, message",
    [
        ("RsiStrategy", {}, "UNKNOWN_STRATEGY: no strategy is called 'RsiStrategy': did you mean RSIStrategy?"),
        ("RSIStrategy", {"params": '{"period": -14}'}, "a whole number from 2 to 50, not -14"),
        ("RSIStrategy", {"params": "{"}, "--params is not JSON"),
        ("RSIStrategy", {"params": "[1]"}, "--params must hold a JSON object"),
        ("RSIStrategy", {"params": "@nowhere.json"}, "FILE_UNREADABLE"),
        ("ForexNewsStrategy", {}, "events is required"),
        ("CrossMarketArbitrageStrategy", {"params": '{"other_symbol": "B"}'}, "B"),
        ("RSIStrategy", {"other": "B"}, "must be SYMBOL=FILE"),
    ],
)
def test_what_the_catalogue_does_not_know_is_a_clear_error(files, name, changes, message):
    with pytest.raises(CommandError, match=re.escape(message)):
        _call_type(files, name, **changes)

    assert not (files / "out.json").exists()


def test_parameters_belong_to_a_type(files):
    with pytest.raises(CommandError, match="belong to --type"):
        _call(files, params="{}")


def _check(*words):
    out = StringIO()
    call_command("check_strategy", *words, stdout=out)
    return out.getvalue()


def test_a_strategy_is_checked_and_the_report_printed(files):
    assert "no wish depends on later bars" in _check("RSIStrategy", "--timeframe=M5")
    assert "no wish depends on later bars" in _check("RSIStrategy", f"--data={files / 'bars.csv'}")
    assert "no wish depends on later bars" in _check(f"--rules={files / 'rules.json'}")


@pytest.mark.parametrize(
    "words, message",
    [
        (["Nobody"], "UNKNOWN_STRATEGY"),
        (["RSIStrategy", "--bars=10"], "bars must be 50 to 20000"),
        (["RSIStrategy", "--data=nowhere.csv"], "FILE_UNREADABLE"),
        (["MovingAverageStrategy", "--bars=60"], "not proven"),
    ],
)
def test_what_cannot_be_checked_is_a_clear_error(words, message):
    with pytest.raises(CommandError, match=re.escape(message)):
        _check(*words)


def test_strategies_are_listed():
    out = StringIO()
    call_command("list_strategies", stdout=out)

    assert len(out.getvalue().splitlines()) >= 14
