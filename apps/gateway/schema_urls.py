from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

app_name = "schema"
urlpatterns = [
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    # The split view loads its script from a second address: nothing inline, as the content policy wants.
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema:schema"), name="docs"),
]
