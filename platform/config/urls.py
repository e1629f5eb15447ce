"""Every path of the platform. Apps are named by dotted string only, so the project imports none of them."""

from django.contrib import admin
from django.urls import include, path

from config.aliases import alias_patterns

API = [
    "apps.teams.urls",
    "apps.accounts.urls",
    "apps.strategies.urls",
    "apps.market.urls",
    "apps.executors.urls",
    "apps.bots.urls",
    "apps.backtests.urls",
    "apps.trades.urls",
    "apps.assignments.urls",
    "apps.risk.urls",
    "apps.gateway.urls",
]

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    *[path("api/v1/", include(module)) for module in API],
    path("api/", include("apps.gateway.schema_urls")),
    path("", include("apps.gateway.health_urls")),
    *alias_patterns(),
    path("", include("apps.dashboard.urls")),
]

handler400 = "apps.common.refusing.bad_request"
handler403 = "apps.common.refusing.permission_denied"
handler404 = "apps.common.refusing.page_not_found"
handler500 = "apps.common.refusing.server_error"
