from django.urls import path

from apps.market import api

app_name = "market"
urlpatterns = [path("symbols/<str:symbol>", api.SymbolApi.as_view(), name="symbol")]
