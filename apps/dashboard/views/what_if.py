"""What other limits would have done to an account: a question in the query, answered without changing anything."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from apps.accounts.selectors import list_packs
from apps.common.errors import PlatformError
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.what_if import WhatIfForm
from apps.dashboard.pages import render_page
from apps.dashboard.selectors import what_if as selectors
from apps.dashboard.views.accounts import get_account


@require_safe
@page()
def show(request: PageRequest, account: str) -> HttpResponse:
    row, viewer = get_account(request, account), request.viewer
    first, last = selectors.find_span_of_days(row)
    versions = list_packs(viewer.team.pk, viewer.at.date())
    asked = request.GET if "first" in request.GET else None
    form = WhatIfForm(asked, versions=versions, initial={"first": first, "last": last})
    context = {"account": row, "form": form, "has_days": first is not None}
    if form.is_bound and form.is_valid():
        given, (code, phase) = form.cleaned_data, form.wanted
        period = {"first": given["first"], "last": given["last"]}
        try:
            context |= selectors.describe_what_if(
                row, code=code, phase=phase, changes=form.changes, at=viewer.at, **period
            )
            context["shadows"] = selectors.read_shadows(row, **period)
        except PlatformError as refusal:
            form.add_error(None, refusal.message)
    status = 422 if form.errors else 200
    return render_page(request, "dashboard/what_if.html", None, context, section="risk", status=status)
