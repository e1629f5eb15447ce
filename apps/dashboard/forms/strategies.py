"""The form of a strategy: its market and its rules, as fields and as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from apps.dashboard.forms.distance_fields import EXTRA_NUMBERS, UNITS
from apps.dashboard.forms.dynamic_fields import (
    TREE_TITLES,
    describe_tree,
    list_parts,
    list_trees,
    make_dynamic,
    read_dynamic,
    unit_field,
)
from apps.dashboard.forms.fields import styled
from apps.dashboard.forms.ready_fields import PREFIX
from apps.dashboard.forms.rule_fields import build_document, find_field, list_hidden, read_fields
from apps.dashboard.forms.tree_fields import field_name, find_name
from trading.errors import TradingError
from trading.model.timeframe import Timeframe
from trading.rules.document import explain, find_activation_problems, validate
from trading.rules.fields import Problem
from trading.rules.wording import SESSION_NAMES
from trading.strategies.catalogue import CATALOGUE

AVERAGES = [("EMA", "EMA"), ("SMA", "SMA")]
ENTRIES = [
    ("indicator_cross", "One moving average crosses another"),
    ("rsi_threshold", "The RSI comes back from an extreme"),
    ("tree", "My own conditions hold"),
    ("strategy", "A ready strategy says so"),
]
READY = [("", "Choose one"), *((name, f"{name}: {spec.title}") for name, spec in CATALOGUE.items())]
TRIGGERS = [("becomes_true", "once, when they begin to hold"), ("while_true", "at every bar at which they hold")]
CONFIRMATIONS = [("", "nothing"), ("volume", "volume above its mean"), ("spread", "a small spread")]
SESSION_CHOICES = list(SESSION_NAMES.items())
DIRECTIONS = [("above", "long only"), ("below", "short only"), ("both", "long and short")]
DAYS = [("1", "Mon"), ("2", "Tue"), ("3", "Wed"), ("4", "Thu"), ("5", "Fri"), ("6", "Sat"), ("7", "Sun")]
ZONES = ["UTC", "Europe/London", "Europe/Berlin", "Europe/Prague", "America/New_York", "Asia/Tokyo"]
DYNAMIC = ("entry-", "exit-", "management-")
"""How the names of fields begin that depend on the document."""
TEXT_LIMIT = 64 * 1024
STARTER: dict[str, Any] = {
    "entry": {"type": "indicator_cross", "indicators": ["EMA_20", "EMA_50"], "direction": "both"},
    "exit": {"type": "opposite_signal", "stopLoss": 40, "takeProfit": 120},
    "risk": {"maxRisk": 0.5, "maxDailyLoss": 2, "maxOpenTrades": 1},
}


class MarketForm(forms.Form):
    """What is traded."""

    name = forms.CharField(max_length=120, label="Name")
    symbol = forms.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9._#&+-]{0,31}$",
        label="Symbol",
        help_text="As your terminal writes it.",
        error_messages={"invalid": "Letters, digits and . _ # & + - only, 32 at most."},
        widget=forms.TextInput(attrs={"list": "symbols", "autocomplete": "off", "spellcheck": "false"}),
    )
    timeframe = forms.ChoiceField(choices=[(str(frame), str(frame)) for frame in Timeframe], label="Timeframe")
    description = forms.CharField(
        required=False,
        max_length=2000,
        label="Note",
        widget=forms.TextInput(),
        help_text="For people: why it should work.",
    )


@styled
class StrategyForm(MarketForm):
    """Market and rules. `text` is the same rule document as the fields; which of the two leads is said by `leads`."""

    entry_type = forms.ChoiceField(choices=ENTRIES, label="Open when", required=False)
    first_kind = forms.ChoiceField(choices=AVERAGES, required=False, label="First average")
    first_period = forms.CharField(required=False, max_length=8, label="First period")
    second_kind = forms.ChoiceField(choices=AVERAGES, required=False, label="Second average")
    second_period = forms.CharField(required=False, max_length=8, label="Second period")
    rsi_kind = forms.CharField(required=False, widget=forms.HiddenInput())
    rsi_period = forms.CharField(required=False, max_length=8, label="RSI period")
    oversold = forms.CharField(required=False, max_length=12, label="Oversold below")
    overbought = forms.CharField(required=False, max_length=12, label="Overbought above")
    direction = forms.ChoiceField(choices=DIRECTIONS, required=False, label="Side")
    ready_name = forms.ChoiceField(choices=READY, required=False, label="Strategy")
    trigger = forms.ChoiceField(choices=TRIGGERS, required=False, label="Signal")
    confirm = forms.ChoiceField(choices=CONFIRMATIONS, required=False, label="Only if confirmed by")
    confirm_threshold = forms.CharField(required=False, max_length=12, label="Volume at least")
    confirm_bars = forms.CharField(required=False, max_length=8, label="Mean of")
    confirm_maximum = forms.CharField(required=False, max_length=12, label="Spread at most")
    stop_loss = forms.CharField(required=False, max_length=12, label="Stop loss", help_text="Sent with the order.")
    take_profit = forms.CharField(required=False, max_length=12, label="Take profit")
    trailing = forms.BooleanField(required=False, label="Trail the stop behind the best price")
    trailing_distance = forms.CharField(required=False, max_length=12, label="Trailing distance")
    trailing_start = forms.CharField(
        required=False, max_length=12, label="Trail from a profit of", help_text="Empty: the distance."
    )
    break_at = forms.CharField(required=False, max_length=12, label="Stop to the entry after")
    break_offset = forms.CharField(required=False, max_length=12, label="and beyond it by")
    max_bars = forms.CharField(required=False, max_length=8, label="Close after bars")
    max_minutes = forms.CharField(required=False, max_length=8, label="Close after minutes")
    session_end = forms.BooleanField(required=False, label="Close when the hours or sessions below end")
    weekend_time = forms.CharField(required=False, max_length=5, label="Close on Friday at", help_text="HH:MM")
    weekend_zone = forms.CharField(
        required=False, max_length=64, label="In the zone of", widget=forms.TextInput(attrs={"list": "zones"})
    )
    on_opposite = forms.BooleanField(required=False, label="Also close on the opposite signal")
    max_risk = forms.CharField(required=False, max_length=12, label="Risk per trade")
    lot_size = forms.CharField(
        required=False, max_length=12, label="Lot size", help_text="The most where risk sizes the trade."
    )
    max_open_trades = forms.CharField(required=False, max_length=6, label="Open trades at most", help_text="Empty: 5.")
    max_daily_loss = forms.CharField(required=False, max_length=12, label="Stop for the day after")
    reward_ratio = forms.CharField(required=False, max_length=12, label="Target at least", help_text="As far as this.")
    from_time = forms.CharField(required=False, max_length=5, label="From")
    until_time = forms.CharField(required=False, max_length=5, label="Until")
    zone = forms.CharField(
        required=False, max_length=64, label="In the zone of", widget=forms.TextInput(attrs={"list": "zones"})
    )
    sessions = forms.MultipleChoiceField(
        choices=SESSION_CHOICES, required=False, label="Sessions", widget=forms.CheckboxSelectMultiple()
    )
    days = forms.MultipleChoiceField(choices=DAYS, required=False, label="Days", widget=forms.CheckboxSelectMultiple())
    text = forms.CharField(
        required=False,
        max_length=TEXT_LIMIT,
        label="Rule document",
        strip=False,
        widget=forms.Textarea(attrs={"class": "input code", "spellcheck": "false", "rows": 20}),
    )
    leads = forms.ChoiceField(
        choices=[("fields", "fields"), ("text", "text")], required=False, widget=forms.HiddenInput()
    )

    document: dict[str, Any] | None = None

    def __init__(self, data: Any = None, *, document: Any = None, **kwargs: Any) -> None:
        self.broken = ""
        if data is not None:
            document, self.broken = _read_document(data)
        self.shown = document if isinstance(document, dict) else {}
        self.trees = list_trees(self.shown)
        values = read_dynamic(self.shown)
        if data is not None:
            # Their values are those of the document, whichever side led.
            data = data.copy()
            for name, value in values.items():
                data[name] = value
        super().__init__(data, **kwargs)
        self.fields |= {**_unit_fields(), **make_dynamic(self.shown)}
        self.initial = {**self.initial, **values}

    def clean(self) -> dict[str, Any]:
        """Put each problem of the document at its field."""
        data = super().clean() or {}
        if self.broken:
            self.add_error("text", self.broken)
            return data
        document = _read_document(self.data)[0]
        frame = Timeframe(data["timeframe"]) if "timeframe" in data else None
        for problem in validate(document, frame):
            self._place(problem)
        self.document = document if isinstance(document, dict) else None
        return data

    def _place(self, problem: Problem) -> None:
        name = find_field(problem.path)
        if name not in self.fields:
            name = find_name(problem.path, self.fields)
        by_text = name not in self.fields or self.data.get("leads") == "text"
        self.add_error("text" if by_text else name, problem.message)


def _unit_fields() -> dict[str, forms.Field]:
    """Return, for every distance, the choice of its unit and the numbers some units need."""
    fields: dict[str, forms.Field] = {}
    labels = {"period": "ATR period", "bars": "Swing bars each side", "lookback": "Swing at most bars ago"}
    for name in (name for name in UNITS if name != "part"):
        fields[f"{name}_unit"] = unit_field(name, f"Unit of {name.replace('_', ' ')}")
        for extra in EXTRA_NUMBERS:
            fields[f"{name}_{extra}"] = forms.CharField(required=False, max_length=8, label=labels[extra])
    return fields


def _read_document(data: Any) -> tuple[Any, str]:
    """Return the document that leads, and why its text is none."""
    base, broken = parse_text(data.get("text") or "")
    if data.get("leads") == "text":
        return base, broken
    fields = {name: data.get(name) for name in data}
    lists = {name: data.getlist(name) for name in ("days", "sessions")}
    return build_document({**fields, **lists}, base if isinstance(base, dict) else None), ""


def parse_text(text: str) -> tuple[Any, str]:
    """
    Return the document in a text, and why it is none.

    >>> parse_text('{"a": 1,}')[1][:25]
    'Not JSON at line 1, colum'
    """
    if not text.strip():
        return {}, ""
    try:
        return json.loads(text, parse_constant=_refuse_constant), ""
    except json.JSONDecodeError as error:
        return None, f"Not JSON at line {error.lineno}, column {error.colno}: {error.msg}."
    except (ValueError, RecursionError) as error:
        return None, f"Not usable as JSON: {error}."


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def show_text(document: Any) -> str:
    """Return a document as people read it."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def describe_rules(document: Any) -> dict[str, Any]:
    """Return the plain sentence of a document that loads, what forbids activating it, and what the form cannot show."""
    try:
        sentence = explain(document)
        notes = find_activation_problems(document)
    except (TradingError, TypeError, KeyError, AttributeError):
        return {"sentence": "", "notes": [], "hidden": list_hidden(document)}
    return {"sentence": sentence, "notes": notes, "hidden": list_hidden(document)}


