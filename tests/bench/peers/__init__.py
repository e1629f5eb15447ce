"""What the backtest's speed is held against. Each peer is a script of its own, run by a Python that has it installed."""
