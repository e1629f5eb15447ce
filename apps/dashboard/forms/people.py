"""Forms of teams, members, invitations and keys."""

from __future__ import annotations

import ipaddress
from typing import Any

from django import forms

from apps.accounts.models import Account
from apps.dashboard.forms.fields import styled
from apps.teams.models import Role


@styled
class TeamForm(forms.Form):
    name = forms.CharField(max_length=120, min_length=2, label="Name of the team")


@styled
class InvitationForm(forms.Form):
    email = forms.EmailField(label="E-mail", max_length=254)
    role = forms.ChoiceField(
        choices=Role.choices, initial=Role.VIEWER, label="Role",
        help_text="Viewers look, traders start and stop, owners manage accounts, machines, keys and people.",
    )  # fmt: skip


@styled
class KeyForm(forms.Form):
    name = forms.CharField(max_length=120, label="Name", help_text="What it is for.")
    scopes = forms.MultipleChoiceField(
        choices=[], label="What it may do", widget=forms.CheckboxSelectMultiple(), initial=[]
    )
    account = forms.ModelChoiceField(
        queryset=Account.objects.none(), required=False, label="Only this account", empty_label="All accounts"
    )
    days = forms.IntegerField(
        required=False, min_value=1, max_value=3650, label="Ends after", help_text="Empty: never."
    )
    allowed_ips = forms.CharField(
        required=False, max_length=500, label="Only from", help_text="Addresses or networks, with commas between."
    )

    def __init__(self, *args: Any, scopes: list[str], accounts: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scopes"].choices = [(scope, scope) for scope in scopes]  # type: ignore[attr-defined]
        self.fields["account"].queryset = accounts  # type: ignore[attr-defined]

    def clean_allowed_ips(self) -> list[str]:
        parts = [part.strip() for part in self.cleaned_data["allowed_ips"].split(",") if part.strip()]
        for part in parts:
            try:
                ipaddress.ip_network(part, strict=False)
            except ValueError:
                raise forms.ValidationError(f"{part} is no address or network.") from None
        return parts
