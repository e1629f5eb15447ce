"""Writes of the backtests: asking, working, cancelling. What computes is imported by the compute worker only, when it works."""
