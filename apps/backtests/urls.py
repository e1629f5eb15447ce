from django.urls import path

from apps.backtests import api

app_name = "backtests"
urlpatterns = [
    path("backtests", api.BacktestsApi.as_view(), name="backtests"),
    path("backtests/<str:backtest>", api.BacktestApi.as_view(), name="backtest"),
    path("backtests/<str:backtest>/cancel", api.CancelBacktestApi.as_view(), name="backtest-cancel"),
    path("backtests/<str:backtest>/retry", api.RetryBacktestApi.as_view(), name="backtest-retry"),
    path("backtests/<str:backtest>/trades", api.BacktestTradesApi.as_view(), name="backtest-trades"),
    path("backtests/<str:backtest>/equity", api.BacktestEquityApi.as_view(), name="backtest-equity"),
    path("strategies/<str:strategy>/backtests", api.StrategyBacktestsApi.as_view(), name="strategy-backtests"),
]
