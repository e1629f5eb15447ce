from django.urls import path

from apps.trades import api, performance_api

app_name = "trades"
urlpatterns = [
    path("trades", api.TradesApi.as_view(), name="trades"),
    path("bots/<str:bot_id>/performance", performance_api.BotPerformanceApi.as_view(), name="bot-performance"),
]
