"""The catalogue: names, parameters, other names for them, packages that bring more, and the pages that describe it."""

import json
import re
import subprocess
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from tests.unit.trading.strategies.cases import walk
from trading.errors import InvalidRules
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.rules import document as rule_document
from trading.strategies import catalogue
from trading.strategies.catalogue import CATALOGUE, UnknownStrategy, UnusableStrategy, check, get_spec
from trading.strategies.guide import render
from trading.strategies.lookahead import check_source
from trading.strategies.parameters import Parameter
from trading.strategies.registry import build, load_class

ROOT = Path(__file__).resolve().parents[4]
GUIDE = ROOT / "docs" / "guides" / "python-strategies.md"
NEEDED = {
    "ForexCarryTradeStrategy": {"rates": {"EUR": [{"from": "2024-01-01", "percent": 4}]}},
    "ForexNewsStrategy": {"events": []},
    "CrossMarketArbitrageStrategy": {"other_symbol": "EURUSD.b"},
}


def problems(name, parameters):
    return [
        (problem.path, problem.code, problem.message) for problem in check({"name": name, "parameters": parameters})
    ]


def normal(name, parameters):
    return catalogue.normalise({"name": name, "parameters": parameters})["parameters"]


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_defaults_are_right_by_their_own_ranges_and_normal_form_is_stable(name):
    told = NEEDED.get(name, {})
    spec = CATALOGUE[name]

    assert problems(name, told) == []
    whole = normal(name, told)
    assert set(whole) == set(spec.parameters)
    assert problems(name, whole) == []
    assert normal(name, whole) == whole
    assert json.loads(json.dumps(whole)) == whole


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_its_own_document_loads_explains_itself_and_may_be_activated(name):
    whole = CATALOGUE[name].document(NEEDED.get(name))

    assert rule_document.validate(whole) == []
    assert rule_document.find_activation_problems(whole) == []
    assert name in rule_document.explain(whole)
    assert rule_document.normalise(rule_document.normalise(whole)) == rule_document.normalise(whole)


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_every_parameter_refuses_what_it_cannot_be(name):
    for parameter_name, parameter in CATALOGUE[name].parameters.items():
        for wrong in (None, float("nan"), float("inf"), {"a": 1} if parameter.kind != "rates" else 3, -1e300, object()):
            found = problems(name, {**NEEDED.get(name, {}), parameter_name: wrong})
            assert any(path.startswith(f"entry.parameters.{parameter_name}") for path, _, _ in found), (
                parameter_name,
                wrong,
            )


@pytest.mark.parametrize(
    "name, given, expected",
    [
        ("MovingAverageStrategy", {"short_period": 12, "long_period": 24}, {"short_window": 12, "long_window": 24}),
        (
            "RSIStrategy",
            {"period": 9, "oversold": 25, "overbought": 75},
            {"rsi_period": 9, "oversold_threshold": 25, "overbought_threshold": 75},
        ),
        (
            "MeanReversionStrategy",
            {"lookback_period": 20, "std_dev_threshold": 2.0},
            {"bb_period": 20, "bb_std_dev": 2.0},
        ),
        ("MultiIndicatorStrategy", {"threshold": 5}, {"min_confluence": 5}),
        ("AdvancedMomentumStrategy", {"momentum_period": 14}, {"momentum_periods": [7, 14, 28]}),
        (
            "MLPatternStrategy",
            {"model_type": "random_forest", "training_period": 1000},
            {"use_ensemble": False, "lookback_period": 1000},
        ),
        ("ForexSessionStrategy", {"volatility_filter": 0.0002}, {"min_volatility_threshold": 0.0002}),
        ("TriangularArbitrageStrategy", {"min_profit_threshold": 0.001}, {"min_profit_after_slippage": 0.001}),
        ("CryptoForexArbitrageStrategy", {"spread_threshold": 0.005}, {"min_profit_threshold": 0.005}),
    ],
)
def test_the_guides_names_are_understood_and_told(name, given, expected):
    assert problems(name, given) == []
    assert normal(name, given).items() >= expected.items()
    assert len(get_spec(name).notes(given)) == len(given)


