from django.urls import path

from apps.strategies import api

app_name = "strategies"
urlpatterns = [
    path("strategies", api.StrategiesApi.as_view(), name="strategies"),
    path("strategies/<str:strategy>", api.StrategyApi.as_view(), name="strategy"),
]
