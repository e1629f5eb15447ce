"""All limits of an account as one form: percent where people say percent; what is not sent stays as it is in force."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms

from apps.dashboard.forms.fields import styled
from apps.dashboard.selectors.limit_words import CHECK_WORDS
from trading.risk.limits import LIMIT_CHECKS, Limits

# field of the form -> name in the limit document; percent in the form, a fraction in the document
PERCENTS = {
    "daily_loss": "daily_loss_fraction",
    "total_drawdown": "total_drawdown_fraction",
    "risk_per_trade": "max_risk_per_trade_fraction",
    "daily_risk": "max_daily_risk_fraction",
}
HUNDRED = Decimal(100)
MODE = "mode_"
YES_NO = [("yes", "Yes"), ("no", "No")]
MODES = [("ENFORCE", "Enforce"), ("SHADOW", "Only watch"), ("OFF", "Off")]
NO_LIMIT = "no limit"  # what an empty field says of itself


class CountField(forms.IntegerField):
    """A whole number; empty where there is no such limit."""

    def __init__(self, label: str, help_text: str = "", *, least: int = 1, most: int = 1000) -> None:
        super().__init__(label=label, help_text=help_text, required=False, min_value=least, max_value=most)
        self.widget.attrs["placeholder"] = NO_LIMIT


class PercentField(forms.DecimalField):
    """A share in percent, above 0 and up to 100."""

    def __init__(self, label: str, help_text: str = "", *, required: bool = True) -> None:
        super().__init__(
            label=label,
            help_text=help_text,
            required=required,
            min_value=Decimal("0.0001"),
            max_value=Decimal(100),
            max_digits=9,
            decimal_places=6,
        )


class MaybePercentField(PercentField):
    """A share in percent, empty where there is no such limit, or where it means what `empty` says."""

    def __init__(self, label: str, help_text: str = "", *, empty: str = NO_LIMIT) -> None:
        super().__init__(label, help_text, required=False)
        self.widget.attrs["placeholder"] = empty


class SecondsField(forms.IntegerField):
    """Seconds, up to a day."""

    def __init__(self, label: str, help_text: str = "", *, required: bool = True) -> None:
        super().__init__(label=label, help_text=help_text, required=required, min_value=0, max_value=86_400)
        if not required:
            self.widget.attrs["placeholder"] = NO_LIMIT


class YesNoField(forms.ChoiceField):
    """Yes or no, chosen: what is not sent is not a no."""

    def __init__(self, label: str, help_text: str = "") -> None:
        super().__init__(label=label, help_text=help_text, choices=YES_NO)


@dataclass(frozen=True, slots=True)
class Group:
    """Limits that belong together: `(bound field, unit)` of each."""

    key: str
    title: str
    hint: str
    fields: list[tuple[forms.BoundField, str]]


DAY_BASES = [
    ("BALANCE", "The day’s first balance"),
    ("EQUITY", "The day’s first equity"),
    ("HIGHER", "The higher of both"),
]
SHARES_OF = [("INITIAL", "The initial balance"), ("REFERENCE", "What the day starts from")]
KINDS = [("HARD", "The account is lost"), ("PAUSE", "No trade until the next day")]
FLOORS = [
    ("STATIC", "Stands still"),
    ("TRAILING_EOD", "Follows the highest balance at a day’s end"),
    ("TRAILING_CLOSED", "Follows the highest closed balance"),
    ("TRAILING_INTRADAY", "Follows the highest equity"),
]
LAYOUT = (
    ("day", "Loss of a day", "what may be lost until the day turns", "daily_loss daily_fraction_of daily_base daily_kind reset_guard_s"),
    ("total", "Total drawdown", "what may be lost at all", "total_drawdown drawdown_mode drawdown_locks_at_initial"),
    ("reserve", "Held back", "of every limit above", "halted_fraction active_capital_ratio"),
    ("trade", "One trade", "what a single trade may risk", "risk_per_trade room_share slippage_points max_slippage_ratio"),
    ("stop", "Its stop and margin", "how far the stop lies away, what a position binds", "max_stop_fraction trailing_stop_fraction spread_fraction max_position_fraction"),
    ("open", "Everything open", "what all trades together may risk", "daily_risk max_open_risk_fraction max_open_positions unprotected_move_fraction"),
    ("alike", "Trades that are alike", "symbols that lose at the same time", "max_cluster_risk_fraction max_currency_risk_fraction max_correlation forbid_opposite_positions"),
    ("times", "Times", "when nothing new is opened", "news_before_s news_after_s weekend_holding flat_by flat_guard_s"),
    ("goals", "A firm’s goals", "how the profit is to be made", "consistency_fraction profit_target_fraction min_trading_days"),
    ("bots", "Bots", "what stops a single bot", "max_consecutive_losses max_order_errors_per_hour max_slippages_per_day"),
)  # fmt: skip
UNITS = {
    "slippage_points": "points", "max_slippage_ratio": "times", "max_open_positions": "positions", "min_trading_days": "days",
    "max_consecutive_losses": "trades", "max_order_errors_per_hour": "orders", "max_slippages_per_day": "fills",
    "reset_guard_s": "s", "news_before_s": "s", "news_after_s": "s", "flat_guard_s": "s", "max_correlation": "",
}  # fmt: skip


@styled
class LimitsForm(forms.Form):
    """Every limit the judge reads, and the mode of each check."""

    daily_loss = PercentField("Daily loss at most")
    daily_fraction_of = forms.ChoiceField(label="That is a share of", choices=SHARES_OF)
    daily_base = forms.ChoiceField(label="The day’s loss counts from", choices=DAY_BASES)
    daily_kind = forms.ChoiceField(label="When it is broken", choices=KINDS)
    total_drawdown = PercentField("Total drawdown at most", "Of the initial balance.")
    drawdown_mode = forms.ChoiceField(label="Its floor", choices=FLOORS)
    drawdown_locks_at_initial = YesNoField(
        "Locks at the start", "A moving floor goes no higher than the initial balance."
    )
    halted_fraction = PercentField("No new risk from", "Share of a limit that is used.")
    reset_guard_s = SecondsField("Next day’s floor counts", "So long before the day turns.")
    risk_per_trade = PercentField("Risk of one trade at most")
    max_position_fraction = MaybePercentField("Margin of one position", "At most, of the lower of balance and equity.")
    max_stop_fraction = MaybePercentField("Stop at most so far away", "Of the entry price.")
    trailing_stop_fraction = MaybePercentField(
        "Trailing stop",
        "Of the entry price, where a strategy names none; for trades approved from now on.",
        empty="none",
    )
    spread_fraction = PercentField("Spread at most", "Of the stop’s distance; for bots tagged @scalping.")
    slippage_points = forms.IntegerField(label="Slippage reckoned with", min_value=0, max_value=86_400)
    max_slippage_ratio = forms.DecimalField(
        label="A fill is closed beyond", help_text="Times its planned risk.", min_value=Decimal("0.1"), max_value=10
    )
    room_share = MaybePercentField("One trade takes at most", "Of the room that is left; shrinks lots.")
    daily_risk = MaybePercentField("Approved in a day at most", "Risk of all trades approved since the day turned.")
    max_open_positions = CountField("Open positions at most", least=0, most=86_400)
    max_open_risk_fraction = MaybePercentField("Everything open may lose", "To its stops.")
    max_cluster_risk_fraction = MaybePercentField("A cluster may risk", "Symbols that move together.")
    max_correlation = forms.DecimalField(
        label="Correlation at most",
        help_text="With a symbol that is held, from 0 to 1; unknown counts as 1.",
        required=False,
        widget=forms.NumberInput(attrs={"placeholder": NO_LIMIT}),
        min_value=Decimal("0.0001"),
        max_value=1,
    )
    max_currency_risk_fraction = MaybePercentField("One currency may risk")
    forbid_opposite_positions = YesNoField("Forbid opposite positions", "Across all accounts of the team.")
    unprotected_move_fraction = MaybePercentField(
        "Without a stop it loses",
        "Of its price, as a position without a stop is counted. Empty: nobody knows, and nothing new is approved.",
        empty="unknown",
    )
    active_capital_ratio = PercentField("Capital that may be risked", "Of balance or equity.")
    news_before_s = SecondsField("Before a release", "Needs an imported calendar.", required=False)
    news_after_s = SecondsField("After a release", "Needs an imported calendar.", required=False)
    weekend_holding = YesNoField("Over the weekend", "Whether positions may stay open.")
    flat_by = forms.CharField(
        required=False,
        max_length=60,
        label="Everything is closed by",
        help_text="Like 15:10 America/Chicago.",
        widget=forms.TextInput(attrs={"placeholder": NO_LIMIT}),
    )
    flat_guard_s = SecondsField("Nothing is opened", "So long before the week’s end, or that hour.")
    consistency_fraction = MaybePercentField("One day may bring at most", "Of the profit.")
    profit_target_fraction = MaybePercentField("Profit target", "Of the initial balance.", empty="none")
    min_trading_days = CountField("Trading days at least", "Only said, never a denial.", least=0)
    max_consecutive_losses = CountField("Losing trades in a row", "Then a bot waits for the next day.")
    max_order_errors_per_hour = CountField("Rejected orders in an hour", "Then a bot waits for the next day.")
    max_slippages_per_day = CountField("Slipped fills in a day", "Then a bot goes into quarantine.")
    mode = forms.ChoiceField(
        label="All limits", choices=MODES, help_text="The milder of this and the check’s own holds."
    )
    password = forms.CharField(
        required=False,
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Only where a limit allows more than before.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for check in CHECK_WORDS:
            self.fields[f"{MODE}{check}"] = forms.ChoiceField(label=CHECK_WORDS[check], choices=MODES)
        if self.is_bound:
            for name in self.fields.keys() - self.data.keys():
                self.fields[name].required = False

    @property
    def groups(self) -> Iterator[Group]:
        """Yield the fields as the page shows them."""
        for key, title, hint, names in LAYOUT:
            yield Group(key, title, hint, [(self[name], self._unit(name)) for name in names.split()])

    @property
    def checks(self) -> list[forms.BoundField]:
        """Return the mode of all limits, and of each check."""
        return [self["mode"], *(self[f"{MODE}{check}"] for check in CHECK_WORDS)]

    @property
    def milder(self) -> list[str]:
        """Return the checks that are not enforced, by name: what a person has to see without unfolding anything."""
        return [str(field.label) for field in self.checks if field.value() not in (None, "ENFORCE")]

    @staticmethod
    def read_document(limits: Limits) -> dict[str, object]:
        """Return the form's first values."""
        modes = {f"{MODE}{check}": dict(limits.modes).get(check, "ENFORCE") for check in LIMIT_CHECKS}
        shown = {name: getattr(limits, PERCENTS.get(name, name)) for name in _limit_fields()}
        return {name: _show(name, value) for name, value in shown.items()} | modes

    def as_document(self, in_force: Limits) -> dict[str, object]:
        """Return the part of a limit document that the form says; a check's mode that was not sent stays."""
        data = {name: value for name, value in self.cleaned_data.items() if name in self.data}
        said = {PERCENTS.get(name, name): _read(name, data[name]) for name in _limit_fields() if name in data}
        modes = {name.removeprefix(MODE): value for name, value in data.items() if name.startswith(MODE)}
        if modes:
            kept = {**dict(in_force.modes), **modes}
            said["modes"] = {check: mode for check, mode in kept.items() if mode != "ENFORCE"}
        return said

    def place(self, path: str | None) -> str | None:
        """Return the field that shows a refusal of that limit; None for the form as a whole."""
        name = {limit: field for field, limit in PERCENTS.items()}.get(path or "", path or "")
        return name if name in self.fields else None

    def _unit(self, name: str) -> str:
        return "%" if isinstance(self.fields[name], PercentField) else UNITS.get(name, "")


def _limit_fields() -> list[str]:
    return [name for name in LimitsForm.base_fields if name != "password"]


def _show(name: str, value: Any) -> object:
    field = LimitsForm.base_fields[name]
    if isinstance(field, YesNoField):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{(value * HUNDRED if isinstance(field, PercentField) else value).normalize():f}"
    return value


def _read(name: str, value: Any) -> object:
    field = LimitsForm.base_fields[name]
    if isinstance(field, YesNoField):
        return value == "yes"
    if isinstance(value, Decimal):
        return f"{value / HUNDRED if isinstance(field, PercentField) else value:f}"
    return None if value == "" else value