def test_a_fraction_of_interest_becomes_percentage_points():
    rates = NEEDED["ForexCarryTradeStrategy"]

    assert normal("ForexCarryTradeStrategy", {**rates, "interest_rate_threshold": 0.02})["min_rate_differential"] == 2.0
    assert "must be a fraction" in problems("ForexCarryTradeStrategy", {**rates, "interest_rate_threshold": 2})[0][2]


@pytest.mark.parametrize(
    "name, given, path, said",
    [
        ("MovingAverageStrategy", {"short_perod": 5}, "short_perod", "it knows short_window, long_window"),
        ("MovingAverageStrategy", {"short_window": 20, "long_window": 20}, "short_window", "must be below long_window"),
        ("MovingAverageStrategy", {"short_period": 5, "short_window": 5}, "short_period", "which is given already"),
        ("AdvancedMomentumStrategy", {"confirmation_period": 3}, "confirmation_period", "nothing reads it"),
        ("ATRVolatilityStrategy", {"volatility_threshold": 0.02}, "volatility_threshold", "a number from 1 to 3"),
        ("ForexNewsStrategy", {}, "events", "is required"),
        (
            "ForexNewsStrategy",
            {"events": [{"currency": "USD", "title": "GDP", "impact": "high", "time": "2026-01-09T13:30:00"}]},
            "events[0].time",
            "with its zone",
        ),
        (
            "ForexCarryTradeStrategy",
            {"rates": {"EUR": [{"from": "2024-06-01", "percent": 4}, {"from": "2024-01-01", "percent": 3}]}},
            "rates.EUR[1].from",
            "later than the row before",
        ),
        ("ForexSessionStrategy", {"preferred_sessions": []}, "preferred_sessions", "1 to 4 entries"),
        ("ForexSessionStrategy", {"preferred_sessions": ["paris"]}, "preferred_sessions[0]", "one of sydney"),
        ("MLPatternStrategy", {"model_type": "svm"}, "model_type", "random_forest or ensemble"),
        ("MeanReversionStrategy", {"mean_periods": [10]}, "mean_periods", "2 to 8 entries"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_is_right(name, given, path, said):
    found = problems(name, given)

    assert [at for at, _, _ in found] == [f"entry.parameters.{path}"]
    assert said in found[0][2]


def test_an_unknown_strategy_is_answered_with_those_there_are():
    found = problems("RsiStrategy", {})

    assert found[0][:2] == ("entry.name", "UNKNOWN_NAME")
    assert "did you mean RSIStrategy?" in found[0][2]
    with pytest.raises(UnknownStrategy):
        build("NoSuchStrategy", {}, typical_instrument("EURUSD"), Timeframe.M1)


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "strategy"},
        {"type": "strategy", "name": 3},
        {"type": "strategy", "name": "RSIStrategy", "parameters": []},
    ],
)
def test_a_block_that_is_none_is_a_problem_and_never_a_crash(entry):
    assert list(check(entry))


def test_a_list_may_not_be_endless():
    events = [{"currency": "USD", "title": "GDP", "impact": "high", "time": "2026-01-09T13:30:00Z"}] * 5001

    assert "0 to 5000 entries" in problems("ForexNewsStrategy", {"events": events})[0][2]


