from django.urls import path

from apps.trades import api, ledger_api, performance_api

app_name = "trades"
urlpatterns = [
    path("trades", api.TradesApi.as_view(), name="trades"),
    path("accounts/<str:account>/ledger", ledger_api.LedgerApi.as_view(), name="account-ledger"),
    path("bots/<str:bot_id>/performance", performance_api.BotPerformanceApi.as_view(), name="bot-performance"),
]
