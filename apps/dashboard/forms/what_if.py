"""The form of a what-if: which days, which limits. What is left empty stays as it is in force."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms

from apps.accounts.models import RulePackVersion
from apps.dashboard.forms.fields import styled
from apps.dashboard.forms.limits import PERCENTS, PercentField
from apps.dashboard.forms.packs import SEPARATOR, name_phases

HUNDRED = Decimal(100)


def _day(label: str) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))


@styled
class WhatIfForm(forms.Form):
    """Trading days, a firm's program or the limits in force, and single limits that are different."""

    first = _day("From trading day")
    last = _day("To trading day")
    program = forms.ChoiceField(label="Rules to start from", required=False)
    daily_loss = PercentField("Daily loss at most", required=False)
    total_drawdown = PercentField("Total drawdown at most", required=False)
    risk_per_trade = PercentField("Risk of one trade at most", required=False)
    daily_risk = PercentField("Approved in a day at most", required=False)
    max_open_positions = forms.IntegerField(min_value=0, max_value=1000, required=False, label="Open positions at most")

    def __init__(self, *args: Any, versions: Iterable[RulePackVersion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "The limits in force"), *(name_phases(version) for version in versions)]
        for name in (*PERCENTS, "max_open_positions"):
            self.fields[name].widget.attrs["placeholder"] = "as it is"
        self.fields["program"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        first, last = given.get("first"), given.get("last")
        if isinstance(first, dt.date) and isinstance(last, dt.date) and last < first:
            self.add_error("last", "The period ends before it begins.")
        return given

    @property
    def changes(self) -> dict[str, Any]:
        """Return the limits that were named, as the document has them."""
        given = self.cleaned_data
        found: dict[str, Any] = {
            name: str(given[field] / HUNDRED) for field, name in PERCENTS.items() if given.get(field) is not None
        }
        if given.get("max_open_positions") is not None:
            found["max_open_positions"] = given["max_open_positions"]
        return found

    @property
    def words(self) -> str:
        """Return what is asked, for people."""
        named = dict(self.fields["program"].choices)[self.cleaned_data["program"]]  # type: ignore[attr-defined]
        said = [
            f"{self.fields[name].label} {self.cleaned_data[name]}{' %' if name in PERCENTS else ''}"
            for name in self.cleaned_data
            if self._is_changed(name)
        ]
        return "; ".join([str(named), *said])

    def _is_changed(self, name: str) -> bool:
        return name not in ("first", "last", "program") and self.cleaned_data[name] is not None

    @property
    def wanted(self) -> tuple[str, str]:
        """Return the code of the pack and the phase; nothing for the limits in force."""
        code, _, phase = self.cleaned_data["program"].partition(SEPARATOR)
        return code, phase
