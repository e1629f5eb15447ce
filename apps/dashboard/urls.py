"""Addresses of the pages. A state, filter, period or page number stands in the query."""

from django.urls import path, re_path

from apps.dashboard.views import accounts, activation, backtests, fleet, halt, overview, people, positions, strategies, trades

app_name = "dashboard"
ACT = r"(?P<act>pause|resume|stop|update)"

urlpatterns = [
    path("", overview.show, name="overview"),
    path("strategies", strategies.show_list, name="strategies"),
    path("strategies/new", strategies.create, name="strategy-new"),
    path("strategies/preview", strategies.preview, name="strategy-preview"),
    path("strategies/<str:strategy>", strategies.show, name="strategy"),
    path("strategies/<str:strategy>/edit", strategies.edit, name="strategy-edit"),
    path("strategies/<str:strategy>/clone", strategies.clone, name="strategy-clone"),
    path("strategies/<str:strategy>/archive", strategies.archive, name="strategy-archive"),
    path("strategies/<str:strategy>/activate", activation.activate, name="activate"),
    re_path(rf"^strategies/(?P<strategy>[^/]+)/{ACT}$", activation.act_on_strategy, name="strategy-act"),
    re_path(rf"^assignments/(?P<assignment>[^/]+)/{ACT}$", activation.act_on_assignment, name="assignment-act"),
    path("strategies/<str:strategy>/backtest", backtests.ask, name="backtest-new"),
    path("backtests", backtests.show_list, name="backtests"),
    path("backtests/compare", backtests.compare, name="backtests-compare"),
    path("backtests/<str:run>", backtests.show, name="backtest"),
    path("backtests/<str:run>/equity.json", backtests.equity_figures, name="backtest-equity"),
    path("backtests/<str:run>/candles.json", backtests.candle_figures, name="backtest-candles"),
    re_path(r"^backtests/(?P<run>[^/]+)/(?P<act>cancel|retry|delete)$", backtests.act, name="backtest-act"),
    path("fleet", fleet.show_list, name="fleet"),
    path("fleet/new", fleet.create, name="executor-new"),
    path("fleet/<str:executor>", fleet.show, name="executor"),
    path("fleet/<str:executor>/snapshot", fleet.ask_snapshot, name="executor-snapshot"),
    path("fleet/<str:executor>/rotate", fleet.rotate, name="executor-rotate"),
    path("fleet/<str:executor>/revoke", fleet.revoke, name="executor-revoke"),
    path("risk", accounts.show_list, name="risk"),
    path("risk/new", accounts.create, name="account-new"),
    path("risk/<str:account>", accounts.show, name="account"),
    path("risk/<str:account>/settings", accounts.settings, name="account-settings"),
    path("risk/<str:account>/limits", accounts.limits, name="account-limits"),
    path("risk/<str:account>/equity.json", accounts.equity_figures, name="account-equity"),
    path("risk/<str:account>/candles.json", accounts.candle_figures, name="account-candles"),
    path("risk/<str:account>/lift", halt.lift_account, name="account-lift"),
    path("risk/<str:account>/positions/<int:ticket>/close", positions.close, name="position-close"),
    path("halt", halt.halt, name="halt"),
    path("halt/lift", halt.lift_team, name="team-lift"),
    path("trades", trades.show_list, name="trades"),
    path("trades/export.csv", trades.export, name="trades-export"),
    path("trades/<str:trade>", trades.show, name="trade"),
    path("welcome", people.first_team, name="first-team"),
    path("team", people.team, name="team"),
    path("team/switch", people.switch_team, name="team-switch"),
    path("team/invite", people.invite, name="invite"),
    path("team/members/<str:member>", people.change_member, name="member"),
    path("join/<str:token>", people.join, name="join"),
    path("keys", people.keys, name="keys"),
    path("keys/<str:key>/rotate", people.rotate, name="key-rotate"),
    path("keys/<str:key>/revoke", people.revoke, name="key-revoke"),
    path("security", people.security, name="security"),
]