def write_document(data: Any, document: Mapping[str, Any]) -> None:
    """Write a document into posted data: every field of the form, and the text; afterwards the fields lead."""
    for name, value in read_fields(document).items():
        if isinstance(value, list):
            data.setlist(name, value)
        elif value is False:
            data.pop(name, None)
        else:
            data[name] = "on" if value is True else value
    for name in [name for name in data if name.startswith(DYNAMIC)]:
        del data[name]
    for name, value in read_dynamic(document).items():
        data[name] = value
    data["text"] = show_text(document)
    data["leads"] = "fields"


def describe_form(form: StrategyForm) -> dict[str, Any]:
    """Return what the template draws beside the form's own fields: trees, partial exits, parameters, distances with their units."""
    trees = {
        name: {"title": title, "tree": describe_tree(form, form.trees[name], name) if name in form.trees else None}
        for name, title in ((field_name(path), title) for path, title in TREE_TITLES.items())
    }
    names = [f"management-partialExits-{index}" for index in range(len(list_parts(form.shown)))]
    return {
        "entry_trees": {name: tree for name, tree in trees.items() if name.startswith("entry")},
        "exit_trees": {name: tree for name, tree in trees.items() if name.startswith("exit")},
        "parts": [
            {"at": name, "gain": form[f"{name}-at"], "unit": form[f"{name}-at_unit"], "share": form[f"{name}-fraction"]}
            for name in names
        ],
        "parameters": [form[name] for name in form.fields if name.startswith(PREFIX)],
        "distances": {name: _describe_distance(form, name) for name in UNITS if name != "part"},
    }


def _describe_distance(form: StrategyForm, name: str) -> dict[str, Any]:
    unit = form[f"{name}_unit"]
    extras = {"atr": ("period",), "swing": ("bars", "lookback")}.get(str(unit.value() or "pips"), ())
    return {"field": form[name], "unit": unit, "extras": [form[f"{name}_{extra}"] for extra in extras]}


def open_form(document: Any, market: dict[str, Any]) -> StrategyForm:
    """Return the form filled with a document."""
    initial = {**market, **read_fields(document), "text": show_text(document), "leads": "fields"}
    return StrategyForm(document=document, initial=initial)
