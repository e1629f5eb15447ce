"""The forms of datasets: a file, how it is to be read, bars of a terminal, candles of an exchange."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms

from apps.accounts.models import Account
from apps.dashboard.forms.fields import styled
from apps.dashboard.forms.fleet import AccountChoice
from trading.data.examine import Policy
from trading.data.layout import COLUMNS, TimeForm
from trading.model.timeframe import Timeframe

_ZONES = (
    "UTC", "SERVER_NY+7", "America/New_York", "-05:00", "Europe/London", "Europe/Berlin", "Europe/Athens", "+02:00", "+03:00",
)  # fmt: skip
_POLICIES = (
    (Policy.REFUSE, "Refuse the file where it has a fault"),
    (Policy.KEEP_FIRST, "Sort by time, and keep the first of several bars at one time"),
    (Policy.DROP_IMPOSSIBLE, "That, and leave out what is no bar, up to 1 % of the rows"),
)
_TIME_FORMS = (
    ("", "As found"),
    (TimeForm.YEAR_FIRST, "2026-06-24 14:54"),
    (TimeForm.DAY_FIRST, "24.06.2026 14:54 (day first)"),
    (TimeForm.MONTH_FIRST, "06/24/2026 14:54 (month first)"),
    (TimeForm.EPOCH_S, "Seconds since 1970"),
    (TimeForm.EPOCH_MS, "Milliseconds since 1970"),
)
_FRAMES = [(str(frame), str(frame)) for frame in Timeframe]
_SYMBOL_HELP = "As your broker writes it: EURUSD."


class UploadInput(forms.ClearableFileInput):
    """A file field that offers what can be read."""

    def __init__(self) -> None:
        super().__init__(attrs={"accept": ".csv,.txt,.tsv,.parquet,text/csv,text/plain"})


@styled
class UploadForm(forms.Form):
    file = forms.FileField(
        label="File of bars", widget=UploadInput, allow_empty_file=True,
        help_text="CSV or text of any common vendor, MetaTrader 5's export as it is, or Parquet. Up to 128 MB.",
    )  # fmt: skip


@styled
class ReadingForm(forms.Form):
    symbol = forms.CharField(max_length=32, label="Symbol", help_text=_SYMBOL_HELP)
    name = forms.CharField(max_length=120, label="Name", required=False, help_text="Left empty, one is made.")
    zone = forms.CharField(
        max_length=64, label="Clock of the file", initial="UTC",
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}),
        help_text="The zone its times are written in. MetaTrader servers mostly: SERVER_NY+7. Not asked where times carry an offset.",
    )  # fmt: skip
    policy = forms.ChoiceField(choices=_POLICIES, label="Where it has faults", initial=Policy.REFUSE)
    time_form = forms.ChoiceField(choices=_TIME_FORMS, label="Form of its times", required=False)

    def __init__(self, *args: Any, header: list[str], width: int, **kwargs: Any) -> None:
        """Build the form with a choice of the file's columns for each thing a bar has; none where the file names its own."""
        super().__init__(*args, **kwargs)
        names = [
            (str(place), f"{place + 1}: {header[place] if place < len(header) else 'column'}") for place in range(width)
        ]
        for name in (*COLUMNS, "clock") if width else ():
            label = "Time of day (if apart)" if name == "clock" else f"Column of {name}"
            self.fields[f"column_{name}"] = forms.ChoiceField(
                choices=[("", "As found"), *names],
                label=label,
                required=False,
                widget=forms.Select(attrs={"class": "input"}),
            )

    @property
    def zones(self) -> tuple[str, ...]:
        return _ZONES

    @property
    def columns(self) -> list[Any]:
        """The choices of columns, bound."""
        return [self[name] for name in self.fields if name.startswith("column_")]

    def as_answers(self) -> dict[str, Any]:
        """Return what `confirm_upload` takes."""
        data = self.cleaned_data
        columns = {
            name.removeprefix("column_"): int(value)
            for name, value in data.items()
            if name.startswith("column_") and value
        }
        layout: dict[str, Any] = {"columns": columns} if columns else {}
        if data["time_form"]:
            layout["time_form"] = data["time_form"]
        return {**{name: data[name] for name in ("symbol", "name", "zone", "policy")}, "layout": layout}


@styled
class TerminalForm(forms.Form):
    account = AccountChoice(queryset=Account.objects.none(), label="Account")
    symbol = forms.CharField(max_length=32, label="Symbol", help_text=_SYMBOL_HELP)
    timeframe = forms.ChoiceField(choices=_FRAMES, label="Timeframe", initial="M5")

    def __init__(self, *args: Any, accounts: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account"].queryset = accounts  # type: ignore[attr-defined]


@styled
class ExchangeForm(forms.Form):
    exchange = forms.RegexField(r"^[a-z0-9]{2,30}$", label="Exchange", help_text="As ccxt names it: kraken, binance.")
    symbol = forms.CharField(max_length=32, label="Symbol", help_text="As ccxt writes it: BTC/USD.")
    timeframe = forms.ChoiceField(choices=_FRAMES, label="Timeframe", initial="H1")
    start = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}), help_text="Midnight, UTC.")
    end = forms.DateField(label="Until", widget=forms.DateInput(attrs={"type": "date"}), help_text="Not included.")

    def as_answers(self) -> dict[str, Any]:
        """Return what `ask_from_exchange` takes."""
        data = dict(self.cleaned_data)
        for name in ("start", "end"):
            data[name] = datetime.combine(data[name], datetime.min.time(), UTC)
        return data


@styled
class NameForm(forms.Form):
    name = forms.CharField(max_length=120, label="Name")
