from django.urls import path

from apps.executors import api

app_name = "executors"
urlpatterns = [
    path("executors", api.ExecutorsApi.as_view(), name="executors"),
    path("executors/<str:executor>/keys/rotate", api.RotateExecutorKeyApi.as_view(), name="executor-key-rotate"),
    path("executors/<str:executor>/keys/revoke", api.RevokeExecutorKeysApi.as_view(), name="executor-keys-revoke"),
    path("executors/<str:executor>/commands", api.CommandsApi.as_view(), name="executor-commands"),
    path("executors/<str:executor>/log", api.LogApi.as_view(), name="executor-log"),
    path("executors/<str:executor>/files", api.FilesApi.as_view(), name="executor-files"),
    path("executors/<str:executor>/files/<str:file>", api.FileApi.as_view(), name="executor-file"),
]
