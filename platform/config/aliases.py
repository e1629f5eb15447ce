"""The paths the specs use that are not ours: one table, each line an old path onto one of our views."""

from __future__ import annotations

from django.urls import URLPattern, path
from django.utils.module_loading import import_string

# (the spec's path, our view by dotted name).
# These views answer in the spec's own form and have no other path.
OWN_FORM: list[tuple[str, str]] = [
    # Strategy Execution guide: the executor
    ("api/executor/config", "apps.gateway.spec_api.ExecutorConfigApi"),
    ("api/executor/<str:executor>/heartbeat", "apps.gateway.spec_api.HeartbeatApi"),
    ("api/executor/<str:executor>/command", "apps.gateway.spec_api.CommandAnswerApi"),
    ("api/trade", "apps.gateway.spec_api.GuideTradeApi"),
    ("api/pusher/auth", "apps.gateway.spec_api.PusherAuthApi"),
    # Strategy Execution guide: the dashboard
    ("api/strategy/<str:strategy>/activate", "apps.gateway.spec_api.GuideActivateApi"),
    ("api/strategy/<str:strategy>/deactivate", "apps.gateway.spec_api.GuideDeactivateApi"),
]
ALIASES: list[tuple[str, str]] = [
    ("api/trades", "apps.trades.api.TradesApi"),
    # GeneBot's orchestrator, which names a strategy by its handle: disabled it opens nothing, its exits go on
    ("api/strategies/<str:strategy>/enable", "apps.assignments.api.ResumeStrategyApi"),
    ("api/strategies/<str:strategy>/disable", "apps.assignments.api.PauseStrategyApi"),
]


def alias_patterns() -> list[URLPattern]:
    """Return a URL pattern for each line; the OpenAPI description shows a view under one path only."""
    own = [path(route, import_string(view).as_view()) for route, view in OWN_FORM]
    return own + [path(route, import_string(view).as_view(schema=None)) for route, view in ALIASES]
