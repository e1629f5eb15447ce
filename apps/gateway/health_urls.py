from django.urls import path

from apps.gateway import health

app_name = "health"
urlpatterns = [
    path("healthz", health.live, name="live"),
    path("readyz", health.ready, name="ready"),
]
