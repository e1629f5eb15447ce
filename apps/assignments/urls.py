from django.urls import path

from apps.assignments import api, commands_api, preflight_api, results_api, subjects_api

app_name = "assignments"
urlpatterns = [
    path("strategies/<str:strategy>", subjects_api.StrategyApi.as_view(), name="strategy"),
    path("executors/<str:executor>", subjects_api.ExecutorApi.as_view(), name="executor"),
    path("strategies/<str:strategy>/activate", api.ActivateApi.as_view(), name="strategy-activate"),
    path("strategies/<str:strategy>/preflight", preflight_api.PreflightApi.as_view(), name="strategy-preflight"),
    path("strategies/<str:strategy>/pause", api.PauseStrategyApi.as_view(), name="strategy-pause"),
    path("strategies/<str:strategy>/resume", api.ResumeStrategyApi.as_view(), name="strategy-resume"),
    path("strategies/<str:strategy>/stop", api.StopStrategyApi.as_view(), name="strategy-stop"),
    path("strategies/<str:strategy>/update", api.UpdateStrategyApi.as_view(), name="strategy-update"),
    path("strategies/<str:strategy>/results", results_api.ResultsApi.as_view(), name="strategy-results"),
    path("assignments", api.AssignmentsApi.as_view(), name="assignments"),
    path("assignments/<str:assignment>", api.AssignmentApi.as_view(), name="assignment"),
    path("assignments/<str:assignment>/timeline", commands_api.TimelineApi.as_view(), name="assignment-timeline"),
    path("assignments/<str:assignment>/close", commands_api.CloseBotApi.as_view(), name="assignment-close"),
    path("commands", commands_api.CommandsApi.as_view(), name="commands"),
    path("commands/<str:command>", commands_api.CommandApi.as_view(), name="command"),
    path("assignments/<str:assignment>/pause", api.PauseAssignmentApi.as_view(), name="assignment-pause"),
    path("assignments/<str:assignment>/resume", api.ResumeAssignmentApi.as_view(), name="assignment-resume"),
    path("assignments/<str:assignment>/stop", api.StopAssignmentApi.as_view(), name="assignment-stop"),
    path("assignments/<str:assignment>/update", api.UpdateAssignmentApi.as_view(), name="assignment-update"),
]
