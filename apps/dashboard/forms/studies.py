"""What a study shall look at. Empty fields have the defaults that their help states."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms

from apps.accounts.selectors import list_packs
from apps.accounts.services.packs import read_pack
from apps.backtests.models import Run
from apps.backtests.planning import is_sized_by_risk
from apps.backtests.search_plans import name_of
from apps.backtests.selectors import list_runs
from apps.common.clock import read_at
from apps.dashboard.forms.fields import style_fields, styled

OBJECTIVE_NAMES = [
    ("sharpe_ratio", "the highest Sharpe ratio"), ("net_profit", "the highest profit"),
    ("profit_factor", "the highest profit factor"), ("expectancy", "the highest expectancy"),
    ("max_drawdown_fraction", "the smallest drawdown"),
]  # fmt: skip


@styled
class ChallengeForm(forms.Form):
    """A firm's program and the account that is bought."""

    pack = forms.ChoiceField(label="Rule pack")
    size = forms.DecimalField(required=False, min_value=1, max_value=10**9, label="Account size", help_text="Empty: as the backtest began.")  # fmt: skip
    compounding = forms.BooleanField(required=False, label="Positions follow the balance")
    by = forms.ChoiceField(label="Draw again", choices=[("day", "whole days in blocks of about a week"), ("trade", "single trades")])  # fmt: skip
    days = forms.IntegerField(required=False, min_value=5, max_value=1000, label="Trading days a phase may take", help_text="Empty: 250, a year.")  # fmt: skip

    def __init__(self, *args: Any, run: Run, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"compounding": is_sized_by_risk(run.document), "pack": "ftmo_2step"})
        super().__init__(*args, **kwargs)
        self.fields["pack"].choices = name_packs(run.team_id)  # type: ignore[attr-defined]

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings that were written."""
        return written(self.cleaned_data)


def name_packs(team_id: UUID) -> list[tuple[str, str]]:
    """Return the packs a challenge can be simulated by, with their names: the platform's, and the team's own."""
    rows = [row for row in list_packs(team_id, read_at().date()) if not read_pack(row.document).gaps]
    return [(row.pack.code, f"{row.firm}, {row.program}{', your own' if row.pack.team_id else ''}") for row in rows]


def written(data: dict[str, Any]) -> dict[str, Any]:
    """Return what was filled in, as a study's settings."""
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else value
        for name, value in data.items()
        if value is not None and value != ""
    }


ROWS = (1, 2, 3)
MOST_LISTED = 30


