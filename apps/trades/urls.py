from django.urls import path

from apps.trades import api

app_name = "trades"
urlpatterns = [
    path("trades", api.TradesApi.as_view(), name="trades"),
]
