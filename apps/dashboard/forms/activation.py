"""What to activate where, with what overrides."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms

from apps.dashboard.forms.fields import styled
from apps.executors.models import Executor

# field -> (setting, label, unit)
OVERRIDES = {
    "lot_size": ("lotSize", "Lot size", "lots"),
    "max_risk": ("maxRisk", "Risk per trade", "% of balance"),
    "max_open_trades": ("maxOpenTrades", "Open trades at most", "trades"),
    "max_daily_loss": ("maxDailyLoss", "Stop for the day after", "% lost"),
}


@styled
class ActivationForm(forms.Form):
    """Executors and overrides; whether they fit is the service's to say."""

    everyone = forms.BooleanField(required=False, label="All online")
    executors = forms.MultipleChoiceField(choices=[], required=False, widget=forms.CheckboxSelectMultiple())
    lot_size = forms.CharField(required=False, max_length=12, label="Lot size")
    max_risk = forms.CharField(required=False, max_length=12, label="Risk per trade")
    max_open_trades = forms.CharField(required=False, max_length=6, label="Open trades at most")
    max_daily_loss = forms.CharField(required=False, max_length=12, label="Stop for the day after")

    def __init__(self, *args: Any, executors: list[Executor], rules: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["executors"].choices = [(each.code, each.name) for each in executors]  # type: ignore[attr-defined]
        risk = rules.get("risk", {})
        for name, (setting, _, _) in OVERRIDES.items():
            value = risk.get(setting)
            self.fields[name].widget.attrs["placeholder"] = "" if value is None else str(value)
            self.fields[name].help_text = (
                "Empty: as the rules say." if value is None else f"At most {value}, as the rules say."
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for name in OVERRIDES:
            text = str(data.get(name) or "").strip().replace(",", ".")
            try:
                data[name] = self._read(name, text) if text else None
            except InvalidOperation:
                self.add_error(name, f"Write a number, not “{text}”.")
        if not data.get("everyone") and not data.get("executors"):
            self.add_error("executors", "Choose at least one executor, or all that are online.")
        return data

    @staticmethod
    def _read(name: str, text: str) -> int | float:
        number = Decimal(text)
        if not number.is_finite():
            raise InvalidOperation
        return int(number) if number == number.to_integral_value() else float(number)

    @property
    def overrides(self) -> dict[str, Any]:
        """Return the settings that were written."""
        data = self.cleaned_data
        return {setting: data[name] for name, (setting, _, _) in OVERRIDES.items() if data.get(name) is not None}

    @property
    def references(self) -> list[str]:
        return ["all"] if self.cleaned_data.get("everyone") else list(self.cleaned_data["executors"])


def field_of(path: str | None) -> str | None:
    """
    Return the form's field a refusal is about.

    >>> field_of("overrides.lotSize"), field_of("executors"), field_of("rules.exit.stopLoss")
    ('lot_size', 'executors', None)
    """
    if path == "executors":
        return path
    settings = {setting: name for name, (setting, _, _) in OVERRIDES.items()}
    return settings.get((path or "").removeprefix("overrides."))
