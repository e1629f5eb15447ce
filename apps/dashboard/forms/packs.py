"""Forms of an account's rule pack: which one, and the confirmation of what it changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from apps.accounts.models import RulePackVersion
from apps.dashboard.forms.fields import styled
from trading.risk.pack_document import parse_pack

SEPARATOR = "|"


@styled
class ChoosePackForm(forms.Form):
    """A program and the phase the account is in."""

    program = forms.ChoiceField(label="Program and phase", help_text="The firm’s, and the step this account is at.")

    def __init__(self, *args: Any, versions: Iterable[RulePackVersion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["program"].choices = [name_phases(version) for version in versions]  # type: ignore[attr-defined]

    @property
    def wanted(self) -> tuple[str, str]:
        """Return the code of the pack and the name of the phase."""
        code, _, phase = self.cleaned_data["program"].partition(SEPARATOR)
        return code, phase


@styled
class ConfirmPackForm(forms.Form):
    """What was looked at; the password is asked where the change allows more than before, or moves the day."""

    number = forms.IntegerField(min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)
    version = forms.IntegerField(min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)
    password = forms.CharField(
        required=False,
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Asked again because this allows what was not allowed before, or moves the trading day.",
    )


@styled
class LeavePackForm(forms.Form):
    """Leaving a firm’s rules asks for the password."""

    number = forms.IntegerField(min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)
    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Asked again because the firm’s limits will no longer hold.",
    )


def name_phases(version: RulePackVersion) -> tuple[str, list[tuple[str, str]]]:
    """Return a program's name and its phases as choices."""
    code = version.pack.code
    own = " (your copy)" if version.pack.team_id else ""
    phases = [phase.name for phase in parse_pack(version.document).phases]
    name = f"{version.firm}, {version.program}{own}"
    return name, [(f"{code}{SEPARATOR}{phase}", f"{name}: {phase}") for phase in phases]
