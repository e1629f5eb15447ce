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
    call_command("backtest", *(f"--{name}={value}" for name, value in options.items()), stdout=out, stderr=err)
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
