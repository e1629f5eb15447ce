from django.urls import path

from apps.bots import api

app_name = "bots"
urlpatterns = [
    path("bots", api.BotsApi.as_view(), name="bots"),
    path("bots/register", api.RegisterBotApi.as_view(), name="bot-register"),
    path("bots/<str:bot_id>/status", api.BotStatusApi.as_view(), name="bot-status"),
    path("bots/<str:bot_id>/stage", api.BotStageApi.as_view(), name="bot-stage"),
    path("bots/<str:bot_id>/session", api.BotSessionApi.as_view(), name="bot-session"),
]
