from django.urls import path

from apps.gateway import doors, ea_api, ticket_api

app_name = "gateway"
urlpatterns = [
    path("executor/hello", doors.HelloDoor.as_view(), name="executor-hello"),
    path("executor/desired", doors.DesiredDoor.as_view(), name="executor-desired"),
    path("executor/snapshot", doors.SnapshotDoor.as_view(), name="executor-snapshot"),
    path("executor/reports", doors.ReportsDoor.as_view(), name="executor-reports"),
    path("executor/symbols", doors.SymbolsDoor.as_view(), name="executor-symbols"),
    path("executor/bars", doors.BarsDoor.as_view(), name="executor-bars"),
    path("executor/history", doors.HistoryDoor.as_view(), name="executor-history"),
    path("executor/log", doors.LogDoor.as_view(), name="executor-log"),
    path("executor/files", doors.FilesDoor.as_view(), name="executor-files"),
    path("trades/opened", ea_api.TradeOpenedApi.as_view(), name="trade-opened"),
    path("trades/closed", ea_api.TradeClosedApi.as_view(), name="trade-closed"),
    path("ws/tickets", ticket_api.SocketTicketApi.as_view(), name="ws-tickets"),
]
