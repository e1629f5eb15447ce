"""Forms of accounts: a new one, its settings, its halt."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from django import forms

from apps.accounts.models import AccountMode, ConnectionLossPolicy, MarginMode, UnapprovedPolicy
from apps.dashboard.forms.fields import styled
from apps.dashboard.forms.fleet import handle
from trading.risk.limits import Limits

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


@styled
class AccountSettingsForm(forms.Form):
    """What may change later."""

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
    unapproved = forms.ChoiceField(
        choices=UNAPPROVED_CHOICES,
        label="A position that nobody asked approval for",
        help_text="A person’s own trades at the terminal are such positions too. For those first seen from now on.",
    )

    connection_loss_after_s = forms.IntegerField(
        min_value=0,
        max_value=3600,
        required=False,
        initial=30,
        label="Close after (seconds)",
        help_text="Counted from the end of the agent’s lease (15 s); at once where the account’s day ends within ten minutes.",
    )
    request_budget = forms.IntegerField(
        min_value=0,
        max_value=1_000_000,
        required=False,
        label="Trade requests a day",
        help_text="A fifth is kept for closing and stops. 0: no limit. Empty: 2,000, none on paper.",
    )

    def clean_zone(self) -> str:
        return check_zone(self.cleaned_data["zone"].strip())

    def clean(self) -> dict[str, Any]:
        """Leave out what was left empty: it stays as it is."""
        data = super().clean() or {}
        return {name: value for name, value in data.items() if value is not None}


@styled
class AccountForm(AccountSettingsForm):
    """An account as its broker knows it."""

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


# field of the form -> name in the limit document; percent in the form, a fraction in the document
PERCENTS = {
    "daily_loss": "daily_loss_fraction",
    "total_drawdown": "total_drawdown_fraction",
    "risk_per_trade": "max_risk_per_trade_fraction",
    "daily_risk": "max_daily_risk_fraction",
}


COUNTS = ("max_open_positions", "max_consecutive_losses", "max_order_errors_per_hour", "max_slippages_per_day")


class CountField(forms.IntegerField):
    """A whole number; empty where there is no such limit."""

    def __init__(self, label: str, help_text: str, *, least: int = 1) -> None:
        empty = f"{help_text} Empty: no limit.".strip()
        super().__init__(label=label, help_text=empty, required=False, min_value=least, max_value=1000)


class PercentField(forms.DecimalField):
    """A share in percent, above 0 and up to 100."""

    def __init__(self, label: str, help_text: str = "", *, required: bool = True) -> None:
        super().__init__(
            label=label,
            help_text=help_text,
            required=required,
            min_value=Decimal("0.0001"),
            max_value=Decimal(100),
            max_digits=8,
            decimal_places=4,
        )


@styled
class LimitsForm(forms.Form):
    """The limits people change; everything else of the document stays as it is."""

    daily_loss = PercentField("Daily loss at most")
    total_drawdown = PercentField("Total drawdown at most")
    risk_per_trade = PercentField("Risk of one trade at most")
    daily_risk = PercentField("Risk approved in a day at most", "Empty: no limit.", required=False)
    max_open_positions = CountField("Open positions at most", "", least=0)
    max_consecutive_losses = CountField("Losing trades in a row", "Then a bot waits for the next day.")
    max_order_errors_per_hour = CountField("Rejected orders in an hour", "Then a bot waits for the next day.")
    max_slippages_per_day = CountField("Slipped fills in a day", "Then a bot goes into quarantine.")
    password = forms.CharField(
        required=False,
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Only where a limit allows more than before.",
    )

    @staticmethod
    def read_document(limits: Limits) -> dict[str, object]:
        """Return the form's first values."""
        shares = {name: getattr(limits, field) for name, field in PERCENTS.items()}
        shown = {name: None if share is None else (share * 100).normalize() for name, share in shares.items()}
        return {
            **{name: None if share is None else f"{share:f}" for name, share in shown.items()},
            **{name: getattr(limits, name) for name in COUNTS},
        }

    def as_document(self) -> dict[str, object]:
        """Return the part of a limit document that the form says."""
        data = self.cleaned_data
        shares = {field: None if data[name] is None else f"{data[name] / 100:f}" for name, field in PERCENTS.items()}
        return {**shares, **{name: data[name] for name in COUNTS}}


@styled
class LiftForm(forms.Form):
    """Lifting a halt asks for the password again."""

    password = forms.CharField(
        label="Your password",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Asked again because this lets trading start.",
    )
