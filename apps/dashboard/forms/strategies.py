"""The form of a strategy: its market and its rules, as fields and as text."""

from __future__ import annotations

import json
from typing import Any

from django import forms

from apps.dashboard.forms.fields import styled
from apps.dashboard.forms.rule_fields import build_document, find_field, list_hidden, read_fields
from trading.errors import TradingError
from trading.model.timeframe import Timeframe
from trading.rules.document import explain, find_activation_problems, validate
from trading.rules.fields import Problem

AVERAGES = [("EMA", "EMA"), ("SMA", "SMA")]
ENTRIES = [
    ("indicator_cross", "One moving average crosses another"),
    ("rsi_threshold", "The RSI comes back from an extreme"),
]
DIRECTIONS = [("above", "long only"), ("below", "short only"), ("both", "long and short")]
DAYS = [("1", "Mon"), ("2", "Tue"), ("3", "Wed"), ("4", "Thu"), ("5", "Fri"), ("6", "Sat"), ("7", "Sun")]
ZONES = ["UTC", "Europe/London", "Europe/Berlin", "Europe/Prague", "America/New_York", "Asia/Tokyo"]
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
    stop_loss = forms.CharField(required=False, max_length=12, label="Stop loss", help_text="Sent with the order.")
    take_profit = forms.CharField(required=False, max_length=12, label="Take profit")
    trailing = forms.BooleanField(required=False, label="Trail the stop behind the best price")
    trailing_distance = forms.CharField(required=False, max_length=12, label="Trailing distance")
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

    def clean(self) -> dict[str, Any]:
        """Build the document from what leads, and put each of its problems at its field."""
        data = super().clean() or {}
        base, broken = parse_text(data.get("text") or "")
        if data.get("leads") == "text":
            if broken:
                self.add_error("text", broken)
                return data
            document = base
        else:
            document = build_document(data, base if isinstance(base, dict) else None)
        for problem in validate(document):
            self._place(problem)
        self.document = document if isinstance(document, dict) else None
        return data

    def _place(self, problem: Problem) -> None:
        name = find_field(problem.path)
        self.add_error(name if name in self.fields and self.data.get("leads") != "text" else "text", problem.message)


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


def open_form(document: Any, market: dict[str, Any]) -> StrategyForm:
    """Return the form filled with a document."""
    return StrategyForm(initial={**market, **read_fields(document), "text": show_text(document), "leads": "fields"})
