"""The first page."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from apps.dashboard.access import PageRequest, page
from apps.dashboard.pages import render_page
from apps.dashboard.selectors.overview import describe_overview


@require_safe
@page()
def show(request: PageRequest) -> HttpResponse:
    context = describe_overview(request.viewer.team, request.viewer.at)
    return render_page(request, "dashboard/overview.html", "dashboard/_overview.html", context, section="overview")
