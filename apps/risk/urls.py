from django.urls import URLPattern, path

from apps.risk import api, bulk_api, pack_api

app_name = "risk"
urlpatterns: list[URLPattern] = [
    path("trades/approve", api.ApproveTradeApi.as_view(), name="approve"),
    path("accounts/<str:account>/state", api.AccountStateApi.as_view(), name="account-state"),
    path("accounts/<str:account>/limits", api.AccountLimitsApi.as_view(), name="account-limits"),
    path("accounts/<str:account>/halt", api.AccountHaltApi.as_view(), name="account-halt"),
    path("accounts/<str:account>/lift", api.AccountLiftApi.as_view(), name="account-lift"),
    path("accounts/<str:account>/flatten", bulk_api.AccountFlattenApi.as_view(), name="account-flatten"),
    path("bulk", bulk_api.BulkApi.as_view(), name="bulk"),
    path("bulk/<str:batch>", bulk_api.BulkProgressApi.as_view(), name="bulk-progress"),
    path("accounts/<str:account>/pack", pack_api.AccountPackApi.as_view(), name="account-pack"),
    path("accounts/<str:account>/pack/preview", pack_api.AccountPackPreviewApi.as_view(), name="account-pack-preview"),
    path("accounts/<str:account>/pack/bind", pack_api.AccountPackBindApi.as_view(), name="account-pack-bind"),
    path("accounts/<str:account>/pack/leave", pack_api.AccountPackLeaveApi.as_view(), name="account-pack-leave"),
    path("approvals", api.ApprovalsApi.as_view(), name="approvals"),
    path("risk/events", api.RiskEventsApi.as_view(), name="risk-events"),
]
