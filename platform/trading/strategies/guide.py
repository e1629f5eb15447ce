"""The page that describes the catalogue, made from the specifications: `docs/guides/catalogue.md` is this text, and a test holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from trading.strategies.catalogue import CATALOGUE
from trading.strategies.parameters import Parameter
from trading.strategies.spec import StrategySpec

_HEAD = """# The catalogue of strategies

Ready strategies: name one in a rule document and set its parameters. This page is made from the specifications
(`python3 manage.py list_strategies --markdown`); a test holds it to them.

```json
{
  "entry": {"type": "strategy", "name": "MovingAverageStrategy", "parameters": {"short_window": 10, "long_window": 30}},
  "exit": {"type": "opposite_signal", "stopLoss": 50, "takeProfit": 100},
  "risk": {"maxRisk": 1, "maxDailyLoss": 5, "maxOpenTrades": 1}
}
```

```
python3 manage.py backtest --type MovingAverageStrategy --params '{"short_window": 10}' --data EURUSD_H1.csv --symbol EURUSD --timeframe H1 --json result.json
python3 manage.py check_strategy MovingAverageStrategy
```

Every strategy sees closed bars only, and its backtest and its live run are the same program: tests hold each to that, bar by bar and
across a restart. None of them promises a profit. Confidence (0 to 1) orders the signals of one strategy; it is no probability, and
not comparable between strategies. Exits, sizes, filters and limits are those of the document; where a strategy brings its own stop,
the document's stop stands in only where it does not. Names of the GeneBot guide are understood where they mean something here.

A strategy of your own: [python-strategies.md](python-strategies.md).

| strategy | in a sentence |
|---|---|
"""

_FOOT = """
## Several symbols

The three arbitrage strategies look at more than one symbol. Run one on every leg: each instance sees the same closed bars, finds the
same opportunity at the same bar, and trades its own leg; so all legs open and close together, and none knows whether the others were
filled. Bars show what a minute ended with, not what a market maker would have dealt: treat the results as an alert or on paper, unless
each leg has its own funds and somebody unwinds a leg that stayed alone. In a backtest, give the other symbols with `--other GBPUSD=FILE`.

## News

The calendar is part of the parameters: `--calendar FILE` reads a CSV with `date`, `time`, `currency`, `impact`, `event`, and where known
`forecast`, `previous`, `actual` (times without a zone are UTC). A figure counts from its release on, never before. A live strategy
gets new events, and the figures of past ones, with a new version.
"""


def render() -> str:
    """Return the page as Markdown."""
    rows = "".join(f"| [{spec.name}](#{spec.name.lower()}) | {spec.summary} |\n" for spec in CATALOGUE.values())
    parts = "".join("\n" + "\n".join(_describe(spec)) + "\n" for spec in CATALOGUE.values())
    return _HEAD + rows + parts + _FOOT


def _describe(spec: StrategySpec) -> Iterator[str]:
    yield f"## {spec.name}"
    yield ""
    yield f"**{spec.title}.** {spec.summary}"
    yield ""
    yield "| parameter | default | allowed | meaning |"
    yield "|---|---|---|---|"
    for name, parameter in spec.parameters.items():
        yield f"| `{name}` | {_default(parameter)} | {_cell(parameter.describe())} | {_cell(parameter.help)} |"
    yield ""
    yield from (f"* {fact}" for fact in _facts(spec))
    yield f"* Source: {spec.source}."
    yield ""
    yield "Mended:"
    yield ""
    yield from (f"* {sentence}" for sentence in spec.mended)


def _facts(spec: StrategySpec) -> Iterator[str]:
    aliases = [f"`{name}` is `{alias.parameter}`" for name, alias in spec.aliases.items() if alias.parameter]
    if aliases:
        yield f"Other names: {', '.join(aliases)}."
    for name, alias in spec.aliases.items():
        if alias.parameter is None:
            yield f"`{name}` is refused: {alias.note}."
    if spec.timeframes:
        yield f"Timeframes: {', '.join(spec.timeframes)}."
    if spec.phases:
        yield f"Phases: {', '.join(spec.phases)}."
    if spec.sets_stop:
        yield "It brings its own stop distance."
    if spec.symbols != "its own":
        yield f"Symbols: {spec.symbols}."
    if spec.risk is not None:
        yield f"GeneBot's template: at most {100 * spec.risk.position_fraction:g} % in a position, {spec.risk.trades_per_day} trades a day."
    yield f"Its own exit: `{_json(spec.default_exit)}`; its own risk: `{_json(spec.default_risk)}`."


def _default(parameter: Parameter) -> str:
    return "required" if parameter.required else f"`{_json(parameter.default)}`"


def _json(value: Any) -> str:

    return json.dumps(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
