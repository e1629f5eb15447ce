from django.urls import URLPattern, path

from apps.risk import api

app_name = "risk"
urlpatterns: list[URLPattern] = [
    path("trades/approve", api.ApproveTradeApi.as_view(), name="approve"),
    path("accounts/<str:account>/state", api.AccountStateApi.as_view(), name="account-state"),
    path("accounts/<str:account>/limits", api.AccountLimitsApi.as_view(), name="account-limits"),
    path("accounts/<str:account>/halt", api.AccountHaltApi.as_view(), name="account-halt"),
    path("accounts/<str:account>/lift", api.AccountLiftApi.as_view(), name="account-lift"),
    path("approvals", api.ApprovalsApi.as_view(), name="approvals"),
    path("risk/events", api.RiskEventsApi.as_view(), name="risk-events"),
]
