"""Evidence of a day: the signed dispute pack, for the owner's hands."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.views.decorators.http import require_safe

from apps.dashboard.access import PageRequest, page
from apps.dashboard.views.accounts import get_account
from apps.risk.dispute.handing import answer_with_pack
from apps.teams.models import Role


@require_safe
@page()
def download_pack(request: PageRequest, account: str, day: str) -> HttpResponseBase:
    request.viewer.require(Role.OWNER)
    row = get_account(request, account)
    return answer_with_pack(row, day, actor=request.viewer.actor, at=request.viewer.at)
