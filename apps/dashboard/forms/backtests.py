"""What shall be tested on which bars, at what costs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from django import forms

from apps.dashboard.forms.fields import styled


@styled
class BacktestForm(forms.Form):
    """Bars, period, costs and balance; everything but the bars may stay empty."""

    bars = forms.ChoiceField(label="Bars")
    since = forms.DateField(required=False, label="From", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput(attrs={"type": "date"}))
    spread_pips = forms.DecimalField(required=False, min_value=0, max_value=10_000, label="Spread", help_text="Empty: as the bars recorded it.")  # fmt: skip
    commission_per_lot = forms.DecimalField(required=False, min_value=0, max_value=10_000, label="Commission", help_text="Per lot and side. Empty: as the broker says.")  # fmt: skip
    slippage_ticks = forms.IntegerField(required=False, min_value=0, max_value=10_000, label="Slippage", help_text="Market orders and stops fill this much worse.")  # fmt: skip
    balance = forms.DecimalField(required=False, min_value=1, max_value=10**12, label="Balance", help_text="Empty: the account’s, or 10,000.")  # fmt: skip
    trailing_stop = forms.DecimalField(required=False, min_value=0, max_value=100, decimal_places=4, label="Trailing stop", help_text="Where the strategy names none. Empty: as the account’s limits say; 0: none.")  # fmt: skip
    pessimistic = forms.BooleanField(required=False, label="Stop before target where a bar reaches both")

    def __init__(
        self,
        *args: Any,
        choices: list[tuple[str, str]],
        beside: Sequence[tuple[str, Sequence[tuple[str, str]]]] = (),
        **kwargs: Any,
    ) -> None:
        """
        :param choices: `(value, words)` of the bars there are.
        :param beside: each other symbol the strategy looks at, with `(id, words)` of the datasets of it.
        """
        super().__init__(*args, **kwargs)
        self.fields["bars"].choices = choices  # type: ignore[attr-defined]
        self.symbols = [symbol for symbol, _ in beside]
        for number, (symbol, datasets) in enumerate(beside):
            self.fields[f"beside_{number}"] = forms.ChoiceField(
                required=False,
                label=f"Bars of {symbol}",
                choices=[("", "What fits the bars above best"), *datasets],
                help_text="The strategy looks at this symbol too.",
            )

    @property
    def beside(self) -> list[forms.BoundField]:
        """Return the fields for bars of other symbols."""
        return [self[f"beside_{number}"] for number in range(len(self.symbols))]

    @property
    def others(self) -> dict[str, str]:
        """Return the datasets chosen for other symbols, by symbol."""
        chosen = ((symbol, self.cleaned_data.get(f"beside_{number}")) for number, symbol in enumerate(self.symbols))
        return {symbol: str(value) for symbol, value in chosen if value}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("since") and data.get("until") and data["since"] >= data["until"]:
            self.add_error("until", "This must be after the first day.")
        return data

    @property
    def costs(self) -> dict[str, Any]:
        """Return the costs that were written."""
        names = ("spread_pips", "commission_per_lot", "slippage_ticks")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name) is not None}

    @property
    def trailing_stop_fraction(self) -> Decimal | None:
        """Return the trailing stop that was written, as a fraction of the entry price."""
        percent = self.cleaned_data.get("trailing_stop")
        return None if percent is None else percent / 100

    @property
    def period(self) -> dict[str, datetime | None]:
        """Return the period asked for, in UTC; the last day is a whole one."""
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        return {
            "starts_at": datetime.combine(since, time.min, UTC) if since else None,
            "ends_at": datetime.combine(until, time(23, 59, 59), UTC) if until else None,
        }
