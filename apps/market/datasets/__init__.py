"""Datasets: bars of the past from files, terminals and exchanges, made once, never changed, read by backtests."""
