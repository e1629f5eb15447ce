from django.urls import path

from apps.market import api, news_api
from apps.market.datasets import api as datasets

app_name = "market"
urlpatterns = [
    path("symbols/<str:symbol>", api.SymbolApi.as_view(), name="symbol"),
    path("symbols/<str:symbol>/accept", api.AcceptSymbolApi.as_view(), name="symbol-accept"),
    path("news", news_api.NewsApi.as_view(), name="news"),
    path("certificates", api.CertificatesApi.as_view(), name="certificates"),
    path("datasets", datasets.DatasetsApi.as_view(), name="datasets"),
    path("datasets/from-terminal", datasets.DatasetsFromTerminalApi.as_view(), name="datasets-from-terminal"),
    path("datasets/from-exchange", datasets.DatasetsFromExchangeApi.as_view(), name="datasets-from-exchange"),
    path("datasets/<str:dataset>", datasets.DatasetApi.as_view(), name="dataset"),
    path("datasets/<str:dataset>/bars", datasets.DatasetBarsApi.as_view(), name="dataset-bars"),
    path("datasets/<str:dataset>/export", datasets.DatasetExportApi.as_view(), name="dataset-export"),
    path("dataset-imports", datasets.DatasetImportsApi.as_view(), name="dataset-imports"),
    path("dataset-imports/<str:dataset_import>", datasets.DatasetImportApi.as_view(), name="dataset-import"),
]
