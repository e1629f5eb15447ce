from django.urls import path

from apps.accounts import api, pack_api

app_name = "accounts"
urlpatterns = [
    path("accounts", api.AccountsApi.as_view(), name="accounts"),
    path("accounts/<str:account>", api.AccountApi.as_view(), name="account"),
    path("risk/packs", pack_api.PacksApi.as_view(), name="packs"),
    path("risk/packs/<str:pack>", pack_api.PackApi.as_view(), name="pack"),
    path("risk/packs/<str:pack>/clone", pack_api.PackCloneApi.as_view(), name="pack-clone"),
    path("risk/packs/<str:pack>/versions", pack_api.PackVersionsApi.as_view(), name="pack-versions"),
]
