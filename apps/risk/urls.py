from django.urls import URLPattern, path

from apps.risk import api, bot_api, comparison_api, pack_api, validate_api

app_name = "risk"
urlpatterns: list[URLPattern] = [
    path("trades/approve", api.ApproveTradeApi.as_view(), name="approve"),
    path("accounts/<str:account>/state", api.AccountStateApi.as_view(), name="account-state"),
    path("accounts/<str:account>/limits", api.AccountLimitsApi.as_view(), name="account-limits"),
    path("accounts/<str:account>/halt", api.AccountHaltApi.as_view(), name="account-halt"),
    path("accounts/<str:account>/lift", api.AccountLiftApi.as_view(), name="account-lift"),
    path("accounts/<str:account>/pack", pack_api.AccountPackApi.as_view(), name="account-pack"),
    path("accounts/<str:account>/pack/preview", pack_api.AccountPackPreviewApi.as_view(), name="account-pack-preview"),
    path("accounts/<str:account>/pack/bind", pack_api.AccountPackBindApi.as_view(), name="account-pack-bind"),
    path("accounts/<str:account>/pack/leave", pack_api.AccountPackLeaveApi.as_view(), name="account-pack-leave"),
    path("approvals", api.ApprovalsApi.as_view(), name="approvals"),
    path("bots/<str:bot_id>", bot_api.BotApi.as_view(), name="bot"),
    path("bots/<str:bot_id>/comparison", comparison_api.BotComparisonApi.as_view(), name="bot-comparison"),
    path(
        "strategies/<str:strategy>/comparison",
        comparison_api.StrategyComparisonApi.as_view(),
        name="strategy-comparison",
    ),
    path("risk/validate", validate_api.ValidateTradeApi.as_view(), name="validate"),
    path("risk/events", api.RiskEventsApi.as_view(), name="risk-events"),
]
