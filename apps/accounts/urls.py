from django.urls import path

from apps.accounts import api

app_name = "accounts"
urlpatterns = [
    path("accounts", api.AccountsApi.as_view(), name="accounts"),
    path("accounts/<str:account>", api.AccountApi.as_view(), name="account"),
]
