from django.urls import URLPattern, path

from apps.risk import (
    api,
    bot_api,
    comparison_api,
    evidence_api,
    halt_api,
    pack_api,
    promotion_api,
    watch_api,
    what_if_api,
)

app_name = "risk"
urlpatterns: list[URLPattern] = [
    path("trades/approve", api.ApproveTradeApi.as_view(), name="approve"),
    path("accounts/<str:account>/state", api.AccountStateApi.as_view(), name="account-state"),
    path("accounts/<str:account>/limits", api.AccountLimitsApi.as_view(), name="account-limits"),
    path("accounts/<str:account>/halt", halt_api.AccountHaltApi.as_view(), name="account-halt"),
    path("accounts/<str:account>/lift", halt_api.AccountLiftApi.as_view(), name="account-lift"),
    path("accounts/<str:account>/unhalt", halt_api.AccountUnhaltApi.as_view(), name="account-unhalt"),
    path("accounts/<str:account>/forecast", watch_api.AccountForecastApi.as_view(), name="account-forecast"),
    path("accounts/<str:account>/largest-lot", watch_api.AccountLargestLotApi.as_view(), name="account-largest-lot"),
    path("accounts/<str:account>/pack", pack_api.AccountPackApi.as_view(), name="account-pack"),
    path("accounts/<str:account>/pack/preview", pack_api.AccountPackPreviewApi.as_view(), name="account-pack-preview"),
    path("accounts/<str:account>/pack/bind", pack_api.AccountPackBindApi.as_view(), name="account-pack-bind"),
    path("accounts/<str:account>/pack/leave", pack_api.AccountPackLeaveApi.as_view(), name="account-pack-leave"),
    path(
        "accounts/<str:account>/days/<str:day>/dispute-pack",
        evidence_api.DisputePackApi.as_view(),
        name="account-dispute-pack",
    ),
    path("accounts/<str:account>/what-if", what_if_api.WhatIfApi.as_view(), name="account-what-if"),
    path("accounts/<str:account>/shadow", what_if_api.ShadowReportApi.as_view(), name="account-shadow"),
    path("evidence/keys", evidence_api.SigningKeysApi.as_view(), name="evidence-keys"),
    path("approvals", api.ApprovalsApi.as_view(), name="approvals"),
    path("bots/<str:bot_id>", bot_api.BotApi.as_view(), name="bot"),
    path("bots/<str:bot_id>/promotion", promotion_api.BotPromotionApi.as_view(), name="bot-promotion"),
    path("bots/<str:bot_id>/comparison", comparison_api.BotComparisonApi.as_view(), name="bot-comparison"),
    path(
        "strategies/<str:strategy>/comparison",
        comparison_api.StrategyComparisonApi.as_view(),
        name="strategy-comparison",
    ),
    path("bots/<str:bot_id>/breaker/lift", halt_api.BreakerLiftApi.as_view(), name="bot-breaker-lift"),
    path("risk/halt", halt_api.TeamHaltApi.as_view(), name="team-halt"),
    path("risk/unhalt", halt_api.TeamLiftApi.as_view(), name="team-unhalt"),
    path("risk/events", watch_api.RiskEventsApi.as_view(), name="risk-events"),
    path("risk/events/<str:event>/acknowledge", watch_api.RiskEventAcknowledgeApi.as_view(), name="risk-event-ack"),
]
