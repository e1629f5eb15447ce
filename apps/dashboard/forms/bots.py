"""What the list of bots is narrowed to, and a change of status with its reason."""

from __future__ import annotations

from django import forms
from django.http import QueryDict

from apps.accounts.models import Account
from apps.bots.models import BotStatus, Guild, Stage
from apps.bots.selectors import BotFilter
from apps.teams.models import Team


class StatusForm(forms.Form):
    """A status a person may set; retiring has a page of its own."""

    status = forms.ChoiceField(
        choices=[(one, one) for one in (BotStatus.ACTIVE, BotStatus.PAUSED, BotStatus.QUARANTINE)]
    )
    reason = forms.CharField(max_length=200, required=False)


class StageForm(forms.Form):
    stage = forms.ChoiceField(choices=Stage.choices)


def read_bot_filter(team: Team, asked: QueryDict) -> BotFilter:
    """Return the filter an address asks for; what makes no sense narrows nothing, an unknown account finds nothing."""
    status, guild = asked.get("status", "").upper(), asked.get("guild", "").upper()
    account = Account.objects.filter(team=team, code=asked.get("account", "")[:64]).first()
    return BotFilter(
        status=status if status in BotStatus.values else "",
        guild=guild if guild in Guild.values else "",
        tag=asked.get("tag", "").strip()[:40],
        account_id=account.pk if account else None,
        search=asked.get("q", "").strip()[:80],
    )
