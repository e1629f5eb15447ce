from django.urls import path

from apps.teams import api, openapi  # noqa: F401 - the second says how keys are described

app_name = "teams"
urlpatterns = [
    path("teams/me", api.MeApi.as_view(), name="me"),
    path("members", api.MembersApi.as_view(), name="members"),
    path("audit", api.AuditApi.as_view(), name="audit"),
    path("keys", api.KeysApi.as_view(), name="keys"),
    path("keys/<str:key_id>", api.KeyApi.as_view(), name="key"),
    path("keys/<str:key_id>/rotate", api.RotateKeyApi.as_view(), name="key-rotate"),
]
