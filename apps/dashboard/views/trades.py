"""The journal: every trade, the whole story of one, and the list as a file."""

from __future__ import annotations

from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from apps.dashboard.access import PageRequest, page
from apps.dashboard.exports import stream_trades
from apps.dashboard.forms.trades import read_filter
from apps.dashboard.pages import render_page
from apps.dashboard.paging import read_page_number, take_page
from apps.dashboard.selectors import trades as selectors
from apps.dashboard.selectors.rows import get_row
from apps.dashboard.selectors.standing import list_accounts
from apps.dashboard.selectors.strategies import list_strategies


@require_safe
@page()
def show_list(request: PageRequest) -> HttpResponse:
    team, wanted = request.viewer.team, read_filter(request.GET)
    found = take_page(selectors.filter_trades(team, wanted), read_page_number(request.GET.get("page", 1)))
    context = {
        "page": found,
        "rows": selectors.with_floating(found.rows),
        "wanted": wanted,
        "accounts": list_accounts(team).order_by("code").values_list("code", "name"),
        "strategies": list_strategies(team).order_by("name").values_list("slug", "name")[:500],
        "query_string": request.GET.urlencode(),
    }
    return render_page(request, "dashboard/trades.html", "dashboard/_trades.html", context, section="trades")


@require_safe
@page()
def show(request: PageRequest, trade: str) -> HttpResponse:
    row = get_row(selectors.list_trades(request.viewer.team), trade)
    return render_page(
        request, "dashboard/trade.html", "dashboard/_trade.html", selectors.tell_story(row), section="trades"
    )


@require_safe
@page()
def export(request: PageRequest) -> StreamingHttpResponse:
    rows = selectors.filter_trades(request.viewer.team, read_filter(request.GET))
    response = StreamingHttpResponse(stream_trades(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="trades-{request.viewer.at:%Y%m%d-%H%M}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response
