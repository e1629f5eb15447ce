"""Backtests: the engine's loop over closed bars."""