@styled
class SearchForm(forms.Form):
    """Up to three parameters with their ranges, and what is best."""

    objective = forms.ChoiceField(label="Best is", choices=OBJECTIVE_NAMES)
    min_trades = forms.IntegerField(required=False, min_value=0, max_value=100_000, label="With at least", help_text="Empty: 30. Fewer trades prove nothing.")  # fmt: skip

    def __init__(self, *args: Any, run: Run, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.paths = list_paths(run.document)
        choices = [("", "–"), *((path, f"{words}, now {value}") for path, words, value in self.paths)]
        for row in ROWS:
            self.fields[f"path_{row}"] = forms.ChoiceField(required=False, choices=choices, label="Parameter")
            for name, label in (("from", "From"), ("to", "To"), ("step", "Step")):
                self.fields[f"{name}_{row}"] = forms.DecimalField(required=False, max_digits=20, label=label)
        style_fields(self)

    @property
    def rows(self) -> list[list[forms.BoundField]]:
        """Return the fields of each parameter."""
        return [[self[f"{name}_{row}"] for name in ("path", "from", "to", "step")] for row in ROWS]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        parameters: dict[str, Any] = {}
        for row in ROWS:
            path = data.get(f"path_{row}")
            if not path:
                continue
            if path in parameters:
                self.add_error(f"path_{row}", "This parameter is named twice.")
            for name in ("from", "to"):
                if data.get(f"{name}_{row}") is None:
                    self.add_error(f"{name}_{row}", "Write a number.")
            parameters[path] = {
                name: f"{data[f'{name}_{row}'].normalize():f}"
                for name in ("from", "to", "step")
                if data.get(f"{name}_{row}") is not None
            }
        if not parameters:
            self.add_error("path_1", "Choose at least one parameter.")
        data["parameters"] = parameters
        return data

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings that were written; of two averages the quicker one stays the quicker one."""
        data = self.cleaned_data
        names = ("objective", "min_trades", *getattr(self, "MORE", ()))
        return {
            "parameters": data["parameters"],
            "constraints": keep_order(self.paths, data["parameters"]),
            **written({name: data.get(name) for name in names}),
        }


class OptunaForm(SearchForm):
    """A search by suggestions."""

    MORE = ("count",)
    count = forms.IntegerField(required=False, min_value=16, max_value=20_000, label="Points to try", help_text="Empty: 96.")  # fmt: skip


class WalkForwardForm(SearchForm):
    """A sweep in every window."""

    MORE = ("train_days", "test_days", "purge_days", "anchored")
    train_days = forms.DecimalField(required=False, min_value=0, max_value=36_500, label="Choose on", help_text="Empty: a quarter of the history.")  # fmt: skip
    test_days = forms.DecimalField(required=False, min_value=0, max_value=36_500, label="Then trade unseen", help_text="Empty: a twelfth of the history.")  # fmt: skip
    purge_days = forms.DecimalField(required=False, min_value=0, max_value=3_650, label="Leave out between", help_text="At least as long as a trade lasts.")  # fmt: skip
    anchored = forms.BooleanField(required=False, label="Every choice sees the history from its beginning")


@styled
class MonteCarloForm(forms.Form):
    """Which steps are drawn again, and how."""

    method = forms.ChoiceField(label="Draw", choices=[("blocks", "again, in runs that belong together"), ("bootstrap", "again, one by one"), ("shuffle", "the same ones in another order")])  # fmt: skip
    by = forms.ChoiceField(label="Of", choices=[("trade", "trades"), ("day", "days")])
    ruin_fraction = forms.DecimalField(required=False, min_value=Decimal("0.01"), max_value=1, label="Ruin is a loss of", help_text="A share of the balance; empty: 0.2.")  # fmt: skip

    def __init__(self, *args: Any, run: Run, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run = run

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings that were written."""
        return {**written(self.cleaned_data), "compounding": False}


@styled
class PortfolioForm(forms.Form):
    """Which other backtests trade on the same account."""

    others = forms.MultipleChoiceField(label="Together with", widget=forms.CheckboxSelectMultiple)
    positions_max = forms.IntegerField(required=False, min_value=1, max_value=1000, label="Open positions of all", help_text="Empty: no limit but each strategy’s own.")  # fmt: skip

    def __init__(self, *args: Any, run: Run, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["others"].choices = [  # type: ignore[attr-defined]
            (
                each.public_id,
                f"{each.name}: {each.symbol} {each.timeframe}, {each.headline.get('trades', 0)} trades, "
                f"asked for {each.created_at:%Y-%m-%d %H:%M} UTC",
            )
            for each in list_runs(run.team_id, status="DONE")
            .filter(currency=run.currency)
            .exclude(pk=run.pk)
            .order_by("-created_at")[:MOST_LISTED]
        ]

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings that were written."""
        data = self.cleaned_data
        return {"with": data["others"], **written({"positions_max": data["positions_max"]})}


def list_paths(document: Any, before: str = "") -> list[tuple[str, str, Any]]:
    """
    Return `(path, words, value)` of every number in a document, the periods of indicators among them.

    >>> list_paths({"entry": {"indicators": ["EMA_20"]}, "exit": {"stopLoss": 40}})
    [('entry.indicators.0.period', 'first period', 20), ('exit.stopLoss', 'stop loss', 40)]
    """
    found: list[tuple[str, str, Any]] = []
    pairs = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for name, value in pairs:
        path = f"{before}{name}"
        if isinstance(value, dict | list):
            found += list_paths(value, f"{path}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and name != "rules_version":
            found.append((path, name_of(path), value))
        elif isinstance(value, str) and re.fullmatch(r"[A-Za-z]+_\d{1,5}", value):
            found.append((f"{path}.period", name_of(f"{path}.period"), int(value.rsplit("_", 1)[1])))
    return found


def keep_order(paths: list[tuple[str, str, Any]], parameters: dict[str, Any]) -> list[dict[str, str]]:
    """
    Return the constraint that the quicker of two averages stays the quicker one, where both vary.

    >>> keep_order([("entry.indicators.0.period", "", 20), ("entry.indicators.1.period", "", 50)],
    ...            {"entry.indicators.0.period": {}, "entry.indicators.1.period": {}})
    [{'left': 'entry.indicators.0.period', 'is': '<', 'right': 'entry.indicators.1.period'}]
    """
    first, second = "entry.indicators.0.period", "entry.indicators.1.period"
    now = {path: value for path, _, value in paths}
    if not {first, second} <= set(parameters):
        return []
    left, right = (first, second) if now[first] < now[second] else (second, first)
    return [{"left": left, "is": "<", "right": right}]
