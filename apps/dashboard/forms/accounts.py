"""Forms of accounts: a new one, its settings, its halt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms

from apps.accounts.models import AccountMode, ConnectionLossPolicy, MarginMode, UnapprovedPolicy
from apps.dashboard.forms.fields import styled
from apps.dashboard.forms.fleet import handle

LOSS_CHOICES = [
    (ConnectionLossPolicy.HOLD, "Keep open positions; their stops stay at the broker"),
    (ConnectionLossPolicy.FLATTEN, "Close everything"),
]


UNAPPROVED_CHOICES = [
    (UnapprovedPolicy.ALERT, "Tell people; leave it open"),
    (UnapprovedPolicy.CLOSE, "Close it, and tell people"),
]


def check_zone(text: str) -> str:
    """
    Return a zone the trading day can follow.

    :raises forms.ValidationError: for any other text.
    """
    if text == "SERVER_NY+7" or text in available_timezones():
        return text
    raise forms.ValidationError("Write an IANA zone like Europe/Prague, or SERVER_NY+7.")


Parts = tuple[tuple[str, str, tuple[str, ...]], ...]  # title, hint and fields of each

# Field of the form -> unit beside it, and how wide it is.
UNITS = {"leverage": ": 1", "connection_loss_after_s": "s", "request_budget": "requests"}
WIDE = ("connection_loss", "unapproved")
LOSS = (
    "When the connection is lost",
    "what the agent does by itself, when it cannot reach this platform",
    ("connection_loss", "connection_loss_after_s"),
)
ORDERLY = (
    "What else reaches the account",
    "positions of other people, and how often is asked",
    ("unapproved", "request_budget"),
)
DAY = ("Its day", "daily limits count from here", ("zone", "reset_time"))


@dataclass(frozen=True, slots=True)
class Part:
    """Fields that belong together: `(bound field, unit, span)` of each."""

    title: str
    hint: str
    fields: list[tuple[forms.BoundField, str, str]]


@styled
class AccountSettingsForm(forms.Form):
    """What may change later."""

    PARTS: ClassVar[Parts] = (("Account", "", ("name", "leverage")), DAY, LOSS, ORDERLY)

    name = forms.CharField(max_length=120, label="Name")
    zone = forms.CharField(
        max_length=64, label="Zone of its day", help_text="An IANA zone like Europe/Prague, or SERVER_NY+7."
    )
    reset_time = forms.TimeField(
        label="Its day begins at",
        input_formats=["%H:%M"],
        widget=forms.TimeInput(format="%H:%M", attrs={"placeholder": "00:00"}),
        help_text="By that zone’s clock: 00:00, or a firm’s own hour such as 17:00.",
    )
    leverage = forms.IntegerField(min_value=1, max_value=5000, label="Leverage")
    connection_loss = forms.ChoiceField(
        choices=LOSS_CHOICES, label="When the connection is lost", help_text="No new trade either way."
    )
    connection_loss_after_s = forms.IntegerField(
        min_value=0,
        max_value=3600,
        required=False,
        initial=30,
        label="Close after",
        help_text="Only where everything is closed. Counted from the end of the agent’s lease (15 s); at once where the account’s day ends within ten minutes.",
    )
    unapproved = forms.ChoiceField(
        choices=UNAPPROVED_CHOICES,
        label="A position that nobody asked approval for",
        help_text="A person’s own trades at the terminal are such positions too. For those first seen from now on.",
    )
    request_budget = forms.IntegerField(
        min_value=0,
        max_value=1_000_000,
        required=False,
        label="Trade requests a day",
        help_text="A fifth is kept for closing and stops. 0: no limit. Empty: 2,000, none on paper.",
    )

    @property
    def parts(self) -> Iterator[Part]:
        """Yield the fields as the page shows them."""
        for title, hint, names in self.PARTS:
            rows = [(self[name], UNITS.get(name, ""), "whole" if name in WIDE else "") for name in names]
            yield Part(title, hint, rows)

    def clean_zone(self) -> str:
        return check_zone(self.cleaned_data["zone"].strip())

    def clean(self) -> dict[str, Any]:
        """Leave out what was left empty: it stays as it is."""
        data = super().clean() or {}
        return {name: value for name, value in data.items() if value is not None}


@styled
class AccountForm(AccountSettingsForm):
    """An account as its broker knows it."""

    PARTS: ClassVar[Parts] = (
        ("Account", "as its broker knows it", ("name", "code", "mode", "server", "login", "currency", "initial_balance", "leverage", "margin_mode")),
        DAY, LOSS, ORDERLY,
    )  # fmt: skip

    code = forms.CharField(max_length=64, label="Code", validators=[handle], help_text="For addresses.")
    mode = forms.ChoiceField(choices=AccountMode.choices, label="Kind", help_text="Sets the limits it starts with.")
    server = forms.CharField(max_length=120, label="Broker’s server")
    login = forms.IntegerField(min_value=1, max_value=2**63 - 1, label="Login")
    currency = forms.RegexField(r"^[A-Z]{3,8}$", label="Currency", help_text="Like USD.")
    initial_balance = forms.DecimalField(
        min_value=Decimal("0.01"), max_value=Decimal(10**12), max_digits=20, decimal_places=2, label="Initial balance"
    )
    margin_mode = forms.ChoiceField(choices=MarginMode.choices, label="Margin")
    field_order = ("name", "code", "mode", "server", "login", "currency", "initial_balance", "margin_mode")


@styled
class LiftForm(forms.Form):
    """Lifting a halt asks for the password again."""

    password = forms.CharField(
        label="Your password",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Asked again because this lets trading start.",
    )
