from django.urls import path

from apps.strategies import api

app_name = "strategies"
urlpatterns = [
    path("strategies/rules/schema", api.RulesSchemaApi.as_view(), name="rules-schema"),
    path("strategies", api.StrategiesApi.as_view(), name="strategies"),
]
