"""What a one-shot asks of a person before it is asked of an executor: its words, its consequences, its few fields."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms

from apps.dashboard.forms.fields import styled
from apps.executors.models import CommandKind


@styled
class PartForm(forms.Form):
    """How much of a position is closed; empty is all of it."""

    lots = forms.DecimalField(
        required=False, min_value=Decimal("0.00000001"), max_digits=16, decimal_places=8, label="Lots to close",
        help_text="Empty closes all of it. Rounded down to the broker’s step; what is left must be at least its smallest volume.",
    )  # fmt: skip


@styled
class BotForm(forms.Form):
    """Whose positions or orders are meant."""

    magic = forms.ChoiceField(label="Bot")

    def __init__(self, *args: Any, bots: list[tuple[str, str]], is_needed: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["magic"]
        field.choices = bots if is_needed else [("", "All of them"), *bots]
        field.required = is_needed

    def to_payload(self) -> dict[str, Any]:
        chosen = self.cleaned_data["magic"]
        return {"magic": int(chosen)} if chosen else {}


@styled
class HistoryForm(forms.Form):
    days = forms.IntegerField(
        required=False, min_value=1, max_value=3650, label="Days back", help_text="Empty asks for all the terminal has."
    )

    def to_payload(self) -> dict[str, Any]:
        days = self.cleaned_data.get("days")
        return {"days": days} if days else {}


@styled
class VersionForm(forms.Form):
    version = forms.RegexField(r"^[0-9A-Za-z.+-]{1,40}$", label="Wanted version", help_text="As in 0.2.0.")

    def to_payload(self) -> dict[str, Any]:
        return {"version": self.cleaned_data["version"]}


@styled
class SymbolsForm(forms.Form):
    symbols = forms.CharField(
        required=False, max_length=400, label="More symbols", help_text="Beside those in use, with commas between."
    )

    def to_payload(self) -> dict[str, Any]:
        named = [part.strip() for part in self.cleaned_data["symbols"].split(",") if part.strip()]
        return {"symbols": named[:50]} if named else {}


@dataclass(frozen=True)
class Question:
    """A one-shot as a page asks for it. ``form`` None where it has no field."""

    kind: str
    path: str
    title: str
    button: str
    says: list[str]
    form: type[forms.Form] | None = None
    is_grave: bool = False


QUESTIONS = {
    each.path: each
    for each in (
        Question(
            CommandKind.CLOSE_BOT, "close-bot", "Close all of a bot", "Close all of it at the market",
            ["Every position this bot has open now is closed at the market. What it opens later is not touched: it runs on. To end that, stop its strategy.", "Other bots’ and your own positions are not touched.", "It does not expire: a silent agent does it when it is back."],
            BotForm, is_grave=True,
        ),
        Question(
            CommandKind.CANCEL_PENDINGS, "cancel-pendings", "Cancel waiting orders", "Cancel the waiting orders",
            ["The orders that wait at the broker now are cancelled, of all or of one bot. Positions stay.", "It does not expire: a silent agent does it when it is back."],
            BotForm, is_grave=True,
        ),
        Question(
            CommandKind.PULL_HISTORY, "pull-history", "Pull the deal history", "Ask for the history",
            ["Old deals are booked here; one that is booked already is not counted again.", "Nothing is traded."],
            HistoryForm,
        ),
        Question(
            CommandKind.PREFLIGHT, "preflight", "Ask for the terminal’s facts", "Ask for the facts",
            ["The agent answers what its terminal says of itself, of the account and of its symbols.", "Nothing is traded."],
            SymbolsForm,
        ),
        Question(
            CommandKind.UPGRADE, "upgrade", "Ask for another version", "Say which version is wanted",
            ["An agent does not replace itself. It answers whether it is that version, or how it is brought there by a person at its machine.", "It keeps running meanwhile."],
            VersionForm,
        ),
        Question(
            CommandKind.SEND_JOURNAL, "send-journal", "Fetch the agent’s journal", "Ask for the journal",
            ["The agent sends what it wrote down before it acted: wishes, orders, positions, reports, commands. Keys, passwords and lease tokens are taken out at its machine.", "The newest ten files are kept here; only people who may trade can download them."],
        ),
        Question(
            CommandKind.SNAPSHOT, "snapshot", "Ask for a fresh snapshot", "Ask for a fresh snapshot",
            ["The agent looks at its terminal now and tells what it sees. Nothing is traded."],
        ),
    )
}  # fmt: skip