def test_the_web_process_reads_the_catalogue_without_numbers():
    program = (
        "import sys; from trading.rules.document import validate, JSON_SCHEMA; from trading.strategies.catalogue import *;"
        "[validate(spec.document()) for spec in CATALOGUE.values()];"
        "print(sorted({'numpy', 'numba', 'sklearn', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT / "platform", capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "[]"


def test_the_published_schema_holds_every_strategy():
    text = json.dumps(rule_document.JSON_SCHEMA)

    assert all(f'"{name}"' in text for name in CATALOGUE)


def test_a_parameter_describes_itself_as_json_schema():
    assert Parameter("int", 14, 2, 50, help="bars").schema() == {
        "type": "integer",
        "minimum": 2,
        "maximum": 50,
        "description": "bars",
        "default": 14,
    }


# --- packages that bring a strategy -----------------------------------------------------------------------------


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put files on the path with the entry points of their pyproject, as an installer does."""

    def put(files, points):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        folder = tmp_path / "planted-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n", encoding="utf-8")
        lines = "\n".join(f"{name} = {value}" for name, value in points.items())
        (folder / "entry_points.txt").write_text(f"[{catalogue.GROUP}]\n{lines}\n", encoding="utf-8")
        assert PathDistribution(folder).entry_points
        monkeypatch.syspath_prepend(str(tmp_path))
        catalogue.forget_installed()

    yield put
    for name in [name for name in sys.modules if name.split(".")[0] in ("breakout", "planted")]:
        del sys.modules[name]
    monkeypatch.undo()
    catalogue.forget_installed()


def example():
    blocks = re.findall(
        r"^```(?:python|toml)\n# (\S+)\n(.*?)^```", GUIDE.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    files = dict(blocks)
    points = dict(re.findall(r'^(\w+) = "(breakout\.[\w.:]+)"$', files.pop("pyproject.toml"), flags=re.MULTILINE))
    return {**files, "breakout/__init__.py": ""}, points


def test_the_guides_example_is_installed_checked_and_trades(install):
    install(*example())
    eurusd, bars = typical_instrument("EURUSD"), walk(41, 400, Timeframe.M5)

    assert "ChannelBreakout" in catalogue.list_names()
    assert "breakout.strategy" not in sys.modules
    whole = get_spec("ChannelBreakout").document({"bars": 30})
    assert rule_document.find_activation_problems(whole) == []
    assert problems("ChannelBreakout", {"bars": 3})[0][0] == "entry.parameters.bars"
    assert "breakout.strategy" not in sys.modules

    report = check_source(lambda: build("ChannelBreakout", {"bars": 30}, eurusd, Timeframe.M5), bars)

    assert report.is_clean, list(report.lines())


def test_a_package_cannot_stand_in_for_a_strategy_of_ours(install):
    install({"planted/__init__.py": "SPEC = None"}, {"RSIStrategy": "planted:SPEC"})

    assert get_spec("RSIStrategy") is CATALOGUE["RSIStrategy"]
    assert catalogue.list_names().count("RSIStrategy") == 1


@pytest.mark.parametrize(
    "text, said",
    [
        ("SPEC = 3", "must be a StrategySpec named Planted"),
        ("import nothing_of_that_name", "cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_a_broken_package_is_told_and_harms_no_other(install, text, said):
    install({"planted/__init__.py": text}, {"Planted": "planted:SPEC"})

    assert said in problems("Planted", {})[0][2]
    assert problems("RSIStrategy", {}) == []
    with pytest.raises(UnusableStrategy, match=said.split(":")[0]):
        get_spec("Planted")


def test_a_class_that_is_no_strategy_is_refused_where_it_is_built(install):
    text = (
        "from trading.strategies.spec import StrategySpec\n"
        "SPEC = StrategySpec(name='Planted', title='', summary='', implementation='planted:Thing', parameters={})\n"
        "class Thing: spec = SPEC\n"
    )
    install({"planted/__init__.py": text}, {"Planted": "planted:SPEC"})

    with pytest.raises(UnusableStrategy, match="must be a BaseStrategy"):
        load_class("Planted")


def test_wrong_parameters_are_refused_where_a_strategy_is_built():
    with pytest.raises(InvalidRules, match="rsi_period must be a whole number from 2 to 50, not 1") as refused:
        build("RSIStrategy", {"rsi_period": 1}, typical_instrument("EURUSD"), Timeframe.M1)

    assert refused.value.field == "entry.parameters.rsi_period"


def test_the_page_of_the_catalogue_is_current():
    page = ROOT / "docs" / "guides" / "catalogue.md"

    assert page.read_text("utf-8") == render(), (
        "python3 manage.py list_strategies --markdown > docs/guides/catalogue.md"
    )
