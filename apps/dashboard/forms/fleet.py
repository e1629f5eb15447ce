"""The form of a new executor."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import RegexValidator

from apps.accounts.models import Account
from apps.common.ids import HANDLE
from apps.dashboard.forms.fields import styled

handle = RegexValidator(HANDLE, "2 to 64 small letters, digits, _ or -, starting with a letter or digit.")


class AccountChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """An account by its name and login."""

    def label_from_instance(self, obj: Account) -> str:
        return f"{obj.name} ({obj.login} on {obj.server})"


@styled
class ExecutorForm(forms.Form):
    name = forms.CharField(max_length=120, label="Name", help_text="As people call the machine: LDN-VPS-1.")
    code = forms.CharField(
        max_length=64, label="Code", validators=[handle], help_text="For addresses: small letters, digits, - and _."
    )
    account = AccountChoice(
        queryset=Account.objects.none(), label="Account", help_text="The account its terminal is logged into."
    )

    def __init__(self, *args: Any, accounts: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account"].queryset = accounts  # type: ignore[attr-defined]
