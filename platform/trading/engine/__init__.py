"""The engine: `decide` and `match`, one rule each, shared by backtest, simulator and agent."""
