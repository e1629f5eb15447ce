from django.urls import path

from apps.backtests import api, study_api

app_name = "backtests"
urlpatterns = [
    path("backtests", api.BacktestsApi.as_view(), name="backtests"),
    path("backtests/<str:backtest>", api.BacktestApi.as_view(), name="backtest"),
    path("backtests/<str:backtest>/cancel", api.CancelBacktestApi.as_view(), name="backtest-cancel"),
    path("backtests/<str:backtest>/retry", api.RetryBacktestApi.as_view(), name="backtest-retry"),
    path("backtests/<str:backtest>/trades", api.BacktestTradesApi.as_view(), name="backtest-trades"),
    path("backtests/<str:backtest>/equity", api.BacktestEquityApi.as_view(), name="backtest-equity"),
    path("strategies/<str:strategy>/backtests", api.StrategyBacktestsApi.as_view(), name="strategy-backtests"),
    path("studies", study_api.StudiesApi.as_view(), name="studies"),
    path("studies/<str:study>", study_api.StudyApi.as_view(), name="study"),
    path("studies/<str:study>/cancel", study_api.CancelStudyApi.as_view(), name="study-cancel"),
    path("studies/<str:study>/resume", study_api.ResumeStudyApi.as_view(), name="study-resume"),
    path("studies/<str:study>/versions", study_api.SavePointApi.as_view(), name="study-versions"),
    path("studies/<str:study>/trials", study_api.TrialsApi.as_view(), name="study-trials"),
    path("rule-packs", study_api.RulePacksApi.as_view(), name="rule-packs"),
    path("catalogue", study_api.CatalogueApi.as_view(), name="catalogue"),
]
