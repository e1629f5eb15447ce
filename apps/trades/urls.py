from django.urls import path

from apps.trades import api

app_name = "trades"
urlpatterns = [
    path("trades", api.TradesApi.as_view(), name="trades"),
    path("bots/<str:bot_id>", api.BotApi.as_view(), name="bot"),
]
