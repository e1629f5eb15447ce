"""What a study shall look at. Empty fields have the defaults that their help states."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from apps.backtests.models import Run
from apps.backtests.planning import is_sized_by_risk
from apps.dashboard.forms.fields import styled
from trading.risk.presets import presets


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
        self.fields["pack"].choices = list_packs()  # type: ignore[attr-defined]

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings that were written."""
        return written(self.cleaned_data)


def list_packs() -> list[tuple[str, str]]:
    """Return the packs a challenge can be simulated by, with their names."""
    return [(pack.pack_id, f"{pack.firm}, {pack.program}") for pack in presets().values() if not pack.gaps]


def written(data: dict[str, Any]) -> dict[str, Any]:
    """Return what was filled in, as a study's settings."""
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else value
        for name, value in data.items()
        if value is not None and value != ""
    }
